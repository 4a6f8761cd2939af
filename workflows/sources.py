"""Where the front end is that a command names: a name, run:ID or a `.keras` file."""

from pathlib import Path

from infra.stage import run_stage
from training.requests import FrontendSource, InitialFrontend, LocateRequest, SavedFrontend
from workflows.catalog import NAMED_FRONTENDS
from workflows.commands import Featurize, FeaturizeInitial, Inspect, InspectInitial
from workflows.places import Places


def frontend_source(what: str, command: Inspect | Featurize, *, download_folder: Path) -> FrontendSource:
    """What `what` and the command's flags mean; `download_folder` is for a model that only MLflow has.

    Raises:
      ValueError: there is no such name, run or file, or no front end in it.
    """
    if isinstance(command, InspectInitial | FeaturizeInitial):
        return InitialFrontend(config=command.config, sample_rate=command.sample_rate)
    if not what.startswith("run:") and not what.endswith(".keras") and not Path(what).exists():
        raise ValueError(
            f"Rule: a front end is one of {', '.join(NAMED_FRONTENDS)}; run:ID; or a `.keras` file. Received: {what!r}."
        )
    places = Places(command.root)
    request = LocateRequest(
        what=what,
        trials=str(places.trials),
        tracking_uri=places.existing_tracking(),
        download_folder=str(download_folder),
    )
    return run_stage("training.locate", request, SavedFrontend)
