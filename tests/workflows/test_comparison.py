"""Two runs on the clips that they share: same id, same samples, same labels."""

import dataclasses

import numpy as np
import pytest

from tests.workflows.trials import lay_down, predictions
from workflows.catalog import load
from workflows.comparison import compare, print_comparison
from workflows.places import Places

TRIALS = [trial for _, trial in load("quickstart").trials("s").values()]
RIGHT = [np.arange(60) % 4 != 0, np.arange(60) % 3 != 0]


@pytest.fixture
def places(tmp_path):
    """An empty root."""
    return Places(tmp_path)


def test_only_what_both_have_counts(places, capsys):
    """Of another snapshot, with clips gone, changed, renamed and relabelled; accuracies on the rest by hand."""
    lay_down(places, "aaaa", "mel", TRIALS[0], [predictions(RIGHT[0])])
    other = predictions(RIGHT[1], snapshot_id="t")
    digests = list(other.sample_sha256)
    digests[3] = "another sound"
    labels = list(other.labels)
    labels[5] = ("a",) if labels[5] == ("b",) else ("b",)
    ids = [*other.clip_ids[:-1], "9999 renamed"]
    other = dataclasses.replace(other, sample_sha256=tuple(digests), labels=tuple(labels), clip_ids=tuple(ids))
    lay_down(places, "bbbb", "leaf", TRIALS[1], [other])
    (task,) = compare("aa", "bb", places).tasks
    assert (task.shared, task.differing) == (57, 2)
    assert (task.one.snapshot_id, task.other.snapshot_id) == ("s", "t")
    shared = [index for index in range(59) if index not in (3, 5)]
    expected = [right[shared].mean() for right in RIGHT]
    assert [score.mean for score in task.scores["accuracy"]] == pytest.approx(expected)
    assert task.differences["accuracy"].mean == pytest.approx(expected[0] - expected[1])
    print_comparison(compare("aa", "bb", places))
    assert "57 shared clips, 2 more with other samples or labels left out" in capsys.readouterr().out


def test_another_grouping_does_not_unpair_them(places):
    """A run compared with itself differs by nothing in any resample, whatever the other's clips are grouped by."""
    lay_down(places, "aaaa", "mel", TRIALS[0], [predictions(RIGHT[0], group_size=6)])
    lay_down(places, "bbbb", "mel", TRIALS[0], [predictions(RIGHT[0], group_size=5)])
    difference = compare("aaaa", "bbbb", places).tasks[0].differences["accuracy"]
    assert (difference.interval.low, difference.interval.high, difference.p) == (0.0, 0.0, 1.0)
    assert difference.groups == 10


def test_what_cannot_be_compared_is_refused(places):
    """No such run, several, and no clip in common, each with what to do."""
    lay_down(places, "aaaa", "mel", TRIALS[0], [predictions(RIGHT[0])])
    lay_down(places, "aabb", "mel", TRIALS[1], [predictions(RIGHT[0], prefix="other ")])
    for beginnings, words in (
        (("aaaa", "ffff"), "none has"),
        (("aa", "aaaa"), "2 have"),
        (("", "aaaa"), "2 have"),
        (("aaaa", "aabb"), "leafworks diff"),
    ):
        with pytest.raises(ValueError, match=words):
            compare(*beginnings, places)
