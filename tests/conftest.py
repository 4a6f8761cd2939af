"""What every test may use."""

from pathlib import Path

import pytest

SHARED = Path(__file__).parents[2] / "shared"


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real recordings and golden arrays; tests that need it skip where it is absent."""
    if not SHARED.is_dir():
        pytest.skip(f"needs real recordings and golden arrays in {SHARED}, which is not there")
    return SHARED
