"""What must survive a kill: weights, optimizer, random state, position and history, in one file.

A checkpoint is written beside its place and renamed when whole, and the one before it is kept until the next: where
the storage tore the last one all the same, the training goes on from there and computes the difference again.
"""

import dataclasses
import io
import json
import logging
import zipfile
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import keras
import numpy as np

from infra.files import write_atomically
from training.cluster.stopping import InterruptedTraining

LAST_NAME, PREVIOUS_NAME, BEST_NAME = "last.npz", "previous.npz", "best.npz"


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
    """The checkpoints of one trial: the last two and the weights of the best epoch.

    Args:
      folder: on storage that every node sees.
      held: whether this attempt still owns the trial; one that does not, writes nothing and ends.
    """

    def __init__(self, folder: Path, *, held: Callable[[], bool] = lambda: True) -> None:
        self._folder, self._held = folder, held
        folder.mkdir(parents=True, exist_ok=True)

    @property
    def exists(self) -> bool:
        """Whether there is a last checkpoint."""
        return (self._folder / LAST_NAME).is_file()

    def save(self, variables: Sequence[Any], progress: Progress) -> None:
        """Adds a checkpoint and removes the one before the last."""
        arrays = _arrays(variables)
        arrays["progress"] = np.array(json.dumps(dataclasses.asdict(progress)))
        self._refuse_when_lost()
        last = self._folder / LAST_NAME
        if last.is_file():
            last.replace(self._folder / PREVIOUS_NAME)
        _write(last, arrays)

    def restore(self, variables: Sequence[Any]) -> Progress:
        """Sets `variables` from the last whole checkpoint; without one, changes nothing and starts at 0."""
        for name in (LAST_NAME, PREVIOUS_NAME):
            arrays = _read(self._folder / name)
            if arrays is not None:
                _assign(variables, arrays, self._folder / name)
                return Progress(**json.loads(str(arrays["progress"])))
        return Progress()

    def save_best(self, variables: Sequence[Any]) -> None:
        """Replaces the best weights."""
        self._refuse_when_lost()
        _write(self._folder / BEST_NAME, _arrays(variables))

    def restore_best(self, variables: Sequence[Any]) -> None:
        """Sets `variables` to the best weights."""
        path = self._folder / BEST_NAME
        arrays = _read(path)
        if arrays is None:
            raise ValueError(
                f"A finished training needs the weights of its best epoch. Received: {path}, absent or damaged. "
                "Remove the trial's folder to train it anew."
            )
        _assign(variables, arrays, path)

    def _refuse_when_lost(self) -> None:
        if not self._held():
            raise InterruptedTraining(f"another attempt owns {self._folder.parent}")


def _read(path: Path) -> dict[str, np.ndarray] | None:
    """The arrays of a checkpoint, all of them compared with their checksums; None where it is absent or damaged."""
    try:
        # Opened here: of a damaged file NumPy leaves open what it opened.
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays}
    except FileNotFoundError:
        return None
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, KeyError) as error:
        logging.getLogger(__name__).warning("%s is damaged and left aside: %s", path, error)
        return None


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
        array = arrays[f"variable_{i:05d}"]
        if array.shape != tuple(variable.shape):
            raise ValueError(
                f"A checkpoint belongs to one model. Received: {path} with {array.shape} for {variable.path}, "
                f"which has {tuple(variable.shape)}. Remove the trial's folder to train it anew."
            )
        variable.assign(array)


def _write(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    write_atomically(path, buffer.getvalue())
