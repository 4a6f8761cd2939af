"""Predictions come back as they were written, and reproduce a trial's metrics without the trial's code."""

import dataclasses

import numpy as np
import pytest

from infra.predictions import PREDICTIONS_NAME, PredictedTask, Predictions, read_predictions, write_predictions

DIGITS = PredictedTask(
    name="digits", objective="single_label", corpus="fsdd", snapshot_id="a1", classes=("0", "1", "2")
)
SOUNDS = PredictedTask(name="sounds", objective="multi_label", corpus="mine", snapshot_id="b2", classes=("rain", "dog"))


def predictions(task: PredictedTask, split: str, ids: tuple[str, ...]) -> Predictions:
    """Random logits of these clips."""
    random = np.random.default_rng(len(ids))
    return Predictions(
        task=task,
        split=split,
        clip_ids=ids,
        groups=tuple(None if i % 2 else f"group {i}" for i in range(len(ids))),
        labels=tuple(task.classes[: i % 3] for i in range(len(ids))),
        logits=random.normal(size=(len(ids), len(task.classes))).astype(np.float32),
        sample_sha256=tuple("f" * 64 if i else None for i in range(len(ids))),
    )


PARTS = (
    predictions(DIGITS, "test", ("a", "b", "ü")),
    predictions(DIGITS, "validation", ("a", "c")),
    predictions(SOUNDS, "test", ("x", "y", "z", "ž")),
)


def test_what_is_written_is_read(tmp_path):
    """Several tasks and splits, also ids that several of them use; to the last bit."""
    write_predictions(tmp_path / PREDICTIONS_NAME, "t1", PARTS)
    trial_id, found = read_predictions(tmp_path / PREDICTIONS_NAME)
    assert trial_id == "t1"
    for expected, part in zip(PARTS, found, strict=True):
        np.testing.assert_array_equal(expected.logits, part.logits)
        assert part.logits.dtype == np.float32
        assert dataclasses.replace(part, logits=expected.logits) == expected


def test_equal_predictions_give_equal_bytes(tmp_path):
    """So that two runs can be compared by their files."""
    for name in ("a", "b"):
        write_predictions(tmp_path / name, "t1", PARTS)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_any_parquet_reader_reads_them(tmp_path):
    """A row per clip with these columns; the classes are in the metadata."""
    import pandas as pd
    from pyarrow import parquet

    write_predictions(tmp_path / PREDICTIONS_NAME, "t1", PARTS)
    table = pd.read_parquet(tmp_path / PREDICTIONS_NAME)
    assert list(table) == ["task", "split", "clip_id", "group", "labels", "logits", "sample_sha256"]
    assert len(table) == 9
    assert not table.duplicated(["task", "split", "clip_id"]).any()
    metadata = parquet.read_schema(tmp_path / PREDICTIONS_NAME).metadata
    assert b"rain" in metadata[b"leafworks.tasks"]
    assert metadata[b"leafworks.trial_id"] == b"t1"


@pytest.mark.parametrize("ids", [("a", "a"), ("b", "a")])
def test_a_clip_has_one_place(ids, tmp_path):
    """Neither twice nor out of order."""
    with pytest.raises(ValueError, match="once"):
        write_predictions(tmp_path / PREDICTIONS_NAME, "t1", [predictions(DIGITS, "test", ids)])


def test_another_file_is_refused(tmp_path):
    """With what it should be."""
    (tmp_path / "x.parquet").write_bytes(b"PAR1")
    for name in ("x.parquet", "absent.parquet"):
        with pytest.raises(ValueError, match=r"predictions.parquet.*finished trial"):
            read_predictions(tmp_path / name)
