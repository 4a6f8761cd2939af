"""A real PostgreSQL and a real MLflow server on it, that can be stopped and started again."""

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.environment import stage_environment


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def postgres() -> Iterator[str]:
    """The URI of an empty database on a PostgreSQL that ends with the block; skips where there is none."""
    binaries = _binaries()
    owner = _owner()
    with tempfile.TemporaryDirectory(prefix="leafworks-postgres-", ignore_cleanup_errors=True) as root:
        folder = Path(root)
        if owner:
            shutil.chown(folder, owner)
        as_owner = {"user": owner} if owner else {}
        data, port = folder / "data", free_port()
        initdb = [binaries / "initdb", "--auth=trust", "--username=leafworks", "--no-sync", "-D", data]
        subprocess.run(initdb, check=True, capture_output=True, cwd=folder, **as_owner)
        settings = {"port": port, "listen_addresses": "127.0.0.1", "unix_socket_directories": folder, "fsync": "off"}
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        with (folder / "log").open("wb") as log:
            server = subprocess.Popen(
                [binaries / "postgres", "-D", data, *options], stdout=log, stderr=log, cwd=folder, **as_owner
            )
        try:
            _wait(lambda: _accepts(port), server, "PostgreSQL", folder / "log")
            yield f"postgresql://leafworks@127.0.0.1:{port}/postgres"
        finally:
            server.send_signal(signal.SIGINT)  # ends without waiting for clients
            server.wait(30)


class MlflowServer:
    """An MLflow server that keeps artifacts itself; the same address whenever it is started."""

    def __init__(self, folder: Path, *, store: str) -> None:
        self.folder, self.store, self.port = folder, store, free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        self._process: subprocess.Popen | None = None

    def start(self) -> None:
        """Returns when it answers."""
        words = ["server", "--host", "127.0.0.1", "--port", str(self.port), "--workers", "1"]
        words += ["--backend-store-uri", self.store, "--artifacts-destination", str(self.folder / "artifacts")]
        environment = {**stage_environment(), "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
        log = self.folder / "server.log"
        with log.open("ab") as stream:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "mlflow", *words],
                env=environment,
                cwd=self.folder,
                stdout=stream,
                stderr=stream,
                start_new_session=True,
            )
        _wait(self._healthy, self._process, "MLflow", log)

    def stop(self) -> None:
        """At once, with all of its workers."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(30)
            self._process = None

    def _healthy(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.address}/health", timeout=5) as answer:
                return answer.status == 200
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return False


def _binaries() -> Path:
    """Where `postgres` and `initdb` are; Debian keeps them off the path."""
    known = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name), reverse=True)
    on_path = shutil.which("postgres")
    for folder in [*known, *([Path(on_path).resolve().parent] if on_path else [])]:
        if (folder / "postgres").exists() and (folder / "initdb").exists():
            return folder
    pytest.skip("there is no PostgreSQL: on Debian, `apt install postgresql`")


def _owner() -> str | None:
    """PostgreSQL does not run as root."""
    if os.getuid() != 0:
        return None
    try:
        return pwd.getpwnam("postgres").pw_name
    except KeyError:
        pytest.skip("PostgreSQL does not run as root, and there is no user `postgres`")


def _accepts(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _wait(ready, process: subprocess.Popen, name: str, log: Path) -> None:
    deadline = time.monotonic() + 120
    while not ready():
        assert process.poll() is None, f"{name} ended:\n{log.read_text()[-2000:]}"
        assert time.monotonic() < deadline, f"{name} did not answer in 120 s:\n{log.read_text()[-2000:]}"
        time.sleep(0.1)
