"""The tracker against a real MLflow server on loopback."""

import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

import pytest

from infra.environment import stage_environment
from infra.tracking import FINISHED, MemoryRun, MlflowRun, Tracker


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """Address of an MLflow server on SQLite that keeps artifacts itself."""
    folder = tmp_path_factory.mktemp("mlflow")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [
        sys.executable,
        "-m",
        "mlflow",
        "server",
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
        "--workers",
        "1",
    ]
    command += [
        "--backend-store-uri",
        f"sqlite:///{folder}/mlflow.db",
        "--artifacts-destination",
        str(folder / "store"),
    ]
    environment = {**stage_environment(), "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    process = subprocess.Popen(
        command, env=environment, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    address = f"http://127.0.0.1:{port}"
    try:
        _wait_until_healthy(address, process)
        yield address
    finally:
        process.terminate()
        process.wait(20)


def _wait_until_healthy(address, process):
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        assert process.poll() is None, "the server ended"
        try:
            with urllib.request.urlopen(f"{address}/health", timeout=5) as answer:
                if answer.status == 200:
                    return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.2)
    raise AssertionError("the server did not become healthy in 120 s")


def write(run, folder):
    """What a training writes; twice, as a retry would."""
    for _ in range(2):
        run.params({"frontend.num_filters": 40, "train.learning_rate": 0.001})
        run.tags({"snapshot_id": "abc"})
        for step in (1, 2, 3):
            run.metrics({"train.loss": 1.0 / step, "validation.accuracy": step / 4}, step=step)
        path = folder / "curve.txt"
        path.write_text("x")
        run.artifact(path, folder="figures")


def test_a_retry_continues_the_same_run(server, tmp_path):
    """The tags find it again; nothing is logged twice; the parent is one."""
    first = Tracker(server, workflow="w", artifact_root=None)
    run_id = first.trial_run("trial-1", name="leaf, seed 0")
    write(MlflowRun(server, run_id), tmp_path)
    second = Tracker(server, workflow="w", artifact_root=None)
    assert second.trial_run("trial-1", name="leaf, seed 0") == run_id
    run = MlflowRun(server, run_id)
    write(run, tmp_path)
    run.finish()
    second.end_workflow(FINISHED)

    from mlflow import MlflowClient

    client = MlflowClient(server)
    runs = client.search_runs([client.get_experiment_by_name("leafworks/w").experiment_id])
    assert sorted(run.info.status for run in runs) == ["FINISHED", "FINISHED"]
    history = client.get_metric_history(run_id, "train.loss")
    assert [(metric.step, metric.value) for metric in history] == [(1, 1.0), (2, 0.5), (3, 1.0 / 3)]
    run = client.get_run(run_id)
    assert run.data.params == {"frontend.num_filters": "40", "train.learning_rate": "0.001"}
    assert run.data.tags["snapshot_id"] == "abc"
    assert [file.path for file in client.list_artifacts(run_id, "figures")] == ["figures/curve.txt"]
    second.fail(run_id)
    assert client.get_run(run_id).info.status == "FAILED"


def test_the_run_in_memory_remembers_the_same(tmp_path):
    """Same calls, same facts."""
    run = MemoryRun()
    write(run, tmp_path)
    assert run.metric_values["train.loss"] == {1: 1.0, 2: 0.5, 3: 1.0 / 3}
    assert run.param_values["frontend.num_filters"] == 40
    assert set(run.artifacts) == {"figures/curve.txt"}
