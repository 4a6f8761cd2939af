"""A recording that crashes its decoder, or holds it for ever, costs itself only."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from pipelines import isolation
from pipelines.isolation import Children, Limits
from pipelines.ledger import read_ledger
from pipelines.making import MakeShardTask
from pipelines.plan import make_plan
from pipelines.prepare import prepare
from pipelines.tasks import write_tasks

ROOT = Path(__file__).parents[2]
HOSTILE = Path(__file__).with_name("hostile_child.py")
BAD = {
    "segfault": "crashed",
    "loop": "timed_out",
    "wait": "timed_out",
    "explode": "corrupt",
    "exit": "crashed",
    "resample": "crashed",
}


@pytest.fixture
def hostile(monkeypatch):
    """Has the children of this test be hostile in that manner; and little patience with them."""
    children = Children()
    monkeypatch.setattr(isolation, "_TICK_SECONDS", 0.05)
    monkeypatch.setattr("pipelines.transforms.CHILDREN", children)

    def start(manner, *, seconds=1.0, wall_factor=8.0):
        monkeypatch.setattr(isolation, "COMMAND", (sys.executable, "-P", str(HOSTILE), manner))
        monkeypatch.setattr(isolation, "LIMITS", Limits(seconds=seconds, wall_factor=wall_factor))
        children.close()

    yield start
    children.close()


@pytest.fixture
def corpus(tmp_path, write_audio):
    """Twenty good recordings and some bad ones."""
    for index in range(20):
        write_audio(tmp_path / f"corpus/a/{index}.wav")
    for name in BAD:
        write_audio(tmp_path / f"corpus/b/{name}.wav", rate=12_345 if name == "resample" else 16_000)
    return tmp_path / "corpus"


def shards(folder):
    """Name -> bytes of the TFRecord files, and the rows of the ledger."""
    rows = {row.clip_id: row for row in read_ledger(Path(folder, "clips.parquet"))}
    return {path.name: path.read_bytes() for path in Path(folder).glob("*.tfrecord")}, rows


def test_a_process_that_decodes_has_no_pandas(tmp_path, write_audio, monkeypatch, request_for):
    """Which pyarrow, that writes its part of the ledger, would load: 49 MB of each."""
    children = Children()
    monkeypatch.setattr("pipelines.transforms.CHILDREN", children)
    write_audio(tmp_path / "corpus/a/0.wav")
    prepare(request_for("folder", source=tmp_path / "corpus"))
    (child,) = children._idle
    loaded = Path(f"/proc/{child._process.pid}/maps").read_text()
    children.close()
    assert "/pyarrow/" in loaded
    assert "/pandas/" not in loaded


def test_what_ends_a_decoder_costs_that_clip_only(tmp_path, request_for, corpus, hostile):
    """Crashes, hangs and giant allocations are verdicts; the rest is as if those clips had been rejected."""
    snapshots = {}
    for manner in ("rejects", "hostile"):
        hostile(manner)
        request = request_for(
            "folder", source=corpus, root=tmp_path / manner, clips_per_shard=6, max_rejected_share=0.5
        )
        snapshots[manner] = shards(prepare(request).snapshot)
    files, rows = snapshots["hostile"]
    assert files == snapshots["rejects"][0]
    assert {row.clip_id.split("/")[-1]: row.status for row in rows.values() if row.status != "kept"} == {
        f"{name}.wav": status for name, status in BAD.items()
    }
    assert "SIGSEGV" in rows["b/segfault.wav"].reason
    assert "exit code 3" in rows["b/exit.wav"].reason
    assert "1 s of processor time" in rows["b/loop.wav"].reason
    assert rows["b/wait.wav"].reason == "took more than 9 s"
    assert "memory" in rows["b/explode.wav"].reason
    for clip_id, row in rows.items():
        if row.status == "kept":
            assert row == snapshots["rejects"][1][clip_id]
    assert not list((tmp_path / "hostile").rglob("*.tmp"))


def test_a_child_that_somebody_killed_marks_no_clip(tmp_path, request_for, corpus, write_audio, hostile):
    """The shard is made again, with all its clips."""
    write_audio(corpus / "a/once.wav")
    hostile("hostile")
    for name in BAD:
        (corpus / f"b/{name}.wav").unlink()
    prepared = prepare(request_for("folder", source=corpus))
    assert (corpus / "a/marker").exists()
    assert prepared.clips == {"kept": 21}


def test_what_a_child_cannot_write_is_refused_in_one_line(request_for, corpus, hostile):
    """As it would be without a child."""
    hostile("full")
    with pytest.raises(ValueError, match="No space left") as refused:
        prepare(request_for("folder", source=corpus))
    assert "\n" not in str(refused.value)


def test_a_child_that_always_ends_is_an_error(request_for, corpus, hostile):
    """Whatever clip it was at: once that one is left out and it ends again, no clip was to blame."""
    hostile("fall")
    with pytest.raises(RuntimeError, match=r"SIGKILL.*at no recording"):
        prepare(request_for("folder", source=corpus))


def test_a_child_that_cannot_start_is_an_error(request_for, corpus, hostile, monkeypatch):
    """And no verdict on anything."""
    hostile("hostile")
    monkeypatch.setattr(isolation, "COMMAND", (sys.executable, "-c", "raise SystemExit(7)"))
    with pytest.raises(RuntimeError, match=r"exit code 7.*at no recording"):
        prepare(request_for("folder", source=corpus))


@pytest.mark.parametrize("deed", ["loop", "wait"])
def test_a_child_ends_with_its_parent(tmp_path, write_audio, deed):
    """However the parent ends, and whatever the child does."""
    write_audio(tmp_path / f"corpus/a/{deed}.wav")
    script = f"""if True:
        import sys
        from pipelines import config, isolation, prepare
        isolation.COMMAND = (sys.executable, "-P", {str(HOSTILE)!r}, "hostile")
        prepare.prepare(config.PrepareRequest(
            config=config.PrepareConfig(corpus="folder"),
            source={str(tmp_path / "corpus")!r},
            root={str(tmp_path / "root")!r},
        ))
    """
    parent = subprocess.Popen([sys.executable, "-c", script], cwd=ROOT, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    children = []
    while not children or not list(tmp_path.rglob("*.tmp")):
        assert parent.poll() is None
        assert time.monotonic() < deadline
        children = psutil.Process(parent.pid).children()
        time.sleep(0.01)
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    gone, alive = psutil.wait_procs(children, timeout=20)
    assert gone
    assert not alive


def test_a_child_does_one_task_after_another(request_for, corpus):
    """It is started once, and ended with `close`."""
    children = Children()
    plan = make_plan(request_for("folder", source=corpus, clips_per_shard=6))
    (plan.folder / "parts").mkdir(parents=True)
    before = {child.pid for child in psutil.Process().children()}
    pids = set()
    for task in write_tasks(plan, plan.shards):
        children.run(MakeShardTask(shard=task, config=plan.config, folder=plan.listed.folder, labels=plan.labels))
        assert Path(task.part_path).is_file()
        pids |= {child.pid for child in psutil.Process().children()} - before
    assert len(plan.shards) > 3
    assert len(pids) == 1
    children.close()
    assert not psutil.pid_exists(pids.pop())


def test_a_child_ends_with_those_who_could_use_it(request_for, corpus):
    """Also when nobody has called `close`, as a runner's thread may be late."""
    children = Children()
    plan = make_plan(request_for("folder", source=corpus))
    (plan.folder / "parts").mkdir(parents=True)
    before = {child.pid for child in psutil.Process().children()}
    (task, *_) = write_tasks(plan, plan.shards)
    children.run(MakeShardTask(shard=task, config=plan.config, folder=plan.listed.folder, labels=plan.labels))
    (pid,) = {child.pid for child in psutil.Process().children()} - before
    del children
    assert not psutil.pid_exists(pid)
