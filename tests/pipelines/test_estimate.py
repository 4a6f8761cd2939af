"""What `plan prepare` says: from a listing and a decoded sample, against what the preparation then does."""

import dataclasses
import os
import shutil
import signal
from pathlib import Path

import numpy as np
import pytest

from infra.card import read_card
from infra.stage import run_stage
from pipelines.estimate import estimate
from pipelines.prepare import prepare
from pipelines.requests import PreparationPlan


@pytest.fixture
def source(tmp_path, noise, write_audio) -> Path:
    """Sixty recordings of 0.5 to 2 s in two classes and formats, four of them text."""
    for number in range(60):
        path = tmp_path / "source" / "ab"[number % 2] / f"{number}.{('wav', 'flac')[number % 2]}"
        write_audio(path, noise(4_000 + 200 * number, seed=number), 8_000)
        if number % 15 == 0:
            path.write_text("no recording")
    return tmp_path / "source"


def test_the_plan_is_what_the_preparation_does(source, request_for):
    """Clips, shards, hours, bytes and folder; before, in the middle, and after."""
    request = request_for("folder", source=source, max_rejected_share=0.2)
    plan = run_stage("pipelines.estimate", request, PreparationPlan)
    assert not Path(request.root).exists()
    prepared = prepare(request)
    snapshot, card = Path(prepared.snapshot), read_card(Path(prepared.snapshot))
    assert (plan.snapshot, plan.finished, plan.shards_done) == (prepared.snapshot, False, 0)
    assert (sum(plan.clips.values()), plan.clips_with_audio, plan.classes) == (60, 60, 2)
    assert plan.shards == prepared.shards_made
    assert plan.sample.keys() == {"kept", "unsupported"}
    assert sum(plan.sample.values()) == 48
    assert plan.source_bytes == sum(path.stat().st_size for path in source.rglob("*.*"))
    made = sum(path.stat().st_size for path in snapshot.rglob("*") if path.is_file())
    assert plan.output_bytes == pytest.approx(made, rel=0.25)
    samples = sum(shard.num_bytes for split in card.splits for shard in split.shards) / 2
    assert plan.hours * 3600 == pytest.approx(samples / 16_000, rel=0.15)
    assert 0.0 < plan.seconds < 60.0
    assert (plan.needed_bytes, plan.fits) == (pytest.approx(1.05 * plan.output_bytes, abs=1), True)
    again = estimate(request)
    assert (again.finished, again.needed_bytes, again.seconds) == (True, 0, 0.0)


def test_a_small_sample_is_known_exactly(tmp_path, request_for, write_audio, noise):
    """Ten recordings: all are decoded, and the hours are theirs."""
    for number in range(10):
        write_audio(tmp_path / f"source/a/{number}.mp3", noise(16_000 * (1 + number % 3)), 16_000)
    plan = estimate(request_for("folder", source=tmp_path / "source"))
    assert plan.hours * 3600 == pytest.approx(19.0, rel=0.05)


def test_half_of_it_takes_half_the_time(source, request_for):
    """Shards that are on disk are not made again."""
    request = request_for("folder", source=source, max_rejected_share=0.0, clips_per_shard=10)
    with pytest.raises(ValueError, match="rejected"):
        prepare(request)
    whole = estimate(request)
    assert (whole.shards_done, whole.needed_bytes) == (whole.shards, 0)
    parts = sorted(Path(whole.snapshot, "parts").iterdir())
    for path in parts[: len(parts) // 2]:
        path.unlink()
    half = estimate(request)
    assert half.shards_done == len(parts) - len(parts) // 2
    assert half.needed_bytes == pytest.approx(1.05 * half.output_bytes * (len(parts) // 2) / len(parts), rel=0.01)


def test_workers_change_the_time_and_no_shard(source, request_for):
    """Too few shards for them are said, with the flag that makes more; what it says comes true."""
    few = estimate(request_for("folder", source=source, workers=50))
    one = estimate(request_for("folder", source=source, workers=1))
    assert (few.shards, few.snapshot) == (one.shards, one.snapshot)
    note = next(note for note in few.notes if "--clips-per-shard" in note)
    assert f"{few.shards} of 50 workers" in note
    assert not [note for note in one.notes if "--clips-per-shard" in note]
    number = int(note.split("--clips-per-shard ")[1].split("`")[0])
    assert estimate(request_for("folder", source=source, workers=50, clips_per_shard=number)).shards >= 50


def test_a_disk_that_is_too_small_is_said(source, request_for, tmp_path, monkeypatch):
    """By one byte."""
    request = request_for("folder", source=source)
    usage = type(shutil.disk_usage(tmp_path))
    needed = estimate(request).needed_bytes
    for free, fits in ((needed - 1, False), (needed + 1, True)):
        monkeypatch.setattr("shutil.disk_usage", lambda path, free=free: usage(0, 0, free))
        plan = estimate(request)
        assert (plan.free_bytes, plan.fits) == (free, fits)


def test_without_audio_nothing_is_measured(tmp_path, write_files, request_for):
    """Lists alone are a plan."""
    rows = "".join(f'{number:011d}, 0.000, 10.000, "/m/1"\n' for number in range(100))
    source = write_files(tmp_path / "source", {"eval_segments.csv": rows.encode()})
    plan = estimate(request_for("audioset", source=source))
    assert (plan.clips, plan.clips_with_audio, plan.hours, plan.seconds) == ({"test": 100}, 0, 0.0, None)
    assert any("nothing could be measured" in note for note in plan.notes)
    assert any("100 of 100 listed clips (100.0%) have no file" in note for note in plan.notes)


def test_a_recording_that_kills_its_decoder_costs_the_measurement_only(source, request_for, tmp_path, monkeypatch):
    """The plan is there, without a time."""
    module = tmp_path / "modules/sitecustomize.py"
    module.parent.mkdir()
    module.write_text(
        "import sys, os, signal\n"
        "if 'pipelines.measure' in sys.orig_argv:\n"
        f"    os.kill(os.getpid(), {int(signal.SIGSEGV)})\n"
    )
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(module.parent), os.environ.get("PYTHONPATH", "")]))
    plan = estimate(request_for("folder", source=source))
    assert plan.seconds is None
    assert plan.sample == {}
    assert plan.hours > 0
    assert any("could not be measured" in note and "signal 11" in note for note in plan.notes)


def test_the_synthetic_corpus_has_a_plan_too(small):
    """Without a source; its length is in its config."""
    plan = estimate(dataclasses.replace(small(), workers=1))
    assert plan.hours * 3600 == pytest.approx(6.6, rel=0.01)
    assert (plan.source_bytes, plan.clips_with_audio) == (0, 66)
    assert np.isclose(plan.output_bytes, 66 * (3_200 + 500), rtol=0.01)


def test_the_root_need_not_be_there(source, request_for, tmp_path):
    """The disk is that of the nearest folder that is."""
    plan = estimate(request_for("folder", source=source, root=tmp_path / "not/yet/there"))
    assert plan.free_bytes == pytest.approx(shutil.disk_usage(tmp_path).free, rel=0.2)
