"""Trials on a real local Ray with a real MLflow store: one run each, also when a worker is killed."""

import dataclasses
import os
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest

from frontends.config import LeafConfig
from infra import config
from infra.predictions import PREDICTIONS_NAME, read_predictions
from infra.stage import run_stage
from tests.training import kills
from training.cluster.config import ClusterConfig
from training.config import (
    FAILURE_NAME,
    RESULT_NAME,
    Launched,
    LaunchRequest,
    TrainConfig,
    TrialConfig,
    TrialRequest,
    TrialResult,
)
from training.encoders.config import EncoderConfig
from training.launch import refuse_too_large_trials, trials_at_once
from training.tasks.config import TaskConfig, TaskSnapshot

pytestmark = pytest.mark.timeout(1800)  # trainings on Ray, of minutes on a busy machine

EPOCHS = 5  # enough that the trial is still at it when the line of its first epoch has been read
TRIAL = TrialConfig(
    frontend=LeafConfig(num_filters=16),
    train=TrainConfig(epochs=EPOCHS, batch_size=16, encoder=EncoderConfig(width=0.05)),
    seed=3,
    tasks=(TaskConfig(name="sounds"),),
)


def request(snapshot, root: Path, configs: Mapping[str, TrialConfig], *, workers: int) -> LaunchRequest:
    """Trials by their names."""
    snapshots = (TaskSnapshot(task="sounds", folder=str(snapshot.folder), snapshot_id=snapshot.card.snapshot_id),)
    trials = tuple(
        TrialRequest(name=name, trial_id=name, config=trial, snapshots=snapshots, folder=str(root / name))
        for name, trial in configs.items()
    )
    return LaunchRequest(
        workflow="test",
        trials=trials,
        cluster=ClusterConfig(workers_per_trial=workers, retry_wait_s=0.0),
        tracking_uri=f"sqlite:///{root / 'mlflow.db'}",
        artifact_root=str(root / "mlflow"),
    )


def send(number: signal.Signals, folder: Path, *, rank: int, not_to: Sequence[int] = ()) -> list[int]:
    """A signal to one of the two workers of an attempt, as soon as there are other ones than `not_to`; both."""
    kills.wait_until(lambda: kills.worker_pids(folder) not in ([], not_to))
    workers = kills.worker_pids(folder)
    assert len(workers) == 2
    os.kill(workers[rank], number)
    return workers


@pytest.fixture(scope="module")
def two_workers(snapshot, tmp_path_factory):
    """A trial of two workers that nothing disturbed, and one that is disturbed twice.

    After epoch 1 one worker is killed; of the next attempt, the other one is asked to stop.
    """
    root, said, killed = tmp_path_factory.mktemp("two"), [], []

    def on_line(line: str) -> None:
        said.append(line)
        if line.startswith(f"killed, seed 3: epoch 1/{EPOCHS}"):
            killed.extend(send(signal.SIGKILL, root / "killed", rank=1))
        if line.startswith("killed, seed 3") and "retry 1 of 3" in line:
            send(signal.SIGTERM, root / "killed", rank=0, not_to=killed)

    launched = run_stage(
        "training.launch",
        request(snapshot, root, {"unbroken": TRIAL, "killed": TRIAL}, workers=2),
        Launched,
        on_line=on_line,
    )
    assert sum("retry 1 of 3" in line for line in said) == 1
    assert sum("asked to stop" in line for line in said) == 1
    assert launched == Launched(failed={})
    return root


def checkpoint(root: Path, name: str, which: str = "last") -> dict[str, np.ndarray]:
    """The arrays of a trial's checkpoint, without its times."""
    with np.load(root / name / "checkpoints" / f"{which}.npz") as arrays:
        return {key: arrays[key] for key in arrays if key != "progress"}


def result(root: Path, name: str) -> TrialResult:
    """What a trial says of itself."""
    return config.from_json(TrialResult, (root / name / RESULT_NAME).read_text())


def test_a_killed_worker_changes_no_weight(two_workers):
    """Last and best weights, and the scores: bit for bit."""
    for which in ("last", "best"):
        expected, found = (checkpoint(two_workers, name, which) for name in ("unbroken", "killed"))
        assert set(expected) == set(found)
        for key in expected:
            np.testing.assert_array_equal(expected[key], found[key])
    same = {"name": "", "trial_id": "", "train_seconds": 0.0}
    unbroken, killed = (dataclasses.replace(result(two_workers, n), **same) for n in ("unbroken", "killed"))
    assert unbroken == killed


