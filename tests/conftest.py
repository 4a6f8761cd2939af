"""What every test may use."""

import gc
from pathlib import Path

import pytest

from infra.memory import collect_rarely

SHARED = Path(__file__).parents[2] / "shared"


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real recordings and golden arrays; tests that need it skip where it is absent."""
    if not SHARED.is_dir():
        pytest.skip(f"needs real recordings and golden arrays in {SHARED}, which is not there")
    return SHARED


def pytest_sessionstart() -> None:
    """Modules are loaded while tests are collected, TensorFlow among them: none of that is garbage."""
    gc.disable()


def pytest_collection_finish() -> None:
    """From here on garbage is looked for, as in a worker."""
    gc.freeze()
    gc.enable()
    collect_rarely()
