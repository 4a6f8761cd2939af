"""Two tasks on a real Ray with real workers: scores the same, to the last bit, however many workers share them."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from frontends.config import LeafConfig
from infra import config
from infra.environment import stage_environment
from infra.predictions import PREDICTIONS_NAME, read_predictions
from infra.stage import run_stage
from tests.training.alone import train_alone
from tests.training.attempts import train
from training.config import (
    RESULT_NAME,
    ClusterConfig,
    Launched,
    LaunchRequest,
    TrainConfig,
    TrialConfig,
    TrialRequest,
    TrialResult,
)
from training.encoders.config import EncoderConfig
from training.evaluate import Split, score
from training.input import EvaluationInput, Part
from training.tasks.config import TaskConfig, TaskSnapshot

pytestmark = pytest.mark.timeout(1800)  # trainings on Ray, of minutes on a busy machine

WORKERS = (1, 3)
# 12 windows a group: two groups in one split and more in the other, none of which every number of workers divides.
TRIAL = TrialConfig(
    frontend=LeafConfig(num_filters=8),
    # No dropout, whose masks differ from one number of workers to another; small steps, as Adam makes whole ones of
    # rounding errors.
    train=TrainConfig(
        epochs=1,
        batch_size=12,
        window_ms=250.0,
        learning_rate=3e-5,
        frontend_learning_rate=1e-5,
        encoder=EncoderConfig(width=0.05, dropout=0.0),
    ),
    seed=7,
    tasks=(TaskConfig(name="synthetic"), TaskConfig(name="folder")),
)
_HEAD = """
import ray, sys
node = ray.init(address="local", num_cpus=12, _node_ip_address="127.0.0.1", dashboard_host="127.0.0.1")
print("ready", node.address_info["gcs_address"], flush=True)
sys.stdin.read()
"""


@pytest.fixture(scope="module")
def ray_address():
    """A Ray of twelve CPUs, as many as this machine may not have, that ends with the tests."""
    os.environ["RAY_AUTH_MODE"] = "disabled"
    command = [sys.executable, "-c", _HEAD]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(command, **pipes, text=True, env=stage_environment()) as head:
        yield next(line.split()[1] for line in head.stdout if line.startswith("ready"))
        head.stdin.close()
    del os.environ["RAY_AUTH_MODE"]


@pytest.fixture(scope="module")
def evaluated(snapshot, chords, ray_address, tmp_path_factory):
    """Folder of the trials.

    "1", "3": the same trained weights, evaluated by so many workers, the one without Ray; "trained": by three from the
    start; "here": the checkpoints of the training in this process, from which all but the last go on.
    """
    root = tmp_path_factory.mktemp("evaluated")
    train(snapshot, chords, folder=root / "here" / "checkpoints", frontend=TRIAL.frontend, config=TRIAL.train)
    snapshots = tuple(
        TaskSnapshot(task=task.name, folder=str(data.folder), snapshot_id=data.card.snapshot_id)
        for task, data in zip(TRIAL.tasks, (snapshot, chords), strict=True)
    )

    def trial(name: str) -> TrialRequest:
        return TrialRequest(name="leaf", trial_id=name, config=TRIAL, snapshots=snapshots, folder=str(root / name))

    def request(workers: int, *names: str) -> LaunchRequest:
        shutil.copytree(root / "here" / "checkpoints", root / f"{workers}" / "checkpoints")
        return LaunchRequest(
            workflow="evaluation",
            trials=tuple(map(trial, names)),
            cluster=ClusterConfig(ray_address=ray_address, workers_per_trial=workers),
            tracking_uri=None,
            artifact_root=None,
        )

    train_alone(request(1, "1"), root / "request.json")
    assert run_stage("training.launch", request(3, "3", "trained"), Launched) == Launched(failed={})
    return root


def test_the_number_of_workers_changes_no_digit(evaluated):
    """Metrics and logits of both splits of a single-label and a multi-label task."""
    results, predictions = {}, {}
    for workers in WORKERS:
        folder = evaluated / f"{workers}"
        result = config.from_json(TrialResult, (folder / RESULT_NAME).read_text())
        assert result.workers == workers
        results[workers] = result.tasks
        predictions[workers] = read_predictions(folder / PREDICTIONS_NAME)[1]
    assert [len(part.clip_ids) for part in predictions[1]] == [22, 22, 7, 14]
    for workers in WORKERS[1:]:
        assert results[workers] == results[1]
        for one, several in zip(predictions[1], predictions[workers], strict=True):
            np.testing.assert_array_equal(one.logits, several.logits)


def test_three_workers_train_both_tasks_as_one_does(evaluated):
    """The same batches of the same tasks: the losses of each are equal up to rounding."""
    here, there = (_first_epoch(evaluated / name) for name in ("here", "trained"))
    names = {"train.loss", "train.synthetic.loss", "train.folder.loss"}
    assert {name for name in here if name.endswith("loss") and name.startswith("train")} == names
    for name in names:
        assert there[name] == pytest.approx(here[name], rel=1e-4)
    assert there["train.synthetic.accuracy"] == here["train.synthetic.accuracy"]


def _first_epoch(folder: Path) -> dict[str, float]:
    with np.load(folder / "checkpoints" / "last.npz") as arrays:
        return json.loads(str(arrays["progress"]))["history"][0]


def test_a_clip_is_scored_once_whoever_scores_it(chords):
    """14 windows of 7 clips in groups of 4 for three replicas: each window in one group, padding counts nowhere."""
    clips = chords.clips("test")
    windows = EvaluationInput(chords, clips, window=16000, batch_size=12)
    parts = zip(*(windows.batches(part=Part(i, 3)) for i in range(3)), strict=True)
    seen = np.concatenate([batch.clips for step in parts for batch in step])
    np.testing.assert_array_equal(windows.clips, seen[:14])
    assert set(seen[14:]) <= {0}

    def predict(batch):
        return np.repeat(batch.clips[:, None].astype(np.float32), 3, axis=1)

    scores = score(predict, Split(clips=clips, windows=windows), objective="multi_label", part=Part())
    np.testing.assert_array_equal(np.repeat(np.arange(7, dtype=np.float32)[:, None], 3, axis=1), scores.logits)


def test_a_logit_that_is_not_finite_is_named(chords):
    """Rather than ranked."""
    clips = chords.clips("test")
    windows = EvaluationInput(chords, clips, window=16000, batch_size=12)
    with pytest.raises(FloatingPointError, match=rf"7 of 7 clips, first `{clips.ids[0]}`"):
        score(
            lambda batch: np.full((len(batch.clips), 3), np.nan, np.float32),
            Split(clips=clips, windows=windows),
            objective="multi_label",
            part=Part(),
        )