def test_a_killed_worker_leaves_one_finished_run(two_workers):
    """One run per trial under one parent; its metric history has each epoch once."""
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{two_workers / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("leafworks/test")
    runs = client.search_runs([experiment.experiment_id])
    parents = [run for run in runs if "mlflow.parentRunId" not in run.data.tags]
    trials = {run.data.tags["leafworks.trial"]: run for run in runs if run not in parents}
    assert len(parents) == 1
    assert len(runs) == 3
    assert {run.info.status for run in runs} == {"FINISHED"}
    twins = [trials[name].info.run_id for name in ("unbroken", "killed")]
    for key in ("train.loss", "validation.accuracy"):
        histories = [client.get_metric_history(run_id, key) for run_id in twins]
        assert [[(m.step, m.value) for m in history] for history in histories] == [
            [(m.step, m.value) for m in histories[0]]
        ] * 2
        assert [metric.step for metric in histories[0]] == list(range(1, EPOCHS + 1))
    killed = trials["killed"]
    assert killed.data.tags["mlflow.parentRunId"] == parents[0].info.run_id
    assert killed.data.tags["snapshot_id"] == result(two_workers, "killed").tasks[0].snapshot_id
    assert killed.data.params["frontend.num_filters"] == "16"
    assert killed.data.params["train.batch_size"] == "16"
    names = {file.path for file in client.list_artifacts(killed.info.run_id)}
    assert {"figures", "learned_parameters.parquet", "model.keras", "predictions.parquet", "classes.csv"} <= names


def test_predictions_are_those_of_the_result(snapshot, two_workers):
    """Each clip of test and validation once, with its ledger's words; the accuracy follows from them exactly."""
    trial_id, (test, validation) = read_predictions(two_workers / "killed" / PREDICTIONS_NAME)
    assert trial_id == "killed"
    assert test.task.snapshot_id == snapshot.card.snapshot_id
    for part, split in ((test, "test"), (validation, "validation")):
        clips = snapshot.clips(split)
        assert (part.split, part.clip_ids, part.sample_sha256) == (
            split,
            clips.ids,
            snapshot.origins(split).sample_sha256,
        )
        assert part.labels == tuple((clip_id.partition("/")[0],) for clip_id in clips.ids)
    right = [test.task.classes[row.argmax()] == label for row, (label,) in zip(test.logits, test.labels, strict=True)]
    assert sum(right) / len(right) == result(two_workers, "killed").score


def test_the_number_of_filters_is_the_same_everywhere(two_workers):
    """Config, MLflow parameter (above), saved layer and its learned parameters agree."""
    import keras
    import pyarrow.parquet as pq

    from frontends import Leaf

    model = keras.models.load_model(two_workers / "killed" / "model.keras")
    layer = model.get_layer("frontend")
    assert isinstance(layer, Leaf)
    assert layer.get_config()["num_filters"] == 16
    table = pq.read_table(two_workers / "killed" / "learned_parameters.parquet").to_pylist()
    assert {row["filter"] for row in table} == set(range(1, 17))
    assert {row["epoch"] for row in table} == set(range(EPOCHS + 1))
    assert {row["unit"] for row in table if row["parameter"] == "pooling_ms"} == {"ms"}
    assert result(two_workers, "killed").frontend_parameters == 7 * 16


def test_a_trial_that_cannot_succeed_fails_alone(snapshot, tmp_path):
    """Its reason is in the answer, in its folder and in its run; the other trial, of one worker too, finishes."""
    from mlflow import MlflowClient

    train = dataclasses.replace(TRIAL.train, epochs=1)
    trials = {
        "plain": dataclasses.replace(TRIAL, train=train),
        "diverging": dataclasses.replace(TRIAL, train=dataclasses.replace(train, learning_rate=1e30)),
    }
    launched = run_stage("training.launch", request(snapshot, tmp_path, trials, workers=1), Launched)
    assert list(launched.failed) == ["diverging"]
    assert "weights are finite. Received: epoch 1" in launched.failed["diverging"].splitlines()[-1]
    assert (tmp_path / "diverging" / FAILURE_NAME).read_text().strip() == launched.failed["diverging"].strip()
    assert (tmp_path / "plain" / RESULT_NAME).is_file()
    client = MlflowClient(f"sqlite:///{tmp_path / 'mlflow.db'}")
    runs = client.search_runs([client.get_experiment_by_name("leafworks/test").experiment_id])
    states = {run.data.tags.get("leafworks.trial", "parent"): run.info.status for run in runs}
    assert states == {"plain": "FINISHED", "diverging": "FAILED", "parent": "FAILED"}


NODES = [{"CPU": 4.0, "GPU": 2.0}, {"CPU": 3.0}]


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (ClusterConfig(), 7),
        (ClusterConfig(workers_per_trial=2), 3),
        (ClusterConfig(cpus_per_worker=3), 2),
        (ClusterConfig(cpus_per_worker=2, workers_per_trial=3), 1),
        (ClusterConfig(gpus_per_worker=0.5), 4),
        (ClusterConfig(gpus_per_worker=0.6), 2),
        (ClusterConfig(gpus_per_worker=0.1), 4),
        (ClusterConfig(gpus_per_worker=2), 1),
    ],
)
def test_trials_fill_the_nodes(wanted, expected):
    """As many at once as the nodes hold; no worker is split over nodes, and no fraction over GPUs."""
    assert trials_at_once(wanted, NODES) == expected


@pytest.mark.parametrize(
    ("wanted", "numbers"),
    [
        (ClusterConfig(workers_per_trial=8), r"8 workers per trial with 1 CPUs and 0 GPUs each.*room for 7 workers"),
        (ClusterConfig(cpus_per_worker=5), r"1 workers per trial with 5 CPUs.*4 CPUs, 2 GPUs; 3 CPUs.*room for 0"),
        (ClusterConfig(workers_per_trial=2, gpus_per_worker=2), r"2 GPUs each.*room for 1 workers"),
    ],
)
def test_a_trial_that_does_not_fit_is_refused(wanted, numbers):
    """With the numbers, instead of waiting for ever."""
    with pytest.raises(ValueError, match=numbers):
        refuse_too_large_trials(wanted, NODES)


@pytest.mark.parametrize(
    ("workers", "gpus", "batch_size", "advice"),
    [(3, 0.0, 16, "15 or 18"), (2, 0.5, 33, "32 or 34"), (4, 2, 12, "8 or 16"), (5, 0.0, 4, "a batch of 5")],
)
def test_a_batch_that_does_not_divide_is_refused(workers, gpus, batch_size, advice):
    """Before anything starts, with the nearest that do; more workers than rows are such a case."""
    wanted = ClusterConfig(workers_per_trial=workers, gpus_per_worker=gpus)
    with pytest.raises(ValueError, match=rf"batch-size {batch_size} for {workers} workers.*{advice}"):
        wanted.refuse_unequal_shares(batch_size)
