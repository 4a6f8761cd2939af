"""Finds a trial by the beginning of its id or of its run's id: in a folder here, else in MLflow."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from infra.mlflow_store import MlflowStore, UnreachableError
from infra.spool import Spool

Answer = TypeVar("Answer")

RUN_PREFIX = "run:"


@dataclass(frozen=True, kw_only=True)
class FoundRun:
    """A trial: its folder here, or its run's id in the store.

    Attributes:
      name: in words.
      folder: None: only MLflow has it.
      store: None: it is here.
      run_id: in MLflow; empty where it is here.
    """

    name: str
    folder: Path | None
    store: MlflowStore | None = None
    run_id: str = ""

    def file(self, name: str, *, download_folder: Path) -> Path | None:
        """A file of the trial, fetched if need be; None where it has none of that name."""
        if self.folder is not None:
            path = self.folder / name
            return path if path.is_file() else None
        store = self.store
        assert store is not None
        return _asked(store, lambda: store.download(self.run_id, name, folder=download_folder))


def find_run(what: str, *, trials: Path, tracking_uri: str | None) -> FoundRun:
    """The one trial whose id, or whose run's id, begins as `what` says behind `run:`.

    Raises:
      ValueError: none, several, or MLflow cannot be asked.
    """
    beginning = what.removeprefix(RUN_PREFIX)
    here = [folder for folder in sorted(trials.glob("*/")) if any(id_.startswith(beginning) for id_ in _ids(folder))]
    store = MlflowStore(tracking_uri, artifact_root=None) if tracking_uri and not here else None
    runs = _asked(store, lambda: store.runs_beginning(beginning)) if store else []
    found = [*here, *runs]
    if not beginning or len(found) != 1:
        raise ValueError(
            f"Rule: `run:ID` is the beginning of exactly one MLflow run id, or of one trial id below {trials}. "
            f"Received: {what!r}, which {_count(found)}. `leafworks report NAME` shows the runs; `--root` says "
            "where trials are."
        )
    if here:
        return FoundRun(name=f"The trial {here[0].name}", folder=here[0])
    return FoundRun(name=f"The run {runs[0]}", folder=None, store=store, run_id=runs[0])


def existing(path: Path | None, owner: FoundRun, name: str) -> Path:
    """The file.

    Raises:
      ValueError: the run has none.
    """
    if path is None or not path.is_file():
        raise ValueError(f"{owner.name} has no `{name}`: it has not ended, or it failed. Run its workflow again.")
    return path


def _asked(store: MlflowStore, ask: Callable[[], Answer]) -> Answer:
    try:
        return ask()
    except UnreachableError as error:
        raise ValueError(
            f"No trial below the root has that id, and MLflow at {store.address} cannot be asked: {error}. Start it, "
            "or unset MLFLOW_TRACKING_URI."
        ) from error


def _count(found: list[Any]) -> str:
    if not found:
        return "none has"
    return f"{len(found)} have: {', '.join(sorted(Path(item).name for item in found)[:5])}"


def _ids(trial: Path) -> list[str]:
    run_id = Spool(trial).delivered.run_id
    return [trial.name, run_id] if run_id else [trial.name]
