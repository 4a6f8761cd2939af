"""Where things are below the root folder of all results."""

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Places:
    """The folders and files below `root`."""

    root: Path

    @property
    def snapshots(self) -> Path:
        """`<corpus>/<key>/` of every prepared corpus."""
        return self.root / "snapshots"

    def trial(self, trial_id: str) -> Path:
        """Everything of one trial."""
        return self.root / "trials" / trial_id

    def state(self, workflow: str) -> Path:
        """What the last run of a workflow was: its config, snapshot and trials."""
        return self.root / "workflows" / f"{workflow}.json"

    def report(self, workflow: str) -> Path:
        """The page of a workflow."""
        return self.root / "reports" / f"{workflow}.html"

    def tracking(self) -> tuple[str, str | None]:
        """MLflow's address and, for a local store, the folder of its artifacts.

        `MLFLOW_TRACKING_URI` wins; without it, an SQLite file below the root.
        """
        address = os.environ.get("MLFLOW_TRACKING_URI")
        if address:
            return address, None
        root = self.root.resolve()
        return f"sqlite:///{root / 'mlflow.db'}", str(root / "mlflow")
