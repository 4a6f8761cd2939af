"""SIGKILL at any moment, and a disk that is full: the next call finishes with the same bytes."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest

from infra import config as configs
from pipelines.config import PrepareRequest
from pipelines.listing import list_request
from pipelines.plan import make_plan
from pipelines.prepare import prepare

ROOT = Path(__file__).parents[2]
WORKERS = 2


@pytest.fixture(scope="module")
def corpus(tmp_path_factory) -> Path:
    """400 recordings of noise in four formats, 0.5 s each."""
    import soundfile

    folder = tmp_path_factory.mktemp("corpus")
    for index in range(400):
        suffix = ("wav", "flac", "ogg", "mp3")[index % 4]
        path = folder / f"{index % 3}" / f"{index}.{suffix}"
        path.parent.mkdir(exist_ok=True)
        sound = 0.2 * np.random.default_rng(index).standard_normal(11_025)
        soundfile.write(path, sound, 22_050, format=suffix.upper())
    return folder


@pytest.fixture
def request_of(corpus, request_for):
    """Makes the request of these tests: (root)."""
    return lambda root: request_for("folder", source=corpus, root=root, clips_per_shard=4, workers=WORKERS)


class Stage:
    """The preparation stage in a session of its own, so that what it leaves running can be found."""

    def __init__(self, request: PrepareRequest, folder: Path) -> None:
        self.folder = make_plan(request).folder
        path = folder / "request.json"
        path.write_text(configs.to_json(request))
        command = [sys.executable, "-m", "pipelines.prepare", str(path)]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self.process = subprocess.Popen(command, cwd=ROOT, start_new_session=True, **quiet)

    def workers(self) -> list[psutil.Process]:
        """Its child processes."""
        try:
            return psutil.Process(self.process.pid).children(recursive=True)
        except psutil.NoSuchProcess:
            return []

    def left(self) -> list[psutil.Process]:
        """Processes of its session that still run."""
        found = []
        for process in psutil.process_iter():
            try:
                if os.getsid(process.pid) == self.process.pid and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
            except (ProcessLookupError, psutil.NoSuchProcess):
                continue
        return found


def parts_of(folder: Path) -> dict[str, os.stat_result]:
    """Shards that are done, by their ledger parts, with what tells whether they were written again."""
    found = {}
    for part in folder.glob("parts/[!.]*.arrow"):
        path = folder / part.name.removesuffix(".arrow")
        found[path.name] = path.stat()
    return found


def files_of(folder: Path) -> set[tuple[str, int]]:
    """Names and inodes of the shards that are there, with their parts or without."""
    return {(path.name, path.stat().st_ino) for path in folder.glob("*.tfrecord")}


def kill_driver(stage: Stage) -> int:
    """The process that holds the plan."""
    stage.process.send_signal(signal.SIGKILL)
    assert stage.process.wait() == -signal.SIGKILL
    return 1


def kill_workers(stage: Stage) -> int:
    """The processes that decode; the driver starts others, in which the shards in flight are made again."""
    while not (workers := stage.workers()):
        assert stage.process.poll() is None
    for worker in workers:
        worker.kill()
    wait_for_bytes(stage.folder, bytes_in(stage.folder) + 1, stage)
    stage.process.send_signal(signal.SIGTERM)
    stage.process.wait()
    return len(workers)


@pytest.mark.parametrize("victim", [kill_driver, kill_workers], ids=["driver", "workers"])
def test_killed_at_ten_random_moments(tmp_path, request_of, contents, victim):
    """Whatever is killed: what is done stays, at most the shards in flight are redone, no process is left behind.

    A moment is a number of bytes that a run has written, so that a slow machine draws the same ones.
    """
    expected = contents(Path(prepare(request_of(tmp_path / "whole")).snapshot))
    whole = sum(len(content) for name, content in expected.items() if name.endswith(".tfrecord"))
    request = request_of(tmp_path / "killed")
    folder = make_plan(request).folder
    killed, draw = 0, random.Random(4)
    for _ in range(10):
        before, files = parts_of(folder), files_of(folder)
        stage = Stage(request, tmp_path)
        done = sum(status.st_size for status in before.values())
        wait_for_bytes(folder, done + draw.uniform(0.0, 0.08) * whole, stage)
        killed += victim(stage)
        _, alive = psutil.wait_procs(stage.left(), timeout=20)
        assert not alive
        for name, status in before.items():
            now = (folder / name).stat()
            assert (now.st_ino, now.st_mtime_ns) == (status.st_ino, status.st_mtime_ns)
        assert not (folder / "card.json").exists()
        in_flight = files_of(folder) - files - {(name, now.st_ino) for name, now in parts_of(folder).items()}
        assert len(in_flight) <= WORKERS
    assert killed >= 10
    done = len(parts_of(folder))
    prepared = prepare(request)
    assert prepared.shards_found == done > 0
    assert prepared.clips == {"kept": 400}
    assert contents(folder) == expected


@pytest.fixture
def disk(tmp_path) -> Iterator[Callable[[int], Path]]:
    """Makes a disk of so many KiB, or gives it another size: (KiB)."""
    folder = tmp_path / "disk"
    folder.mkdir()

    def resize(kib: int) -> Path:
        options = f"{'remount,' if folder.is_mount() else ''}size={kib}k"
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], check=False, capture_output=True
        )
        if mounted.returncode:
            pytest.skip("needs the right to mount a small disk")
        return folder

    yield resize
    if folder.is_mount():
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.mark.parametrize("share", [0.05, 0.4, 0.75, 1.003])
def test_a_full_disk(tmp_path, request_of, contents, disk, share):
    """Refused in a line; what is taken for whole is whole; with more room the next call ends with the same bytes.

    The shares are of the bytes of all shards: the last one has room for these, and not for the ledger.
    """
    expected = contents(Path(prepare(request_of(tmp_path / "whole")).snapshot))
    shards = sum(len(content) for name, content in expected.items() if name.endswith(".tfrecord"))
    request = request_of(disk(round(share * shards / 1024)))
    with pytest.raises(ValueError, match=r"No space left on device.*make room") as refused:
        prepare(request)
    assert "\n" not in str(refused.value)
    folder = make_plan(request).folder
    assert not (folder / "card.json").exists()
    for name in parts_of(folder):
        assert (folder / name).read_bytes() == expected[name]
    done = list_request(request).shards_done
    disk(64 * 1024)
    assert prepare(request).shards_found == done
    assert contents(folder) == expected


def wait_for_bytes(folder: Path, moment: float, stage: Stage) -> None:
    """Waits until that many bytes of shards are on disk, those in flight among them."""
    deadline = time.monotonic() + 120
    while (found := bytes_in(folder)) < moment:
        if stage.process.poll() is not None:
            raise AssertionError(f"the preparation ended at {found} bytes")
        assert time.monotonic() < deadline
        time.sleep(0.001)


def bytes_in(folder: Path) -> int:
    """Bytes of the shards in a folder, whole or not."""
    found = 0
    for path in [*folder.glob("*.tfrecord"), *folder.glob(".*.tfrecord.*")]:
        try:
            found += path.stat().st_size
        except FileNotFoundError:
            continue
    return found
