"""A snapshot in numbers, finished or not."""

import pytest

from infra.card import read_card
from infra.stage import run_stage
from pipelines.config import ShowRequest, SnapshotSummary
from pipelines.corpora.config import FolderConfig
from pipelines.prepare import prepare
from pipelines.show import show


def test_a_whole_snapshot(pristine):
    """Counts, hours and bytes agree with the card and the folder."""
    summary = run_stage("pipelines.show", ShowRequest(snapshot=str(pristine)), SnapshotSummary)
    card = read_card(pristine)
    assert (summary.snapshot_id, summary.key, summary.note) == (card.snapshot_id, pristine.name, "")
    assert summary.clips == {"train": 33, "validation": 11, "test": 11}
    assert summary.hours["train"] == pytest.approx(33 * 0.2 / 3600)
    assert summary.statuses == {"kept": 55}
    assert summary.classes["test"] == dict.fromkeys(card.labels, 1)
    assert summary.num_bytes == sum(path.stat().st_size for path in pristine.iterdir())


def test_a_preparation_over_its_budget(snapshot):
    """Without a card the ledger speaks, and the note says what to do."""
    (snapshot / "card.json").unlink()
    summary = show(ShowRequest(snapshot=str(snapshot)))
    assert (summary.snapshot_id, summary.sample_rate, summary.hours) == ("", None, None)
    assert summary.statuses == {"kept": 55}
    assert "Prepare again" in summary.note


def test_a_folder_that_is_no_snapshot(tmp_path):
    """It says what one is."""
    for path in (tmp_path, tmp_path / "nowhere", tmp_path / ("x" * 300)):
        with pytest.raises(ValueError, match=r"clips\.parquet"):
            show(ShowRequest(snapshot=str(path)))


def test_missing_clips_do_not_hide_what_was_damaged(tmp_path, write_audio, write_files, request_for):
    """Of clips that were not kept, those with a file come first: of AudioSet most have none."""
    table = "\n".join(["path,label", "kept.wav,a", "zzz.wav,a", *(f"{i:02d}.wav,a" for i in range(30))])
    source = write_files(tmp_path / "source", {"zzz.wav": b"no recording", "labels.csv": table.encode()})
    write_audio(source / "kept.wav")
    config = FolderConfig(table="labels.csv")
    prepared = prepare(request_for("folder", source=source, folder=config, max_rejected_share=1.0))
    summary = show(ShowRequest(snapshot=prepared.snapshot))
    assert summary.statuses == {"kept": 1, "missing": 30, "unsupported": 1}
    assert summary.rejected[0].clip_id == "zzz.wav"
