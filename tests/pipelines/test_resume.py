"""Preparing again: what is there is not repeated, and what was stopped goes on to the same bytes."""

import concurrent.futures
import dataclasses
import errno
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from infra import config as configs
from infra.stage import run_stage
from pipelines.config import Prepared, PrepareRequest
from pipelines.corpora.config import SyntheticConfig
from pipelines.listing import list_request
from pipelines.plan import make_plan
from pipelines.prepare import prepare
from pipelines.shards import ShardWriter

ROOT = Path(__file__).parents[2]


def test_a_second_run_repeats_nothing(small):
    """Same answer, no shard made, no file touched; a leftover of a late kill goes."""
    first = prepare(small())
    folder = Path(first.snapshot)
    before = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    (folder / "parts").mkdir()
    second = prepare(small())
    assert (second.snapshot_id, second.clips) == (first.snapshot_id, first.clips)
    assert (first.shards_made, second.shards_made, second.shards_found) == (17, 0, 17)
    assert {path.name: path.stat().st_mtime_ns for path in folder.iterdir()} == before
    assert list_request(small()).finished


def test_only_damaged_shards_are_made_again(small, contents):
    """A shard without its part, one of another size, one that is gone; leftovers are removed."""
    request = small()
    whole = contents(Path(prepare(request).snapshot))
    plan = make_plan(request)
    shutil.rmtree(plan.folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pipelines.seal.seal", lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            prepare(request)
    assert list_request(request).shards_done == 17
    files = [plan.folder / shard.name for shard in plan.shards]
    kept = {path.name: path.stat().st_ino for path in files[3:]}
    plan.part_path(plan.shards[0]).unlink()
    files[1].write_bytes(files[1].read_bytes()[:-1])
    files[2].unlink()
    (plan.folder / ".train-00000-of-00010.tfrecord.abc.tmp").write_bytes(b"half")
    (plan.folder / "parts/.x.arrow.abc.tmp").write_bytes(b"half")
    assert prepare(request).shards_made == 3
    assert {path.name: path.stat().st_ino for path in files[3:]} == kept
    assert contents(plan.folder) == whole


def start(request: PrepareRequest, folder: Path) -> subprocess.Popen:
    """The preparation stage in a process of its own."""
    (folder / "request.json").write_text(configs.to_json(request))
    command = [sys.executable, "-m", "pipelines.prepare", str(folder / "request.json")]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def kill_when(process: subprocess.Popen, reached) -> None:
    """Kills the process without warning as soon as `reached()`; it must not end before."""
    deadline = time.monotonic() + 60
    while not reached():
        assert process.poll() is None, "the preparation ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.001)
    process.send_signal(signal.SIGKILL)
    process.wait()


def test_a_killed_preparation_resumes_to_the_same_bytes(tmp_path, request_for, contents):
    """Killed at its start and twice on the way: finished shards stay, at most those in flight are redone."""
    synthetic = SyntheticConfig(clips_per_class=40, duration_ms=1000.0)
    options = {"clips_per_shard": 4, "synthetic": synthetic, "workers": 2}
    expected = contents(Path(prepare(request_for("synthetic", root=tmp_path / "whole", **options)).snapshot))
    request = request_for("synthetic", root=tmp_path / "killed", **options)
    folder = make_plan(request).folder
    for target in (0, 8, 40):
        survivors = {path: path.stat() for path in folder.glob("*.tfrecord")}
        done = {path.name for path in (folder / "parts").glob("*.arrow")}

        def reached(done=done, target=target):
            parts = {path.name for path in (folder / "parts").glob("*.arrow")}
            return (folder / "parts").is_dir() and len(parts) >= target and parts >= done

        kill_when(start(request, tmp_path), reached)
        for path, before in survivors.items():
            if f"{path.name}.arrow" in done:
                assert (path.stat().st_ino, path.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert not (folder / "card.json").exists()
    complete = len(list((folder / "parts").glob("[!.]*.arrow")))
    prepared = prepare(request)
    assert prepared.shards_found == complete >= 40
    assert contents(folder) == expected


def test_the_card_is_the_last_file(small, monkeypatch):
    """Whatever fails before leaves no card behind."""
    request = small()
    monkeypatch.setattr("pipelines.seal.statistics", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        prepare(request)
    assert not (make_plan(request).folder / "card.json").exists()


def test_two_preparations_at_once_do_the_work_once(small):
    """The second waits for the first and finds everything there."""
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        runs = [
            pool.submit(run_stage, "pipelines.prepare", small(), Prepared, on_line=lambda line: None) for _ in range(2)
        ]
        answers = [run.result() for run in runs]
    assert sorted(answer.shards_made for answer in answers) == [0, 17]
    assert answers[0].snapshot_id == answers[1].snapshot_id


@pytest.mark.parametrize("content", [None, "", "{}", "[]", "null", "\x00"])
def test_a_finished_snapshot_without_its_statistics(small, content):
    """Refused with what to do, not guessed."""
    folder = Path(prepare(small()).snapshot)
    (folder / "stats.json").unlink()
    if content is not None:
        (folder / "stats.json").write_text(content)
    with pytest.raises(ValueError, match="verify"):
        prepare(small())


@pytest.mark.parametrize("beam_options", [(), ("--direct_num_workers=1",)], ids=["in memory", "by servers"])
def test_a_disk_that_is_full_is_refused_in_one_line_and_resumed(small, contents, monkeypatch, beam_options):
    """What a worker raised comes back as a sentence, and nothing that was done is lost."""
    real = ShardWriter.write

    def write(writer, *payload):
        if b"clicks/00002" in payload[0]:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(writer, *payload)

    monkeypatch.setattr(ShardWriter, "write", write)
    with pytest.raises(ValueError, match="No space left") as refused:
        prepare(dataclasses.replace(small(workers=1), beam_options=beam_options))
    assert "\n" not in str(refused.value)
    assert "while running" not in str(refused.value)
    folder = make_plan(small()).folder
    assert not (folder / "card.json").exists()
    assert not list(folder.glob(".*"))
    done = len(list((folder / "parts").iterdir()))
    monkeypatch.undo()
    assert prepare(small()).shards_found == done
