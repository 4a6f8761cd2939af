"""Preparing: every file accounted for, the same bytes however it was run."""

import collections
import dataclasses
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from apache_beam.options.pipeline_options import DirectOptions

from infra.card import read_card
from infra.stage import run_stage
from pipelines import ledger, synthesis
from pipelines.config import Prepared, VerifyRequest
from pipelines.corpora.config import FolderConfig
from pipelines.plan import make_plan
from pipelines.prepare import prepare
from pipelines.run import make_pipeline
from pipelines.shards import read_shard
from pipelines.verify import verify

ODD_NAMES = ["with space.wav", "Äpfel #3.wav", "--help.wav", "twice.wav.wav", "[a]*?.wav", "line\nbreak.wav"]


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


def test_one_clip_that_breaks_its_decoder_costs_itself_only(small, monkeypatch):
    """Any exception becomes a row of the ledger."""
    real = synthesis.render

    def render(clip_id, *rest, **options):
        if clip_id == "clicks/00002":
            raise MemoryError("too long")
        return real(clip_id, *rest, **options)

    monkeypatch.setattr("pipelines.synthesis.render", render)
    prepared = prepare(small())
    assert prepared.clips == {"corrupt": 1, "kept": 65}
    assert "memory" in rows_by_id(prepared.snapshot)["clicks/00002"].reason


def test_the_stage_reports_progress_and_little_else(small):
    """Run as the command line runs it: a few lines, progress up to the last shard."""
    lines, progress = [], []
    prepared = run_stage(
        "pipelines.prepare",
        small(),
        Prepared,
        on_line=lines.append,
        on_progress=lambda *step: progress.append(step),
    )
    assert prepared.shards_made == 17
    assert progress[0] == (0, 17, "shards")
    assert progress[-1] == (17, 17, "shards")
    assert len(lines) == 1, lines


@pytest.mark.parametrize("below", [".", "below", "synthetic", "KEY"])
def test_a_root_that_cannot_be_written_is_refused(tmp_path, small, below):
    """A file where one of the folders should be; the error names it and the flag."""
    request = small(root=tmp_path / "root/below")
    blocked = {".": tmp_path / "root", "below": tmp_path / "root/below", "synthetic": tmp_path / "root/below/synthetic"}
    path = blocked.get(below, make_plan(request).folder)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("a file")
    with pytest.raises(ValueError, match="--root") as refused:
        prepare(request)
    assert str(make_plan(request).folder) in str(refused.value)
    assert path.read_text() == "a file"


def test_options_for_beam_win_over_ours(small):
    """An option that the user gives is the one that counts."""

    def given(workers, *options):
        request = dataclasses.replace(small(workers=workers), beam_options=options)
        found = make_pipeline(request).options.view_as(DirectOptions)
        return found.direct_running_mode, found.direct_num_workers

    assert given(2, "--direct_running_mode=multi_processing", "--direct_num_workers=3") == ("multi_processing", 3)
    assert given(1, "--direct_num_workers=3") == ("multi_threading", 3)
    assert given(2) == ("multi_threading", 2)
    assert given(1) == ("in_memory", 1)


def test_another_runner_makes_the_same_bytes(tmp_path, small, contents):
    """Options go to Beam untouched: worker processes instead of threads."""
    plain = prepare(small(root=tmp_path / "threads"))
    options = ("--runner=FnApiRunner", "--direct_running_mode=multi_processing", "--direct_num_workers=2")
    request = dataclasses.replace(small(root=tmp_path / "processes"), beam_options=options)
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
