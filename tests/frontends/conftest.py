"""Fixtures for the front ends. `reference` and `signals` beside this file are imported by their names."""

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.append(str(Path(__file__).parent))


@pytest.fixture(scope="session")
def golden(shared: Path) -> dict[str, np.ndarray]:
    """Outputs of the original LEAF code."""
    with np.load(shared / "golden" / "leaf_reference.npz") as arrays:
        return dict(arrays)


@pytest.fixture
def rng() -> np.random.Generator:
    """The same numbers in every test."""
    return np.random.default_rng(0)
