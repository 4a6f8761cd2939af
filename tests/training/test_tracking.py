"""A training whose MLflow server goes away in the middle loses neither a step nor a metric."""

import json
import threading

import numpy as np
import pytest
from mlflow import MlflowClient

from frontends.config import MelFilterbankConfig
from infra.stage import run_stage
from infra.sync import Synced, SyncRequest
from tests.infra.servers import MlflowServer, postgres
from training.config import (
    ClusterConfig,
    EncoderConfig,
    Launched,
    LaunchRequest,
    TrainConfig,
    TrialConfig,
    TrialRequest,
)
from training.tasks.config import TaskConfig, TaskSnapshot

EPOCHS = 6
TRIAL = TrialConfig(
    frontend=MelFilterbankConfig(num_filters=16),
    train=TrainConfig(epochs=EPOCHS, batch_size=16, encoder=EncoderConfig(width=0.05)),
    seed=3,
    tasks=(TaskConfig(name="sounds"),),
)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """An MLflow server on PostgreSQL."""
    with postgres() as store:
        server = MlflowServer(tmp_path_factory.mktemp("mlflow"), store=store)
        server.start()
        try:
            yield server
        finally:
            server.stop()


def request(snapshot, root, *, tracking_uri) -> LaunchRequest:
    """One trial."""
    snapshots = (TaskSnapshot(task="sounds", folder=str(snapshot.folder), snapshot_id=snapshot.card.snapshot_id),)
    folder = str(root / "trials" / "t")
    trial = TrialRequest(name="mel", trial_id="t", config=TRIAL, snapshots=snapshots, folder=folder)
    return LaunchRequest(
        workflow="outage",
        trials=(trial,),
        cluster=ClusterConfig(),
        tracking_uri=tracking_uri,
        artifact_root=None,
    )


def checkpoint(root):
    """The arrays of the trial's last checkpoint, and its history."""
    with np.load(root / "trials" / "t" / "checkpoints" / "last.npz") as arrays:
        history = json.loads(str(arrays["progress"]))["history"]
        return {key: arrays[key] for key in arrays if key != "progress"}, history


def test_a_server_that_is_stopped_in_the_middle(snapshot, server, tmp_path):
    """Weights of a training without a tracker, bit for bit; every metric of every epoch once, in one run."""
    lines, back = [], threading.Thread(target=server.start)

    def on_line(line: str) -> None:
        lines.append(line)
        if line.startswith("mel, seed 3: epoch 1/"):
            server.stop()
        if line.startswith(f"mel, seed 3: epoch {EPOCHS - 1}/"):
            back.start()  # reading of the training's lines goes on meanwhile

    launched = run_stage(
        "training.launch", request(snapshot, tmp_path, tracking_uri=server.address), Launched, on_line=on_line
    )
    back.join()
    asked = SyncRequest(trials=str(tmp_path / "trials"), tracking_uri=server.address, artifact_root=None)
    run_stage("infra.sync", asked, Synced, on_line=lines.append)
    assert launched == Launched(failed={})
    assert sum("cannot be reached" in line for line in lines) == 1
    assert sum("is back; what was kept" in line for line in lines) <= 1  # none where the training's end came first

    undisturbed = tmp_path / "undisturbed"
    run_stage("training.launch", request(snapshot, undisturbed, tracking_uri=None), Launched, on_line=lines.append)
    (found, history), (expected, expected_history) = checkpoint(tmp_path), checkpoint(undisturbed)
    assert set(found) == set(expected)
    for key in expected:
        np.testing.assert_array_equal(expected[key], found[key])
    assert history == expected_history

    client = MlflowClient(server.address)
    runs = client.search_runs([client.get_experiment_by_name("leafworks/outage").experiment_id])
    (run,) = [run for run in runs if run.data.tags.get("leafworks.trial") == "t"]
    assert {run.info.status for run in runs} == {"FINISHED"}
    for name in expected_history[0]:
        told = [(metric.step, metric.value) for metric in client.get_metric_history(run.info.run_id, name)]
        assert told == [(epoch, values[name]) for epoch, values in enumerate(expected_history, start=1)]
    assert {"model.keras", "figures"} <= {file.path for file in client.list_artifacts(run.info.run_id)}
