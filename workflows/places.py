"""Where things are below the root folder of all results."""

import os
import re
from dataclasses import dataclass
from pathlib import Path

from infra.mlflow_store import without_secrets
from infra.spool import Spool

_DATABASE = "mlflow.db"


@dataclass(frozen=True)
class Places:
    """The folders and files below `root`."""

    root: Path

    @property
    def snapshots(self) -> Path:
        """`<corpus>/<key>/` of every prepared corpus."""
        return self.root / "snapshots"

    @property
    def trials(self) -> Path:
        """`<trial id>/` of every trial."""
        return self.root / "trials"

    def trial(self, trial_id: str) -> Path:
        """Everything of one trial."""
        return self.trials / trial_id

    def run_id(self, trial_id: str) -> str:
        """Of a trial's run in MLflow; empty: MLflow does not have it yet."""
        return Spool(self.trial(trial_id)).delivered.run_id

    def state(self, workflow: str) -> Path:
        """What the last run of a workflow was: its config, snapshot and trials."""
        return self.root / "workflows" / f"{workflow}.json"

    def report(self, workflow: str) -> Path:
        """The page of a workflow."""
        return self.root / "reports" / f"{workflow}.html"

    def inspection(self, what: str) -> Path:
        """Pictures and numbers of a front end."""
        return self.root / "inspect" / re.sub(r"[^A-Za-z0-9_.-]+", "_", Path(what).name)

    @property
    def features(self) -> Path:
        """Features of recordings."""
        return self.root / "features"

    def existing_tracking(self) -> str | None:
        """MLflow's address, if there is a store: asking for a missing SQLite file would make one."""
        address, artifact_root = self.tracking()
        return address if artifact_root is None or (self.root / _DATABASE).is_file() else None

    def tracking(self) -> tuple[str, str | None]:
        """MLflow's address and, for a local store, the folder of its artifacts.

        `MLFLOW_TRACKING_URI` wins; without it, an SQLite file below the root.
        """
        address = os.environ.get("MLFLOW_TRACKING_URI")
        if address:
            return address, None
        root = self.root.resolve()
        return f"sqlite:///{root / _DATABASE}", str(root / "mlflow")

    def way_to_runs(self) -> str:
        """Where the runs can be looked at: an address, or the command that serves a local store; without secrets."""
        address, artifact_root = self.tracking()
        return without_secrets(address) if artifact_root is None else f"mlflow ui --backend-store-uri {address}"
