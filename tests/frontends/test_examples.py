"""The scripts of docs/use_the_front_ends.md do what the page says, each in a process of its own."""

import json
import os
import subprocess
import sys
from pathlib import Path

import keras
import pytest

from frontends import Leaf, physical_parameters

ROOT = Path(__file__).parents[2]


def run(script: str, *arguments: str, backend: str = "tensorflow") -> str:
    """What a script of the docs prints."""
    environment = {**os.environ, "KERAS_BACKEND": backend, "JAX_PLATFORMS": "cpu", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-P", str(ROOT / "docs" / script), *arguments]
    return subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout


# Keras 3.15 converts weights in a way that NumPy 2.4 deprecates.
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_in_keras(tmp_path: Path) -> None:
    """The model learns, and the saved file opens elsewhere with its filters."""
    path = tmp_path / "model.keras"
    printed = json.loads(run("front_end_in_keras.py", str(path)).splitlines()[-1])
    assert printed["accuracy"] > 0.6  # of four classes
    assert printed["loss_by_epoch"][-1] < printed["loss_by_epoch"][0]
    leaf = keras.saving.load_model(path).get_layer("leaf")
    assert isinstance(leaf, Leaf)
    assert physical_parameters(leaf)["centre_hz"].shape == (16,)


def test_in_tf_data() -> None:
    """Ten WAV files become batches of four, four and two."""
    assert run("front_end_in_tf_data.py").split("\n")[:3] == ["4 100 64", "4 100 64", "2 100 64"]


def test_in_jax() -> None:
    """The loss falls."""
    first, last, _ = map(float, run("front_end_in_jax.py", backend="jax").split())
    assert last < 0.97 * first
