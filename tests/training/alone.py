"""Trials one after another in one process, without Ray: `python -m tests.training.alone request.json`."""

import subprocess
import sys
from pathlib import Path

from infra import config
from infra.environment import stage_environment, training_environment
from training.cluster.claim import Claim
from training.cluster.stopping import Watch
from training.config import LaunchRequest
from training.input import Part
from training.trial import run_trial


def train_alone(request: LaunchRequest, path: Path) -> None:
    """Trains what a request asks for in a process of its own, as a worker with one thread does; writes it to `path`."""
    path.write_text(config.to_json(request))
    environment = {**stage_environment(), **training_environment(threads=1, gpus=0), "OMP_NUM_THREADS": "1"}
    subprocess.run([sys.executable, "-m", "tests.training.alone", str(path)], env=environment, check=True)


def main() -> None:
    """Trains what the request asks for."""
    request = config.from_json(LaunchRequest, Path(sys.argv[1]).read_text())
    for trial in request.trials:
        Path(trial.folder).mkdir(parents=True, exist_ok=True)
        watch = Watch(Claim.take(trial.folder), index=0, stall_timeout_s=3600.0)
        run_trial(trial, snapshots=trial.snapshots, part=Part(), watch=watch)


if __name__ == "__main__":
    main()
