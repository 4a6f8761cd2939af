"""Preparing: every file accounted for, the same bytes however it was run, resumed and not repeated."""

import collections
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

import numpy as np
import pytest
from apache_beam.options.pipeline_options import DirectOptions

from infra import config as configs
from infra.card import read_card
from infra.stage import run_stage
from pipelines import ledger, synthesis
from pipelines.config import FolderConfig, Prepared, PrepareRequest, SyntheticConfig, VerifyRequest
from pipelines.listing import list_request
from pipelines.plan import make_plan
from pipelines.prepare import prepare
from pipelines.run import make_pipeline
from pipelines.shards import ShardWriter, read_shard
from pipelines.verify import verify

ROOT = Path(__file__).parents[2]
ODD_NAMES = ["with space.wav", "Äpfel #3.wav", "--help.wav", "twice.wav.wav", "[a]*?.wav", "line\nbreak.wav"]


def small(request_for, **options) -> PrepareRequest:
    """66 short synthetic clips in 17 shards."""
    synthetic = SyntheticConfig(clips_per_class=6, duration_ms=100.0)
    return request_for("synthetic", clips_per_shard=4, synthetic=synthetic, **options)


def rows_by_id(snapshot: str) -> dict[str, ledger.Row]:
    """The ledger's rows."""
    return {row.clip_id: row for row in ledger.read_ledger(Path(snapshot, "clips.parquet"))}


@pytest.fixture
def messy(tmp_path, noise, write_audio) -> Path:
    """Nineteen good recordings of every kind, and six that are not."""
    folder = tmp_path / "source"
    for name in [*ODD_NAMES, os.fsdecode(b"latin\xe9.wav")]:
        write_audio(folder / "odd names" / name, format="WAV")
    for subtype in ("PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE"):
        write_audio(folder / "depths" / f"{subtype}.wav", np.stack([noise()] * 2, 1), 44_100, subtype=subtype)
    for suffix in ("flac", "ogg", "mp3", "aiff", "au", "caf"):
        write_audio(folder / "formats" / f"a.{suffix}", noise(30_000), 48_000)
    bad = folder / "bad"
    write_audio(bad / "silent.wav", np.zeros(8_000))
    write_audio(bad / "short.wav", noise(100))
    whole = write_audio(bad / "truncated.wav").read_bytes()
    (bad / "truncated.wav").write_bytes(whole[:5_000])
    (bad / "empty.wav").write_bytes(b"")
    (bad / "text.wav").write_text("not a recording")
    (folder / "README").write_text("notes")
    return folder


