"""What must survive a kill: weights, optimizer, random state, position and history, in one file."""

import dataclasses
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import keras
import numpy as np

from infra.files import write_atomically

LAST_NAME, BEST_NAME = "last.npz", "best.npz"


@dataclass
class Progress:
    """Where a training is.

    Attributes:
      epoch: epochs finished.
      step: steps finished in the epoch after those.
      sums: of these steps; see `training.tasks.history`.
      history: one mapping of metric to value for every finished epoch.
      best_epoch: 1-based, by the validation splits; 0 before the first.
      seconds: spent training and evaluating, over all runs.
      plan: what the front end's algorithm was planned for; empty where it plans nothing.
      learned: front-end parameter in physical units -> one [filters] array for the start and each epoch.
      incidents: what was not finite, and what was done about it; see `training.guard.guard`.
      rate_factor: that the learning rates are multiplied by because of them.
      energy_kwh: estimated, over all runs.
    """

    epoch: int = 0
    step: int = 0
    sums: dict[str, list[float]] = field(default_factory=dict)
    history: list[dict[str, float]] = field(default_factory=list)
    best_epoch: int = 0
    seconds: float = 0.0
    plan: dict[str, list[float]] = field(default_factory=dict)
    learned: dict[str, list[list[float]]] = field(default_factory=dict)
    incidents: list[dict[str, Any]] = field(default_factory=list)
    rate_factor: float = 1.0
    energy_kwh: float = 0.0


class CheckpointStore:
    """The checkpoints of one trial: the last one and the weights of the best epoch."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    @property
    def exists(self) -> bool:
        """Whether there is a last checkpoint."""
        return (self._folder / LAST_NAME).is_file()

    def save(self, variables: Sequence[Any], progress: Progress) -> None:
        """Replaces the last checkpoint."""
        arrays = _arrays(variables)
        arrays["progress"] = np.array(json.dumps(dataclasses.asdict(progress)))
        _write(self._folder / LAST_NAME, arrays)

    def restore(self, variables: Sequence[Any]) -> Progress:
        """Sets `variables` from the last checkpoint; without one, changes nothing and starts at 0."""
        path = self._folder / LAST_NAME
        if not path.is_file():
            return Progress()
        with np.load(path, allow_pickle=False) as arrays:
            _assign(variables, arrays, path)
            return Progress(**json.loads(str(arrays["progress"])))

    def save_best(self, variables: Sequence[Any]) -> None:
        """Replaces the best weights."""
        _write(self._folder / BEST_NAME, _arrays(variables))

    def restore_best(self, variables: Sequence[Any]) -> None:
        """Sets `variables` to the best weights."""
        with np.load(self._folder / BEST_NAME, allow_pickle=False) as arrays:
            _assign(variables, arrays, self._folder / BEST_NAME)


def _arrays(variables: Sequence[Any]) -> dict[str, np.ndarray]:
    return {
        f"variable_{i:05d}": np.asarray(keras.ops.convert_to_tensor(variable)) for i, variable in enumerate(variables)
    }


def _assign(variables: Sequence[Any], arrays: Mapping[str, np.ndarray], path: Path) -> None:
    stored = sum(name.startswith("variable_") for name in arrays)
    if stored != len(variables):
        raise ValueError(
            f"A checkpoint belongs to one model. Received: {path} with {stored} variables for a model with "
            f"{len(variables)}. Remove the trial's folder to train it anew."
        )
    for i, variable in enumerate(variables):
        variable.assign(arrays[f"variable_{i:05d}"])


def _write(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    write_atomically(path, buffer.getvalue())
