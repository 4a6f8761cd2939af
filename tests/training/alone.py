"""Trials one after another in one process, without Ray: `python -m tests.training.alone request.json`."""

import sys
from pathlib import Path

from infra import config
from training.cluster.claim import Claim
from training.cluster.stopping import Watch
from training.config import LaunchRequest
from training.input import Part
from training.trial import run_trial


def main() -> None:
    """Trains what the request asks for."""
    request = config.from_json(LaunchRequest, Path(sys.argv[1]).read_text())
    for trial in request.trials:
        Path(trial.folder).mkdir(parents=True)
        watch = Watch(Claim.take(trial.folder), index=0, stall_timeout_s=3600.0)
        run_trial(trial, snapshots=trial.snapshots, part=Part(), watch=watch)


if __name__ == "__main__":
    main()
