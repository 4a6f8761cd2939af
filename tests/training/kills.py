"""What the tests of kills have in common: where a training is, who takes part in it, and how it ended."""

import json
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from infra import config
from infra.environment import stage_environment
from training.cluster.backend import WORKERS_NAME
from training.config import RESULT_NAME, LaunchRequest, TrialResult

_PATIENCE_S = 600.0
_OF_THE_CLOCK = {"seconds", "train_seconds", "energy_kwh", "trial_id", "name"}
_OF_THE_MACHINE = ("time.", "memory.", "cpu.", "gpu.", "energy.", "train_seconds")


@dataclass(frozen=True, order=True)
class Position:
    """Epochs finished, and steps finished in the epoch after those."""

    epoch: int
    step: int


def position(folder: Path) -> Position:
    """Where the last whole checkpoint of a trial stands."""
    progress = _progress(folder / "checkpoints" / "last.npz")
    return Position(progress.get("epoch", 0), progress.get("step", 0))


def arrays(folder: Path, which: str) -> dict[str, np.ndarray]:
    """The variables of a trial's checkpoint, "last" or "best"."""
    with np.load(folder / "checkpoints" / f"{which}.npz") as stored:
        return {name: stored[name] for name in stored if name != "progress"}


def story(folder: Path) -> dict[str, object]:
    """All that a finished trial tells but times, paths and names: its progress and its result."""
    result = config.to_dict(config.from_json(TrialResult, (folder / RESULT_NAME).read_text()))
    told = {**_progress(folder / "checkpoints" / "last.npz"), **result}
    return {key: value for key, value in told.items() if key not in _OF_THE_CLOCK}


def assert_same_trial(expected: Path, found: Path) -> None:
    """Weights, optimizer, random state, history and result: bit for bit."""
    for which in ("last", "best"):
        left, right = arrays(expected, which), arrays(found, which)
        assert set(left) == set(right)
        for name in left:
            np.testing.assert_array_equal(left[name], right[name], err_msg=f"{which} {name}")
    assert story(expected) == story(found)


def worker_pids(folder: Path) -> list[int]:
    """The processes of the attempt that runs in a trial's folder, by rank; empty before they are there."""
    path = folder / WORKERS_NAME
    return [worker["pid"] for worker in json.loads(path.read_text())] if path.is_file() else []


def new_workers(folder: Path, *, than: Sequence[int]) -> bool:
    """Whether an attempt runs in a trial's folder whose workers are not those of an earlier one."""
    pids = worker_pids(folder)
    return bool(pids) and pids != list(than) and all(is_alive(pid) for pid in pids)


def mlflow_trials(uri: str, experiment: str) -> dict[str, dict[str, object]]:
    """Trial id -> status, parameters and the history of every metric of the training, one run each."""
    from mlflow import MlflowClient

    client = MlflowClient(uri)
    runs = client.search_runs([client.get_experiment_by_name(experiment).experiment_id])
    trials = [run for run in runs if "leafworks.trial" in run.data.tags]
    assert len({run.data.tags["leafworks.trial"] for run in trials}) == len(trials)
    told = {}
    for run in trials:
        histories = {key: client.get_metric_history(run.info.run_id, key) for key in sorted(run.data.metrics)}
        told[run.data.tags["leafworks.trial"]] = {
            "status": run.info.status,
            "parameters": run.data.params,
            "metrics": {
                key: [(metric.step, metric.value) for metric in history]
                for key, history in histories.items()
                if not key.startswith(_OF_THE_MACHINE)
            },
        }
    return told


def wait_until(holds: Callable[[], bool], *, while_running: subprocess.Popen | None = None) -> None:
    """Looks every few milliseconds; fails after ten minutes, or when the process has ended."""
    deadline = time.monotonic() + _PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline, "waited for ten minutes"
        assert while_running is None or while_running.poll() is None, "the launch ended before"
        time.sleep(0.003)


class Driver:
    """`python -m training.launch` as a process of its own."""

    def __init__(self, request: LaunchRequest, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        asked, self._answer = folder / "request.json", folder / "answer.json"
        self._answer.unlink(missing_ok=True)
        asked.write_text(config.to_json(request))
        self.log = (folder / "log.txt").open("a+")
        command = [sys.executable, "-P", "-m", "training.launch", str(asked), str(self._answer)]
        self.process = subprocess.Popen(command, env=stage_environment(), stdout=self.log, stderr=subprocess.STDOUT)

    def answer(self) -> dict[str, object]:
        """Waits for the end; what the launch answered, empty if it was killed."""
        self.process.wait(_PATIENCE_S)
        self.log.close()
        return json.loads(self._answer.read_text())["result"] if self._answer.is_file() else {}

    def said(self) -> str:
        """Its log, over all launches with this folder."""
        return Path(self.log.name).read_text()


def is_alive(pid: int) -> bool:
    """Whether a process is there and no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def _progress(path: Path) -> dict[str, object]:
    try:
        with np.load(path) as stored:
            return json.loads(str(stored["progress"]))
    except (FileNotFoundError, zipfile.BadZipFile):
        return {}
