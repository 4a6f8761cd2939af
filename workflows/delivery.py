"""What trials told while MLflow was away, delivered afterwards."""

from collections.abc import Callable

from infra.delivery import pending_trials
from infra.stage import run_stage
from infra.sync import Synced, SyncRequest
from workflows.places import Places


def deliver_pending(places: Places, *, on_line: Callable[[str], None]) -> Synced:
    """Delivers what trials below the root have told and MLflow does not have; starts nothing where there is none."""
    if not pending_trials(places.trials):
        return Synced(pending=0, left=0)
    tracking_uri, artifact_root = places.tracking()
    request = SyncRequest(trials=str(places.trials.resolve()), tracking_uri=tracking_uri, artifact_root=artifact_root)
    return run_stage("infra.sync", request, Synced, on_line=on_line)
