"""Copies within and across splits and snapshots, exact and near."""

import pytest
import soxr

from infra.stage import run_stage
from pipelines.corpora.config import FolderConfig
from pipelines.duplicates import find_duplicates
from pipelines.prepare import prepare
from pipelines.requests import Duplicates, DuplicatesRequest


@pytest.fixture
def two(tmp_path, noise, write_audio, request_for) -> tuple[str, str]:
    """Two corpora at two rates: an exact copy across splits and labels, near ones in the first and between both."""
    first, second = tmp_path / "first", tmp_path / "second"
    for index in range(6):
        write_audio(first / f"{index}.wav", noise(16_000, seed=index))
    write_audio(first / "copy of 0.wav", noise(16_000, seed=0))
    write_audio(first / "quiet 1.wav", 0.25 * noise(16_000, seed=1)[800:])
    rows = "".join(f"{index}.wav,a,train\n" for index in range(6))
    (first / "t.csv").write_text(f"path,label,split\n{rows}copy of 0.wav,b,test\nquiet 1.wav,a,train\n")
    write_audio(second / "x/2 at 44100.wav", soxr.resample(noise(16_000, seed=2), 16_000, 44_100), rate=44_100)
    write_audio(second / "x/other.wav", noise(16_000, seed=99))
    table = FolderConfig(table="t.csv")
    return (
        prepare(request_for("folder", source=first, folder=table)).snapshot,
        prepare(request_for("folder", source=second, sample_rate=22_050)).snapshot,
    )


def test_every_copy_is_found_once(two):
    """Exact first; of each group, where it reaches and how much it is alike."""
    request = DuplicatesRequest(snapshots=two)
    found = run_stage("pipelines.duplicates", request, Duplicates)
    names = [tuple((clip.snapshot, clip.clip_id) for clip in group.clips) for group in found.copies]
    assert names == [
        ((0, "0.wav"), (0, "copy of 0.wav")),
        ((0, "1.wav"), (0, "quiet 1.wav")),
        ((0, "2.wav"), (1, "x/2 at 44100.wav")),
    ]
    exact, near, between = found.copies
    assert (exact.exact, exact.correlation, exact.across_splits, exact.other_labels) == (True, 1.0, True, True)
    assert (near.exact, near.across_splits, near.across_snapshots, near.other_labels) == (False, False, False, False)
    assert between.across_snapshots
    assert 0.96 <= near.correlation < 1.01
    assert found.clips == 10


def test_workers_change_nothing(two):
    """One thread or three."""
    answers = [find_duplicates(DuplicatesRequest(snapshots=two, workers=workers)) for workers in (1, 3)]
    assert answers[0] == answers[1]


def test_exact_copies_alone(two):
    """Without reading a waveform."""
    found = find_duplicates(DuplicatesRequest(snapshots=two, near=False))
    assert [group.exact for group in found.copies] == [True]


def test_a_snapshot_given_twice_is_refused(pristine, tmp_path):
    """All of it would be copies; and a folder without a card is none."""
    with pytest.raises(ValueError, match="each once"):
        find_duplicates(DuplicatesRequest(snapshots=(str(pristine), str(pristine))))
    with pytest.raises(ValueError, match="card"):
        find_duplicates(DuplicatesRequest(snapshots=(str(tmp_path),)))
