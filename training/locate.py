"""`python -m training.locate request.json`: finds the saved front end that a run or a file holds.

No TensorFlow: what the file is, is read from its JSON, before anything of it is loaded.
"""

import json
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from infra.mlflow_store import MlflowStore, UnreachableError
from infra.spool import Spool
from infra.stage import serve
from training.config import MODEL_NAME, LocateRequest, SavedFrontend

Answer = TypeVar("Answer")

RUN_PREFIX = "run:"
LAYER_NAMES = ("Leaf", "MelFilterbank", "SincNet", "SincNetPlus", "TimeDomainFilterbank", "Wavegram")


def locate(request: LocateRequest) -> SavedFrontend:
    """The file, checked to be a Keras archive with one front end of leafworks in it.

    Raises:
      ValueError: no such file or run, several runs, a run without a model, or a file of another kind.
    """
    path = _model_of_run(request) if request.what.startswith(RUN_PREFIX) else Path(request.what)
    return SavedFrontend(path=str(path.resolve()), sample_rate=_frontend_config(path)["sample_rate"])


def _model_of_run(request: LocateRequest) -> Path:
    beginning = request.what.removeprefix(RUN_PREFIX)
    trials = _trials(Path(request.trials), beginning)
    store = MlflowStore(request.tracking_uri, artifact_root=None) if request.tracking_uri and not trials else None
    runs = _asked(store, lambda: store.runs_beginning(beginning)) if store else []
    found = [*trials, *runs]
    if not beginning or len(found) != 1:
        raise ValueError(
            f"Rule: `run:ID` is the beginning of exactly one MLflow run id, or of one trial id below {request.trials}. "
            f"Received: {request.what!r}, which {_count(found)}. `leafworks report NAME` shows the runs; `--root` says "
            "where trials are."
        )
    if trials:
        return _existing(trials[0] / MODEL_NAME, f"The trial {trials[0].name}")
    assert store is not None
    model = _asked(store, lambda: store.download(runs[0], MODEL_NAME, folder=Path(request.download_folder)))
    return _existing(model, f"The run {runs[0]}")


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


def _trials(folder: Path, beginning: str) -> list[Path]:
    """The trials whose id, or whose run's id, begins so."""
    return [trial for trial in sorted(folder.glob("*/")) if any(id_.startswith(beginning) for id_ in _ids(trial))]


def _ids(trial: Path) -> list[str]:
    run_id = Spool(trial).delivered.run_id
    return [trial.name, run_id] if run_id else [trial.name]


def _existing(path: Path | None, owner: str) -> Path:
    if path is None or not path.is_file():
        raise ValueError(f"{owner} has no `{MODEL_NAME}`: it has not ended, or it failed. Run its workflow again.")
    return path


def _frontend_config(path: Path) -> dict[str, Any]:
    """The arguments of the one front end in a `.keras` file."""
    if not path.is_file():
        raise ValueError(f"Rule: a front end is a name, run:ID or a `.keras` file. Received: {path}, no such file.")
    try:
        with zipfile.ZipFile(path) as archive:
            saved = json.loads(archive.read("config.json"))
    except (zipfile.BadZipFile, KeyError, ValueError, OSError) as error:
        raise ValueError(
            f"Rule: a saved front end is a `.keras` file, a whole model or the layer alone. Received: {path}, which is "
            f"none ({error}). Write one with `model.save('name.keras')`."
        ) from error
    found = list(_frontends(saved))
    if len(found) != 1:
        raise ValueError(
            f"Rule: the file has one front end of leafworks in it ({', '.join(LAYER_NAMES)}). Received: {path}, "
            f"which has {len(found)}. Save that layer alone: `keras.saving.save_model(layer, 'layer.keras')`."
        )
    return found[0]


def _frontends(saved: Any) -> Iterator[dict[str, Any]]:
    children = saved.values() if isinstance(saved, dict) else saved if isinstance(saved, list) else ()
    if isinstance(saved, dict) and saved.get("registered_name") in [f"leafworks>{name}" for name in LAYER_NAMES]:
        yield saved["config"]
    for child in children:
        yield from _frontends(child)


if __name__ == "__main__":
    serve(LocateRequest, locate)
