"""What a training tells the tracker. It tells a file in the trial's folder; see `infra.spool` and `infra.delivery`."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from infra.spool import Event, Kind, Spool


class Run(Protocol):
    """One run, written to while it goes on. Repeating a call changes nothing."""

    def params(self, values: Mapping[str, Any]) -> None:
        """Flat parameters, once."""

    def tags(self, values: Mapping[str, str]) -> None:
        """Text about the run: versions, snapshot id."""

    def metrics(self, values: Mapping[str, float], *, step: int) -> None:
        """Metrics of one step; a step that is there already is left as it is."""

    def artifact(self, path: Path, *, folder: str = "") -> None:
        """A file in the trial's folder, which keeps it."""

    def model(self, path: Path, *, name: str) -> None:
        """A folder in MLflow's format in the trial's folder, to be registered as the newest version of `name`."""

    def finish(self) -> None:
        """Closes the run as finished; the last call."""


@dataclass
class MemoryRun:
    """A run that remembers, for tests and for training without a tracker."""

    param_values: dict[str, Any] = field(default_factory=dict)
    tag_values: dict[str, str] = field(default_factory=dict)
    metric_values: dict[str, dict[int, float]] = field(default_factory=dict)
    artifacts: list[str] = field(default_factory=list)
    finished: bool = False

    def params(self, values: Mapping[str, Any]) -> None:
        """See `Run`."""
        self.param_values.update(values)

    def tags(self, values: Mapping[str, str]) -> None:
        """See `Run`."""
        self.tag_values.update(values)

    def metrics(self, values: Mapping[str, float], *, step: int) -> None:
        """See `Run`."""
        for key, value in values.items():
            self.metric_values.setdefault(key, {}).setdefault(step, value)

    def artifact(self, path: Path, *, folder: str = "") -> None:
        """See `Run`."""
        self.artifacts.append(f"{folder}/{path.name}".lstrip("/"))

    def model(self, path: Path, *, name: str) -> None:
        """See `Run`."""
        self.artifacts.append(f"{path.name} as {name}")

    def finish(self) -> None:
        """See `Run`."""
        self.finished = True


class FileRun:
    """A run as a file in the trial's folder; no call waits for a tracker."""

    def __init__(self, trial_folder: Path) -> None:
        self._folder = trial_folder.resolve()
        self._spool = Spool(self._folder)

    def begin(self, *, workflow: str, trial: str, name: str) -> None:
        """An attempt at the trial begins; before everything else."""
        self._tell("begin", {"workflow": workflow, "trial": trial, "name": name})

    def fail(self) -> None:
        """The attempt failed."""
        self._tell("end", {"status": "FAILED"})

    def params(self, values: Mapping[str, Any]) -> None:
        """See `Run`."""
        self._tell("params", values)

    def tags(self, values: Mapping[str, str]) -> None:
        """See `Run`."""
        self._tell("tags", values)

    def metrics(self, values: Mapping[str, float], *, step: int) -> None:
        """See `Run`."""
        self._tell("metrics", {key: float(value) for key, value in values.items()}, step=step)

    def artifact(self, path: Path, *, folder: str = "") -> None:
        """See `Run`."""
        self._tell("artifact", {"path": self._inside(path), "folder": folder})

    def model(self, path: Path, *, name: str) -> None:
        """See `Run`."""
        self._tell("model", {"path": self._inside(path), "name": name})

    def finish(self) -> None:
        """See `Run`."""
        self._tell("end", {"status": "FINISHED"})

    def _tell(self, kind: Kind, values: Mapping[str, Any], *, step: int = 0) -> None:
        self._spool.append(Event(kind=kind, values=values, step=step, time_ms=int(time.time() * 1000)))

    def _inside(self, path: Path) -> str:
        """The path from the trial's folder, which may have moved when the file is delivered."""
        path = path.resolve()
        if not path.is_relative_to(self._folder):
            raise ValueError(f"An artifact lies in its trial's folder {self._folder}. Received: {path}.")
        return str(path.relative_to(self._folder))
