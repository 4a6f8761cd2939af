"""What TensorFlow Datasets is told of a snapshot. That it understands is tested where it is: tests/training."""

import dataclasses
import json

import pytest

from infra.card import read_card
from pipelines.config import VerifyRequest
from pipelines.tfds_metadata import tfds_files
from pipelines.verify import verify

NAMES = ["dataset_info.json", "features.json", "labels.labels.txt"]


def test_it_says_what_the_card_says(pristine):
    """Splits, lengths of their shards in order, classes in order."""
    card = read_card(pristine)
    info = json.loads((pristine / "dataset_info.json").read_text())
    for split, theirs in zip(card.splits, info["splits"], strict=True):
        assert theirs["name"] == split.name
        assert theirs["shardLengths"] == [str(shard.records) for shard in split.shards]
        names = [
            theirs["filepathTemplate"].format(
                SPLIT=split.name, SHARD_X_OF_Y=f"{index:05d}-of-{len(split.shards):05d}", FILEFORMAT="tfrecord"
            )
            for index in range(len(split.shards))
        ]
        assert names == [shard.name for shard in split.shards]
    assert (pristine / "labels.labels.txt").read_text().splitlines() == list(card.labels)


def test_names_that_tfds_would_change_are_left_out(pristine):
    """It strips them, and refuses two that are the same then; the numbers of the classes stay."""
    card = dataclasses.replace(read_card(pristine), labels=("a", "a ", "b"))
    files = tfds_files(card)
    assert sorted(files) == NAMES[:2]
    assert '"numClasses": "3"' in files["features.json"]


@pytest.mark.parametrize("name", NAMES)
def test_verify_finds_what_is_missing_or_edited(snapshot, name):
    """A file of them gone, or saying something else than the card."""
    request = VerifyRequest(snapshot=str(snapshot))
    assert verify(request).problems == ()
    (snapshot / name).write_text((snapshot / name).read_text() + "\n")
    assert verify(request).problems == (f"{name}: it does not say what the card says.",)
    (snapshot / name).unlink()
    assert [problem.split(";")[0] for problem in verify(request).problems] == [f"{name}: the file is missing"]
