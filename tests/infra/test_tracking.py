"""What trials tell arrives at a real MLflow server on PostgreSQL: all of it, once, whatever happens on the way."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest
from mlflow import MlflowClient

from infra.delivery import delivering
from infra.mlflow_store import without_secrets
from infra.spool import Spool
from infra.sync import SyncRequest, sync
from infra.tracking import FileRun, MemoryRun

MANY = 400


def tell(run, folder, steps=(1, 2, 3)):
    """What a training tells."""
    run.params({"frontend.num_filters": 40, "train.learning_rate": 0.001})
    run.tags({"snapshot_id": "abc"})
    for step in steps:
        run.metrics({"train.loss": 1.0 / step, "validation.accuracy": step / 4}, step=step)
    path = folder / "curve.txt"
    path.write_text("x")
    run.artifact(path, folder="figures")


def begun(folder, *, workflow, name="leaf, seed 0"):
    """A trial in a folder of its own, begun."""
    folder.mkdir(parents=True, exist_ok=True)
    run = FileRun(folder)
    run.begin(workflow=workflow, trial=folder.name, name=name)
    return run


def delivered(server, *folders, patience_seconds=10.0):
    """Delivers what these trials told; returns what was said."""
    lines = []
    with delivering(
        server.address, artifact_root=None, on_line=lines.append, patience_seconds=patience_seconds
    ) as delivery:
        for folder in folders:
            delivery.follow(folder)
    return lines


def runs_of(server, workflow):
    """Trial or "parent" -> run, and the client."""
    client = MlflowClient(server.address)
    found = client.search_runs([client.get_experiment_by_name(f"leafworks/{workflow}").experiment_id])
    runs = {run.data.tags.get("leafworks.trial", "parent"): run for run in found}
    assert len(runs) == len(found)
    return runs, client


def history(client, run, key="train.loss"):
    """(step, value) as the server has them, in its order."""
    return [(metric.step, metric.value) for metric in client.get_metric_history(run.info.run_id, key)]


def test_a_retry_continues_the_same_run(server, tmp_path):
    """What an earlier attempt told is not there twice; the last attempt's end is the run's; the parent is one."""
    folder = tmp_path / "trial-1"
    tell(begun(folder, workflow="retry"), folder, steps=(1, 2))
    assert delivered(server, folder) == []
    again = begun(folder, workflow="retry")
    tell(again, folder)
    again.finish()
    assert delivered(server, folder) == []

    runs, client = runs_of(server, "retry")
    assert {trial: run.info.status for trial, run in runs.items()} == {"trial-1": "FINISHED", "parent": "FINISHED"}
    run = runs["trial-1"]
    assert history(client, run) == [(1, 1.0), (2, 0.5), (3, 1.0 / 3)]
    assert run.data.params == {"frontend.num_filters": "40", "train.learning_rate": "0.001"}
    assert run.data.tags["snapshot_id"] == "abc"
    assert run.data.tags["mlflow.parentRunId"] == runs["parent"].info.run_id
    assert [file.path for file in client.list_artifacts(run.info.run_id, "figures")] == ["figures/curve.txt"]
    begun(folder, workflow="retry").fail()
    delivered(server, folder)
    assert {run.info.status for run in runs_of(server, "retry")[0].values()} == {"FAILED"}


def test_a_server_that_is_away_at_the_start_and_in_the_middle(server, tmp_path):
    """Telling does not wait for it; each side of the outage is said once; then everything is there, once."""
    folder, lines = tmp_path / "away", []
    server.stop()
    try:
        with delivering(server.address, artifact_root=None, on_line=lines.append) as delivery:
            started = time.monotonic()
            run = begun(folder, workflow="away")
            tell(run, folder, steps=range(1, 50))
            delivery.follow(folder)
            assert time.monotonic() - started < 5.0
            wait_for(lambda: len(lines) == 1)
            server.start()
            wait_for(lambda: not Spool(folder).pending)
            server.stop()
            tell(run, folder, steps=range(50, 100))
            wait_for(lambda: len(lines) == 3)
            server.start()
            run.finish()
    finally:
        server.stop()
        server.start()
    assert [line.split("(")[0].split(";")[0].strip() for line in lines] == [
        f"MLflow at {server.address} cannot be reached",
        f"MLflow at {server.address} is back",
    ] * 2
    runs, client = runs_of(server, "away")
    assert history(client, runs["away"]) == [(step, 1.0 / step) for step in range(1, 100)]
    assert runs["away"].info.status == "FINISHED"


def test_a_server_that_is_away_at_the_end_gets_everything_from_the_next_call(server, tmp_path):
    """The end waits a bounded time and says what is left; `sync` delivers it."""
    folder = tmp_path / "trials" / "late"
    server.stop()
    try:
        run = begun(folder, workflow="late")
        tell(run, folder)
        run.finish()
        started = time.monotonic()
        lines = delivered(server, folder, patience_seconds=2.0)
        assert time.monotonic() - started < 10.0
        assert len(lines) == 2
        assert "what 1 trials told is kept" in lines[1]
    finally:
        server.start()
    request = SyncRequest(trials=str(tmp_path / "trials"), tracking_uri=server.address, artifact_root=None)
    assert (sync(request).pending, sync(request).pending) == (1, 0)
    runs, client = runs_of(server, "late")
    assert history(client, runs["late"]) == [(1, 1.0), (2, 0.5), (3, 1.0 / 3)]
    assert {run.info.status for run in runs.values()} == {"FINISHED"}


def test_a_delivery_killed_at_any_moment_repeats_nothing(server, tmp_path):
    """SIGKILL while events are on their way, at several places; the next one goes on."""
    folder = tmp_path / "trials" / "killed"
    run = begun(folder, workflow="killed")
    for step in range(1, MANY + 1):
        run.metrics({"train.loss": 1.0 / step}, step=step)
        if step % 40 == 0:
            tell(run, folder, steps=())
    run.finish()
    request = tmp_path / "request.json"
    asked = {"trials": str(tmp_path / "trials"), "tracking_uri": server.address, "artifact_root": None}
    request.write_text(json.dumps(asked))
    size = (folder / "tracking" / "events.jsonl").stat().st_size
    for share in (0.1, 0.4, 0.8):
        with subprocess.Popen([sys.executable, "-m", "infra.sync", str(request)], stdout=subprocess.DEVNULL) as process:
            wait_for(lambda share=share: Spool(folder).delivered.offset > share * size)
            os.kill(process.pid, signal.SIGKILL)
            assert process.wait() == -signal.SIGKILL
    # As if it had been killed between the server's answer and the note of it, at the worst place.
    state = json.loads((folder / "tracking" / "delivered.json").read_text())
    (folder / "tracking" / "delivered.json").write_text(json.dumps({**state, "offset": 0}))
    assert delivered(server, folder) == []
    runs, client = runs_of(server, "killed")
    assert history(client, runs["killed"]) == [(step, 1.0 / step) for step in range(1, MANY + 1)]
    assert runs["killed"].info.status == "FINISHED"


def test_a_run_that_was_deleted_is_made_again(server, tmp_path):
    """With all that the trial ever told, because the file has it."""
    folder = tmp_path / "deleted"
    run = begun(folder, workflow="deleted")
    tell(run, folder)
    delivered(server, folder)
    runs, client = runs_of(server, "deleted")
    client.delete_run(runs["deleted"].info.run_id)
    run.finish()
    delivered(server, folder)
    again, client = runs_of(server, "deleted")
    assert again["deleted"].info.run_id != runs["deleted"].info.run_id
    assert history(client, again["deleted"]) == [(1, 1.0), (2, 0.5), (3, 1.0 / 3)]


def test_what_mlflow_refuses_does_not_stop_the_rest(server, tmp_path):
    """It is said, kept beside the events, and everything else arrives."""
    folder = tmp_path / "refused"
    run = begun(folder, workflow="refused")
    run.metrics({"train.loss": 1.0}, step=1)
    run.metrics({"not, a name!": 1.0}, step=1)
    run.metrics({"train.loss": 0.5}, step=2)
    run.finish()
    lines = delivered(server, folder)
    assert len(lines) == 1
    assert "refuses metrics (not, a name!)" in lines[0]
    assert len(Spool(folder).delivered.refused) == 1
    runs, client = runs_of(server, "refused")
    assert history(client, runs["refused"]) == [(1, 1.0), (2, 0.5)]


def test_values_that_are_not_finite_arrive(server, tmp_path):
    """A loss that is not a number is a fact too."""
    folder = tmp_path / "nan"
    begun(folder, workflow="nan").metrics({"train.loss": float("nan")}, step=1)
    delivered(server, folder)
    runs, client = runs_of(server, "nan")
    assert [str(value) for _, value in history(client, runs["nan"])] == ["nan"]


def test_no_secret_is_said_or_written(tmp_path, monkeypatch):
    """Neither in lines nor in files, although messages of the libraries repeat addresses."""
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    folder, lines = tmp_path / "secret", []
    tell(begun(folder, workflow="secret"), folder)
    address = "http://ada:s3cret@127.0.0.1:9/?token=h1dden"
    with delivering(address, artifact_root=None, on_line=lines.append, patience_seconds=0.0) as delivery:
        delivery.follow(folder)
        wait_for(lambda: lines)
    written = [path.read_text() for path in (folder / "tracking").iterdir()]
    assert "http://ada:***@127.0.0.1:9/?token=***" in lines[0]
    assert not [text for text in [*lines, *written] if "s3cret" in text or "h1dden" in text]


@pytest.mark.parametrize(
    ("uri", "shown"),
    [
        ("postgresql://ada:s3cret@db:5432/runs", "postgresql://ada:***@db:5432/runs"),
        ("sqlite:////a b/mlflow.db", "sqlite:////a b/mlflow.db"),
        ("http://127.0.0.1:5000", "http://127.0.0.1:5000"),
        ("https://t0ken@host", "https://***@host"),
        ("databricks", "databricks"),
    ],
)
def test_an_address_is_shown_without_its_secrets(uri, shown):
    """And otherwise as it was given; a name alone may be a token."""
    assert without_secrets(uri) == shown


def test_an_artifact_outside_of_the_trial_is_refused(tmp_path):
    """It might be gone when it is delivered."""
    with pytest.raises(ValueError, match="lies in its trial's folder"):
        begun(tmp_path / "trial", workflow="w").artifact(tmp_path / "elsewhere.txt")


def test_the_run_in_memory_remembers_the_same(tmp_path):
    """Same calls, same facts."""
    run = MemoryRun()
    tell(run, tmp_path)
    assert run.metric_values["train.loss"] == {1: 1.0, 2: 0.5, 3: 1.0 / 3}
    assert run.param_values["frontend.num_filters"] == 40
    assert set(run.artifacts) == {"figures/curve.txt"}


def wait_for(condition):
    """Until it holds; two minutes at most."""
    deadline = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)
