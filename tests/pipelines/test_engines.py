"""Other engines than the local runner's threads: the same bytes, the same refusals, and no wait without end."""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from infra.stage import run_stage
from pipelines.config import Prepared, PrepareRequest
from pipelines.plan import make_plan
from pipelines.prepare import prepare

ROOT = Path(__file__).parents[2]
FLINK = ROOT / ".flink"  # `make flink` puts the job server there


@pytest.fixture
def request_of(tmp_path, write_audio, request_for) -> Callable[..., PrepareRequest]:
    """Makes a request for 40 recordings in 11 shards: (folder, options)."""
    for index in range(40):
        write_audio(tmp_path / f"corpus/{index % 2}/{index}.{('wav', 'flac')[index // 20]}")

    def make(folder: str, options: tuple[str, ...] = ()) -> PrepareRequest:
        request = request_for("folder", source=tmp_path / "corpus", root=tmp_path / folder, clips_per_shard=4)
        return replace(request, beam_options=options)

    return make


@contextmanager
def running(module: str, *arguments: str, programs: Path = Path(sys.executable).parent) -> Iterator[subprocess.Popen]:
    """A module of Beam as a server; it starts its workers as `python`, the one in `programs`."""
    path = os.pathsep.join([str(programs), os.environ["PATH"]])
    command = [sys.executable, "-m", module, *arguments]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(command, cwd=ROOT, env={**os.environ, "PATH": path}, **quiet) as process:
        try:
            yield process
        finally:
            process.terminate()


@contextmanager
def job_service(folder: Path, *options: str) -> Iterator[tuple[str, ...]]:
    """Beam's portable job service, the protocol of Flink and Spark, without Java."""
    port_file = folder / "port"
    arguments = ["--port_file", str(port_file), "--staging_dir", str(folder / "staging")]
    with running("apache_beam.runners.portability.local_job_service_main", *arguments) as server:
        wait_until(lambda: port_file.exists() and bool(port_file.read_text()), server)
        yield ("--runner=PortableRunner", f"--job_endpoint=localhost:{port_file.read_text()}", *options)


@contextmanager
def processes(folder: Path) -> Iterator[tuple[str, ...]]:
    """Two worker processes of the local runner."""
    yield ("--direct_running_mode=multi_processing", "--direct_num_workers=2")


@contextmanager
def loopback(folder: Path) -> Iterator[tuple[str, ...]]:
    """The portable protocol, with the worker in the driver's process."""
    with job_service(folder, "--environment_type=LOOPBACK") as options:
        yield options


@contextmanager
def worker_pool(folder: Path, **programs: Path) -> Iterator[tuple[str, ...]]:
    """The portable protocol, with worker processes from a pool as on every machine of a cluster."""
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    with running("apache_beam.runners.worker.worker_pool_main", f"--service_port={port}", **programs) as pool:
        wait_until(lambda: listens(port), pool)
        with job_service(folder, "--environment_type=EXTERNAL", f"--environment_config=localhost:{port}") as options:
            yield options


def listens(port: int) -> bool:
    """Whether a server accepts connections there."""
    with socket.socket() as client:
        return client.connect_ex(("localhost", port)) == 0


def wait_until(ready: Callable[[], bool], server: subprocess.Popen) -> None:
    """Waits for a server to start."""
    deadline = time.monotonic() + 60
    while not ready():
        assert server.poll() is None, "the server ended"
        assert time.monotonic() < deadline
        time.sleep(0.02)


@contextmanager
def dask(folder: Path) -> Iterator[tuple[str, ...]]:
    """A Dask scheduler and two workers, each a process."""
    distributed = pytest.importorskip("distributed", reason="needs apache-beam[dask]")
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=None, host="127.0.0.1", silence_logs=50
    ) as cluster:
        runner = "--runner=apache_beam.runners.dask.dask_runner.DaskRunner"
        yield (runner, f"--dask_client_address={cluster.scheduler_address}", "--dask_npartitions=8")


@contextmanager
def flink(folder: Path) -> Iterator[tuple[str, ...]]:
    """A Flink in the job server's JVM with two task slots."""
    if shutil.which("java") is None:
        pytest.skip("needs Java for Flink")
    jars = sorted(FLINK.glob("flink-*-job-server-*.jar"))
    if not jars:
        pytest.skip(f"needs Flink's job server in {FLINK}: `make flink` fetches it")
    master = ("--flink_master=[local]", "--parallelism=2", "--environment_type=LOOPBACK")
    yield ("--runner=FlinkRunner", f"--flink_job_server_jar={jars[-1]}", *master)


ENGINES = [processes, loopback, worker_pool, dask, flink]


@pytest.mark.parametrize("engine", ENGINES, ids=lambda engine: engine.__name__)
def test_an_engine_makes_the_same_bytes(request_of, tmp_path, contents, engine):
    """Card, ledger and shards are those of the local runner's threads, and the parent hears how far it is."""
    expected = prepare(request_of("threads"))
    heard: list[tuple[int, int, str]] = []
    with engine(tmp_path) as options:
        request = request_of("engine", options)
        made = run_stage("pipelines.prepare", request, Prepared, on_progress=lambda *args: heard.append(args))
    assert (made.snapshot_id, made.clips) == (expected.snapshot_id, {"kept": 40})
    assert contents(Path(made.snapshot)) == contents(Path(expected.snapshot))
    assert heard[-1] == (expected.shards_made, expected.shards_made, "shards")


@pytest.mark.parametrize("engine", ENGINES, ids=lambda engine: engine.__name__)
def test_what_a_worker_refuses_arrives_in_one_line(request_of, tmp_path, engine):
    """A shard that cannot be written, since a folder is where it goes."""
    with engine(tmp_path) as options:
        request = request_of("engine", options)
        plan = make_plan(request)
        in_the_way = plan.folder / plan.shards[3].name
        in_the_way.mkdir(parents=True)
        with pytest.raises(ValueError, match="Is a directory") as refused:
            run_stage("pipelines.prepare", request, Prepared, on_line=lambda line: None)
        assert "\n" not in str(refused.value)


def test_workers_that_never_come_end_the_wait(request_of, tmp_path, monkeypatch):
    """A pool whose `python` dies at once, which makes the engine wait for ever, ends in a refusal that says so."""
    (tmp_path / "python").write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / "python").chmod(0o755)
    monkeypatch.setattr("pipelines.watch.SILENCE_SECONDS", 2.0)
    with (
        worker_pool(tmp_path, programs=tmp_path) as options,
        pytest.raises(ValueError, match=r"nothing for 2 s in .*engines.md"),
    ):
        prepare(request_of("engine", options))
