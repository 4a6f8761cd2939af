"""`python -m infra.sync request.json`: delivers to MLflow what finished trials could not deliver."""

from dataclasses import dataclass
from pathlib import Path

from infra.delivery import delivering, outcome, pending_trials
from infra.spool import Spool
from infra.stage import serve

# Whoever asks for a delivery waits for it; one at the beginning of a training does not.
_PATIENCE_SECONDS = 5.0


@dataclass(frozen=True, kw_only=True)
class SyncRequest:
    """What to deliver, and where to.

    Attributes:
      trials: folder of the trials' folders.
      tracking_uri: of MLflow.
      artifact_root: folder for artifacts where the tracking store is a local file, else None.
    """

    trials: str
    tracking_uri: str
    artifact_root: str | None


@dataclass(frozen=True, kw_only=True)
class Synced:
    """How many trials had undelivered events before and after."""

    pending: int
    left: int


def sync(request: SyncRequest) -> Synced:
    """Delivers everything, or what can be delivered."""
    root = Path(request.trials)
    pending = pending_trials(root)
    workflows = {outcome(Spool(folder))[0] for folder in pending}
    with delivering(
        request.tracking_uri,
        artifact_root=request.artifact_root,
        on_line=lambda line: print(line, flush=True),
        patience_seconds=_PATIENCE_SECONDS,
    ) as delivery:
        # Those of the same workflows too: how a workflow's parent run ends depends on all of its trials.
        for folder in sorted(root.glob("*/")):
            if Spool(folder).events() and outcome(Spool(folder))[0] in workflows:
                delivery.follow(folder)
    return Synced(pending=len(pending), left=len(pending_trials(root)))


if __name__ == "__main__":
    serve(SyncRequest, sync)