def test_every_listed_file_is_in_the_ledger(messy, request_for):
    """Kept, or rejected for its own reason; kept samples are where the ledger says."""
    write_loose = messy / "loose.wav"
    shutil.copy(messy / "odd names/--help.wav", write_loose)
    request = request_for("folder", source=messy, max_rejected_share=0.5, clips_per_shard=3)
    prepared = prepare(request)
    rows = rows_by_id(prepared.snapshot)
    assert {row.status for name, row in rows.items() if not name.startswith(("bad/", "loose"))} == {"kept"}
    assert {name: row.status for name, row in rows.items() if row.status != "kept"} == {
        "bad/silent.wav": "silent",
        "bad/short.wav": "too_short",
        "bad/truncated.wav": "truncated",
        "bad/empty.wav": "empty",
        "bad/text.wav": "unsupported",
        "loose.wav": "unlabelled",
    }
    assert prepared.clips == collections.Counter(row.status for row in rows.values())
    assert len(rows) == 7 + 6 + 6 + 6
    for row in rows.values():
        assert (row.reason == "") == (row.status == "kept")
        assert (row.shard is None) == (row.status != "kept")
        assert str(messy) not in f"{row.source} {row.reason}"
    row = rows["depths/PCM_16.wav"]
    with Path(prepared.snapshot, row.shard).open("rb") as stream:
        stream.seek(row.waveform_offset)
        samples = np.frombuffer(stream.read(2 * row.num_samples), "<i2")
    assert row.num_samples == -(-8_000 * 16_000 // 44_100)
    assert np.max(np.abs(samples)) == pytest.approx(32_768 * 10 ** (row.peak_db / 20), abs=1)
    assert verify(VerifyRequest(snapshot=prepared.snapshot)).problems == ()


def test_over_budget_everything_but_the_card_is_there(messy, request_for):
    """The error names counts, files and the flag; a larger budget finishes without decoding again."""
    request = request_for("folder", source=messy, clips_per_shard=3)
    with pytest.raises(ValueError, match="--max-rejected-share") as refused:
        prepare(request)
    for words in ("5 of 24", "1 empty", "1 silent", "bad/empty.wav: empty: the file has 0 bytes"):
        assert words in str(refused.value)
    folder = make_plan(request).folder
    assert not (folder / "card.json").exists()
    assert len(ledger.read_ledger(folder / "clips.parquet")) == 24
    before = {path.name: path.stat().st_mtime_ns for path in folder.glob("*.tfrecord")}
    shutil.move(messy, messy.parent / "elsewhere")
    shutil.copytree(messy.parent / "elsewhere", messy)  # same listing; if anything were decoded, it is there
    for path in messy.rglob("*.wav"):
        stamp = (messy.parent / "elsewhere" / path.relative_to(messy)).stat().st_mtime_ns
        os.utime(path, ns=(stamp, stamp))
    prepared = prepare(request_for("folder", source=messy, clips_per_shard=3, max_rejected_share=0.3))
    assert prepared.shards_made == 0
    assert {path.name: path.stat().st_mtime_ns for path in folder.glob("*.tfrecord")} == before
    assert sorted(path.name for path in folder.iterdir() if path.is_dir()) == []


def test_nothing_kept_is_an_error(tmp_path, request_for):
    """However large the budget."""
    (tmp_path / "source/a").mkdir(parents=True)
    (tmp_path / "source/a/1.wav").write_bytes(b"")
    with pytest.raises(ValueError, match="none kept"):
        prepare(request_for("folder", source=tmp_path / "source", max_rejected_share=1.0))


def test_a_split_that_kept_nothing_is_not_in_the_card(tmp_path, write_audio, request_for):
    """Nor is its file in the folder; shards that kept nothing in other splits are empty files."""
    source = tmp_path / "source"
    write_audio(source / "1.wav")
    (source / "2.wav").write_bytes(b"")
    (source / "3.wav").write_bytes(b"")
    (source / "t.csv").write_text("path,label,split\n1.wav,a,train\n2.wav,a,train\n3.wav,a,test\n")
    config = {"clips_per_shard": 1, "folder": FolderConfig(table="t.csv")}
    prepared = prepare(request_for("folder", source=source, max_rejected_share=0.7, **config))
    card = read_card(Path(prepared.snapshot))
    assert [split.name for split in card.splits] == ["train"]
    assert sorted(shard.records for shard in card.splits[0].shards) == [0, 1]
    assert not list(Path(prepared.snapshot).glob("test-*"))
    assert verify(VerifyRequest(snapshot=prepared.snapshot)).problems == ()


def test_workers_change_no_byte(tmp_path, messy, request_for, contents):
    """One worker or three: the whole folder is the same, card included."""
    folders = []
    for workers in (1, 3):
        request = request_for(
            "folder",
            source=messy,
            root=tmp_path / str(workers),
            workers=workers,
            clips_per_shard=2,
            max_rejected_share=0.5,
        )
        folders.append(contents(Path(prepare(request).snapshot)))
    assert folders[0] == folders[1]
    assert "card.json" in folders[0]


def test_where_the_recordings_lie_changes_no_byte(tmp_path, messy, request_for, contents):
    """A copy with the same times in another folder, prepared to another root."""
    shutil.copytree(messy, tmp_path / "elsewhere/corpus")
    folders = [
        contents(Path(prepare(request_for("folder", source=source, root=root, max_rejected_share=0.5)).snapshot))
        for source, root in ((messy, tmp_path / "1"), (tmp_path / "elsewhere/corpus", tmp_path / "2"))
    ]
    assert folders[0] == folders[1]


def test_a_second_run_repeats_nothing(request_for):
    """Same answer, no shard made, no file touched; a leftover of a late kill goes."""
    first = prepare(small(request_for))
    folder = Path(first.snapshot)
    before = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    (folder / "parts").mkdir()
    second = prepare(small(request_for))
    assert (second.snapshot_id, second.clips) == (first.snapshot_id, first.clips)
    assert (first.shards_made, second.shards_made, second.shards_found) == (17, 0, 17)
    assert {path.name: path.stat().st_mtime_ns for path in folder.iterdir()} == before
    assert list_request(small(request_for)).finished


def test_only_damaged_shards_are_made_again(request_for, contents):
    """A shard without its part, one of another size, one that is gone; leftovers are removed."""
    request = small(request_for)
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
    (plan.folder / "parts/.x.parquet.abc.tmp").write_bytes(b"half")
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
        done = {path.name for path in (folder / "parts").glob("*.parquet")}

        def reached(done=done, target=target):
            parts = {path.name for path in (folder / "parts").glob("*.parquet")}
            return (folder / "parts").is_dir() and len(parts) >= target and parts >= done

        kill_when(start(request, tmp_path), reached)
        for path, before in survivors.items():
            if f"{path.name}.parquet" in done:
                assert (path.stat().st_ino, path.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert not (folder / "card.json").exists()
    complete = len(list((folder / "parts").glob("[!.]*.parquet")))
    prepared = prepare(request)
    assert prepared.shards_found == complete >= 40
    assert contents(folder) == expected


def test_the_card_is_the_last_file(request_for, monkeypatch):
    """Whatever fails before leaves no card behind."""
    request = small(request_for)
    monkeypatch.setattr("pipelines.seal.statistics", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        prepare(request)
    assert not (make_plan(request).folder / "card.json").exists()


def test_one_clip_that_breaks_its_decoder_costs_itself_only(request_for, monkeypatch):
    """Any exception becomes a row of the ledger."""
    real = synthesis.render

    def render(clip_id, *rest, **options):
        if clip_id == "clicks/00002":
            raise MemoryError("too long")
        return real(clip_id, *rest, **options)

    monkeypatch.setattr("pipelines.synthesis.render", render)
    prepared = prepare(small(request_for))
    assert prepared.clips == {"corrupt": 1, "kept": 65}
    assert "too long" in rows_by_id(prepared.snapshot)["clicks/00002"].reason


def test_the_stage_reports_progress_and_little_else(request_for):
    """Run as the command line runs it: a few lines, progress up to the last shard."""
    lines, progress = [], []
    prepared = run_stage(
        "pipelines.prepare",
        small(request_for),
        Prepared,
        on_line=lines.append,
        on_progress=lambda *step: progress.append(step),
    )
    assert prepared.shards_made == 17
    assert progress[0] == (0, 17, "shards")
    assert progress[-1] == (17, 17, "shards")
    assert len(lines) == 1, lines


def test_two_preparations_at_once_do_the_work_once(request_for):
    """The second waits for the first and finds everything there."""
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        runs = [
            pool.submit(run_stage, "pipelines.prepare", small(request_for), Prepared, on_line=lambda line: None)
            for _ in range(2)
        ]
        answers = [run.result() for run in runs]
    assert sorted(answer.shards_made for answer in answers) == [0, 17]
    assert answers[0].snapshot_id == answers[1].snapshot_id


@pytest.mark.parametrize("content", [None, "", "{}", "[]", "null", "\x00"])
def test_a_finished_snapshot_without_its_statistics(request_for, content):
    """Refused with what to do, not guessed."""
    folder = Path(prepare(small(request_for)).snapshot)
    (folder / "stats.json").unlink()
    if content is not None:
        (folder / "stats.json").write_text(content)
    with pytest.raises(ValueError, match="verify"):
        prepare(small(request_for))


@pytest.mark.parametrize("below", [".", "below", "synthetic", "KEY"])
def test_a_root_that_cannot_be_written_is_refused(tmp_path, request_for, below):
    """A file where one of the folders should be; the error names it and the flag."""
    request = small(request_for, root=tmp_path / "root/below")
    blocked = {".": tmp_path / "root", "below": tmp_path / "root/below", "synthetic": tmp_path / "root/below/synthetic"}
    path = blocked.get(below, make_plan(request).folder)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("a file")
    with pytest.raises(ValueError, match="--root") as refused:
        prepare(request)
    assert str(make_plan(request).folder) in str(refused.value)
    assert path.read_text() == "a file"


def test_a_disk_that_is_full_is_refused_in_one_line_and_resumed(request_for, contents, monkeypatch):
    """What a worker raised comes back as a sentence, and nothing that was done is lost."""
    real = ShardWriter.write

    def write(writer, payload):
        if b"clicks/00002" in payload:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(writer, payload)

    monkeypatch.setattr(ShardWriter, "write", write)
    with pytest.raises(ValueError, match="No space left") as refused:
        prepare(small(request_for, workers=1))
    assert "\n" not in str(refused.value)
    assert "while running" not in str(refused.value)
    folder = make_plan(small(request_for)).folder
    assert not (folder / "card.json").exists()
    assert not list(folder.glob(".*"))
    done = len(list((folder / "parts").iterdir()))
    monkeypatch.undo()
    assert prepare(small(request_for)).shards_found == done


def test_options_for_beam_win_over_ours(request_for):
    """An option that the user gives is the one that counts."""
    options = ("--direct_running_mode=multi_processing", "--direct_num_workers=3")
    request = dataclasses.replace(small(request_for, workers=2), beam_options=options)
    given = make_pipeline(request).options.view_as(DirectOptions)
    assert (given.direct_running_mode, given.direct_num_workers) == ("multi_processing", 3)
    given = make_pipeline(small(request_for, workers=2)).options.view_as(DirectOptions)
    assert (given.direct_running_mode, given.direct_num_workers) == ("multi_threading", 2)


def test_another_runner_makes_the_same_bytes(tmp_path, request_for, contents):
    """Options go to Beam untouched: worker processes instead of threads."""
    plain = prepare(small(request_for, root=tmp_path / "threads"))
    options = ("--runner=FnApiRunner", "--direct_running_mode=multi_processing", "--direct_num_workers=2")
    request = dataclasses.replace(small(request_for, root=tmp_path / "processes"), beam_options=options)
    other = run_stage("pipelines.prepare", request, Prepared, on_line=lambda line: None)
    assert contents(Path(other.snapshot)) == contents(Path(plain.snapshot))


def test_an_order_of_a_shard_is_a_fair_sample(tmp_path, shared, request_for):
    """Real digits: a part of FSDD, every shard with most of the classes; 8 kHz becomes 16 kHz."""
    source = tmp_path / "recordings"
    source.mkdir()
    for path in sorted((shared / "corpora/fsdd/recordings").glob("*_[01].wav")):
        (source / path.name).symlink_to(path)
    prepared = prepare(request_for("fsdd", source=tmp_path, clips_per_shard=40))
    rows = rows_by_id(prepared.snapshot)
    assert prepared.clips == {"kept": 120}
    for shard in {row.shard for row in rows.values()}:
        assert len({row.labels for row in rows.values() if row.shard == shard}) >= 8
        assert len(list(read_shard(Path(prepared.snapshot, shard)))) == 40
    assert {row.source_rate for row in rows.values()} == {8_000}


def test_real_environmental_sounds(tmp_path, shared, request_for):
    """A part of ESC-10: stereo or mono Vorbis, all kept, five seconds."""
    for path in sorted((shared / "corpora/esc10").glob("*/?-1*.ogg"))[::6]:
        (tmp_path / "source" / path.parent.name).mkdir(parents=True, exist_ok=True)
        (tmp_path / "source" / path.parent.name / path.name).symlink_to(path)
    prepared = prepare(request_for("esc10", source=tmp_path / "source"))
    rows = rows_by_id(prepared.snapshot)
    assert set(prepared.clips) == {"kept"}
    assert len(rows) >= 20
    assert np.median([row.num_samples for row in rows.values()]) == pytest.approx(80_000, abs=32)
    assert verify(VerifyRequest(snapshot=prepared.snapshot)).problems == ()
