"""What every test may use."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.memory import collect_rarely, without_collection

SHARED = Path(__file__).parents[2] / "shared"


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real recordings and golden arrays; tests that need it skip where it is absent."""
    if not SHARED.is_dir():
        pytest.skip(f"needs real recordings and golden arrays in {SHARED}, which is not there")
    return SHARED


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """Modules are loaded while tests are collected; from then on garbage is looked for as in a worker."""
    with without_collection():
        result = yield
    collect_rarely()
    return result
