"""`python -m training.saved request.json`: what a finished trial left that it can be compared by, in one folder."""

from pathlib import Path

from infra.passport import PASSPORT_NAME
from infra.predictions import PREDICTIONS_NAME
from infra.stage import serve
from training.config import HISTORY_NAME
from training.requests import FetchRequest, SavedTrial
from training.runs import existing, find_run


def saved_trial(request: FetchRequest) -> SavedTrial:
    """The trial's own folder, or a copy of its artifacts in MLflow.

    Raises:
      ValueError: no such trial, several, or one that has not ended.
    """
    found = find_run(request.what, trials=Path(request.trials), tracking_uri=request.tracking_uri)
    download = Path(request.download_folder)
    for name in (PASSPORT_NAME, HISTORY_NAME, PREDICTIONS_NAME):
        existing(found.file(name, download_folder=download), found, name)
    return SavedTrial(folder=str((found.folder or download).resolve()))


if __name__ == "__main__":
    serve(FetchRequest, saved_trial)
