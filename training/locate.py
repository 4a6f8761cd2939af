"""`python -m training.locate request.json`: finds the saved front end that a run or a file holds.

No TensorFlow: what the file is, is read from its JSON, before anything of it is loaded.
"""

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from infra.stage import serve
from training.config import MODEL_NAME
from training.requests import LocateRequest, SavedFrontend
from training.runs import RUN_PREFIX, existing, find_run

LAYER_NAMES = ("Leaf", "MelFilterbank", "SincNet", "SincNetPlus", "TimeDomainFilterbank", "Wavegram")


def locate(request: LocateRequest) -> SavedFrontend:
    """The file, checked to be a Keras archive with one front end of leafworks in it.

    Raises:
      ValueError: no such file or run, several runs, a run without a model, or a file of another kind.
    """
    path = _model_of_run(request) if request.what.startswith(RUN_PREFIX) else Path(request.what)
    return SavedFrontend(path=str(path.resolve()), sample_rate=_frontend_config(path)["sample_rate"])


def _model_of_run(request: LocateRequest) -> Path:
    found = find_run(request.what, trials=Path(request.trials), tracking_uri=request.tracking_uri)
    return existing(found.file(MODEL_NAME, download_folder=Path(request.download_folder)), found, MODEL_NAME)


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
