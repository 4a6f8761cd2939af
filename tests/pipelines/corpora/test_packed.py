"""What names and splits mean in any packing of recordings."""

import pytest

from pipelines.config import SplitConfig
from pipelines.corpora.packed import part_named, split_of


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("unbalanced_train/unbalanced_train_part07.h5", "train"),
        ("waveforms/eval.h5", "test"),
        ("data/bal_train/00.parquet", "train"),
        ("val-000000.tar", "validation"),
        ("train/000000.tar", "train"),
        ("latest/000.tar", None),
        ("trainer/x.tar", None),
    ],
)
def test_what_a_name_means(name, part):
    """The last step of a path that says something; a word, not letters in one."""
    assert part_named(name) == part


def test_splits_of_a_packing():
    """Its own where it has one that tests; validation is taken out of training where there is none."""
    shares = SplitConfig(validation_share=0.1, test_share=0.2)
    groups = [str(number) for number in range(2_000)]

    def counts(part, parts):
        found = [split_of(part, group, parts=parts, shares=shares) for group in groups]
        return {split: found.count(split) for split in sorted(set(found))}

    assert counts("test", {"train", "test"}) == {"test": 2_000}
    assert counts("train", {"train", "test", "validation"}) == {"train": 2_000}
    held = counts("train", {"train", "test"})
    assert held == {"train": pytest.approx(1_800, abs=60), "validation": pytest.approx(200, abs=60)}
    only = counts("train", {"train"})
    assert only["test"] == pytest.approx(400, abs=80)
