"""`leafworks sync`: what trials told while MLflow was away, delivered afterwards."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from infra.delivery import pending_trials
from infra.stage import run_stage
from infra.sync import Synced, SyncRequest
from workflows.places import Places
from workflows.workflow import DEFAULT_ROOT


@dataclass(frozen=True, kw_only=True)
class Sync:
    """Delivers to MLflow what trials told while it could not be reached; `leafworks run` does the same on its way.

    The exit code is 1 where something is left.

    Attributes:
      root: folder of all results.
      json: print JSON.
    """

    root: Path = DEFAULT_ROOT
    json: bool = False


def deliver_pending(places: Places, *, on_line: Callable[[str], None]) -> Synced:
    """Delivers what trials below the root have told and MLflow does not have; starts nothing where there is none."""
    if not pending_trials(places.trials):
        return Synced(pending=0, left=0)
    tracking_uri, artifact_root = places.tracking()
    request = SyncRequest(trials=str(places.trials.resolve()), tracking_uri=tracking_uri, artifact_root=artifact_root)
    return run_stage("infra.sync", request, Synced, on_line=on_line)


def print_synced(synced: Synced) -> None:
    """How much of what was kept is with MLflow now."""
    if not synced.pending:
        print("MLflow has everything that the trials told.")
    else:
        print(f"{synced.pending - synced.left} of {synced.pending} trials delivered what MLflow did not have.")
