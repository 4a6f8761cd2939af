"""Ray nodes as processes of their own on this machine: started with `ray start`, killed as a machine dies."""

import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from tests.training.kills import wait_until

_STARTED = re.compile("Ray runtime started")


class Nodes:
    """A cluster of a head and other nodes, of one CPU each.

    Args:
      folder: short, because Unix sockets below it must have short paths.
      environment: of every node.
    """

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self._folder, self._environment = folder, environment
        self._processes: list[subprocess.Popen] = []
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.address = f"127.0.0.1:{probe.getsockname()[1]}"
        port = self.address.rsplit(":", 1)[1]
        self._start("--head", f"--port={port}", f"--temp-dir={folder}/ray", "--include-dashboard=false")

    def add(self) -> None:
        """Starts one more node; it has joined when this returns."""
        self._start(f"--address={self.address}")

    def kill(self, pid: int) -> bool:
        """SIGKILL to every process of the node that one of them, `pid`, belongs to; False: it is the head's or gone."""
        for process in self._processes[1:]:
            with suppress(psutil.NoSuchProcess):
                whole = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
                if pid in [one.pid for one in whole]:
                    _kill(whole)
                    self._processes.remove(process)
                    process.wait(60)
                    return True
        return False

    def end(self) -> None:
        """Kills all that is left."""
        for process in self._processes:
            with suppress(psutil.NoSuchProcess):
                _kill([psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)])
            process.wait(60)

    def _start(self, *arguments: str) -> None:
        """Tries three times: `ray start` gives up after 30 s, which a busy machine may need."""
        command = [str(Path(sys.executable).with_name("ray")), "start", "--block", "--num-cpus=1"]
        command += ["--object-store-memory=100000000", "--disable-usage-stats", *arguments]
        for _ in range(3):
            log = self._folder / f"node-{len(list(self._folder.glob('node-*')))}.txt"
            if self._starts(command, log):
                return
        raise AssertionError(log.read_text())

    def _starts(self, command: list[str], log: Path) -> bool:
        with log.open("w") as stream:
            process = subprocess.Popen(
                command, env=self._environment, stdout=stream, stderr=subprocess.STDOUT, start_new_session=True
            )
        wait_until(lambda: bool(_STARTED.search(log.read_text())) or process.poll() is not None)
        runs = process.poll() is None
        if runs:
            self._processes.append(process)
        return runs


@contextmanager
def ray_nodes(count: int) -> Iterator[Nodes]:
    """A cluster of so many nodes; who joins it needs `RAY_AUTH_MODE=disabled`."""
    folder = Path(tempfile.mkdtemp(prefix="lw-"))
    nodes = Nodes(folder, {**os.environ, "RAY_AUTH_MODE": "disabled"})
    try:
        for _ in range(count - 1):
            nodes.add()
        yield nodes
    finally:
        nodes.end()
        shutil.rmtree(folder, ignore_errors=True)


def _kill(processes: list[psutil.Process]) -> None:
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.kill()
