"""The table from trials on disk: pooling, pairing, correction, restriction to common clips."""

import dataclasses

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import average_precision_score, roc_auc_score

from infra.common_clips import CommonClips
from infra.predictions import PredictedTask
from tests.workflows.trials import lay_down, predictions
from training.tasks.config import TaskSnapshot
from workflows.catalog import load
from workflows.places import Places
from workflows.runner import WorkflowState
from workflows.table import make_table

SNAPSHOT = TaskSnapshot(task="digits", folder="folder", snapshot_id="s")
CLIPS = 200
RANDOM = np.random.default_rng(0)
BASE = load("quickstart")
# Front end -> seed -> which of the clips it gets right.
RIGHT = {
    "mel": {seed: RANDOM.random(CLIPS) < 0.7 for seed in (0, 1, 2)},
    "leaf": {seed: RANDOM.random(CLIPS) < 0.85 for seed in (0, 1, 2)},
}


def trial(name: str, seed: int, **train):
    """A trial's config."""
    (config,) = (config for found, config in BASE.trials("s").values() if (found, config.seed) == (name, seed))
    return dataclasses.replace(config, train=dataclasses.replace(config.train, **train))


@pytest.fixture
def places(tmp_path):
    """An empty root."""
    return Places(tmp_path)


def state(*trials: str) -> WorkflowState:
    """Of a workflow with these trials."""
    return WorkflowState(workflow="w", baseline="mel", snapshots=(SNAPSHOT,), trials=trials)


def laid_down(places: Places, **options) -> WorkflowState:
    """Both front ends with three seeds."""
    ids = []
    for seed in (0, 1, 2):
        for name, answers in RIGHT.items():
            ids.append(f"{name}{seed}")
            lay_down(places, ids[-1], name, trial(name, seed), [predictions(answers[seed], **options)])
    return state(*ids)


def test_scores_and_differences(places):
    """Means and seeds by hand; the bootstrap's width is about the normal's; p is about a paired t test's."""
    table = make_table(laid_down(places), places)
    (section,) = table.sections
    assert (section.task, section.setting, section.test_clips, section.groups) == ("digits", "", CLIPS, CLIPS)
    mel, leaf = section.rows
    score = leaf.scores["accuracy"]
    assert score.seeds == {str(seed): right.mean() for seed, right in RIGHT["leaf"].items()}
    assert score.mean == pytest.approx(np.mean(list(RIGHT["leaf"].values())))
    assert score.binomial == pytest.approx(1.96 * np.sqrt(score.mean * (1 - score.mean) / CLIPS))
    by_clip = np.mean(list(RIGHT["leaf"].values()), axis=0)
    half = 1.96 * by_clip.std() / np.sqrt(CLIPS)
    assert (score.interval.low, score.interval.high) == pytest.approx((score.mean - half, score.mean + half), abs=0.006)
    assert not mel.differences
    difference = leaf.differences["accuracy"]
    paired = by_clip - np.mean(list(RIGHT["mel"].values()), axis=0)
    assert difference.mean == pytest.approx(paired.mean())
    half = 1.96 * paired.std() / np.sqrt(CLIPS)
    assert difference.interval.low == pytest.approx(difference.mean - half, abs=0.01)
    assert difference.p < 0.001
    assert (difference.p_holm, table.comparisons) == (difference.p, 1)


def test_one_seed_of_clips_without_groups_is_tested_by_mcnemar(places):
    """The exact test on the clips that one of the two gets wrong."""
    one, other = np.arange(40) < 34, np.arange(40) >= 2
    lay_down(places, "m", "mel", trial("mel", 0), [predictions(one)])
    lay_down(places, "l", "leaf", trial("leaf", 0), [predictions(other)])
    (section,) = make_table(state("m", "l"), places).sections
    difference = section.rows[1].differences["accuracy"]
    assert difference.p == pytest.approx(stats.binomtest(2, 8, 0.5).pvalue)
    assert difference.mean == pytest.approx(4 / 40)


def test_groups_widen(places):
    """Clips that are right or wrong by tens: the interval is of 20 groups."""
    right = np.repeat(RANDOM.random(20) < 0.7, 10)
    lay_down(places, "m", "mel", trial("mel", 0), [predictions(right, group_size=10)])
    (section,) = make_table(state("m"), places).sections
    assert section.groups == 20
    interval = section.rows[0].scores["accuracy"].interval
    assert interval.high - interval.low > 4 * section.rows[0].scores["accuracy"].binomial


def test_folds_are_pooled(places):
    """Trials of one seed on different clips of one task count as one; each clip once."""
    folds = [RANDOM.random(30) < 0.8 for _ in range(5)]
    for index, right in enumerate(folds):
        part = predictions(right, prefix=f"fold{index} ", snapshot_id=f"s{index}")
        lay_down(places, f"m{index}", "mel", trial("mel", 0), [part])
    (section,) = make_table(state(*(f"m{index}" for index in range(5))), places).sections
    assert section.test_clips == 150
    assert section.snapshot_ids == ("s0", "s1", "s2", "s3", "s4")
    assert section.rows[0].scores["accuracy"].mean == pytest.approx(np.mean(folds))


def test_a_seed_without_all_folds_is_left_out(places):
    """It cannot stand beside whole ones."""
    for name, seed, prefix in (("a", 0, "x"), ("b", 0, "y"), ("c", 1, "x")):
        lay_down(places, name, "mel", trial("mel", seed), [predictions([True] * 10, prefix=prefix)])
    (section,) = make_table(state("a", "b", "c"), places).sections
    assert section.test_clips == 20
    assert set(section.rows[0].scores["accuracy"].seeds) == {"0"}


def test_two_trials_of_the_same_clips_are_refused(places):
    """Which of them counts, nobody could say."""
    for name in ("a", "b"):
        lay_down(places, name, "mel", trial("mel", 0), [predictions([True] * 10)])
    with pytest.raises(ValueError, match="test different clips"):
        make_table(state("a", "b"), places)


def test_settings_and_tasks_are_sections(places):
    """Two encoders, and a trial of two tasks; Holm's correction is over all of them."""
    for name in ("mel", "leaf"):
        answers = RIGHT[name][0]
        both = [predictions(answers), predictions(answers[:50], task="words")]
        lay_down(places, f"{name}1", name, trial(name, 0), both)
        lay_down(places, f"{name}2", name, trial(name, 0, epochs=3), [predictions(answers)])
    settings = {f"{name}{setting}": f"encoder {setting}" for name in ("mel", "leaf") for setting in (1, 2)}
    both = dataclasses.replace(state("mel1", "leaf1", "mel2", "leaf2"), settings=settings)
    table = make_table(both, places)
    assert [(section.task, section.setting) for section in table.sections] == [
        ("digits", "encoder 1"),
        ("words", "encoder 1"),
        ("digits", "encoder 2"),
    ]
    found = [section.rows[1].differences["accuracy"] for section in table.sections]
    assert table.comparisons == 3
    smallest = min(found, key=lambda difference: difference.p)
    assert smallest.p_holm == pytest.approx(3 * smallest.p)


def test_front_ends_are_paired_on_common_seeds_and_clips(places):
    """Seed 0, and the clips that both were tested on."""
    lay_down(places, "a", "mel", trial("mel", 0), [predictions(RIGHT["mel"][0])])
    lay_down(places, "b", "leaf", trial("leaf", 0), [predictions(RIGHT["leaf"][0][:120])])
    lay_down(places, "c", "leaf", trial("leaf", 1), [predictions(RIGHT["leaf"][1][:120])])
    (section,) = make_table(state("a", "b", "c"), places).sections
    difference = section.rows[1].differences["accuracy"]
    assert (difference.clips, set(difference.seeds)) == (120, {"0"})
    assert difference.mean == pytest.approx(RIGHT["leaf"][0][:120].mean() - RIGHT["mel"][0][:120].mean())


def test_scores_on_common_clips(places):
    """A list of `leafworks diff`; one of other snapshots is refused, with both."""
    everything = laid_down(places)
    chosen = CommonClips(snapshots=("s", "t"), clips=tuple(f"{index:04}" for index in range(0, CLIPS, 4)))
    table = make_table(everything, places, clips=chosen)
    assert table.restricted == "the 50 clips that s and t share"
    assert table.sections[0].test_clips == 50
    assert table.sections[0].rows[0].scores["accuracy"].seeds["0"] == RIGHT["mel"][0][::4].mean()
    with pytest.raises(ValueError, match=r"'t', 'u'.*\['s'\]"):
        make_table(everything, places, clips=dataclasses.replace(chosen, snapshots=("t", "u")))


def test_unfinished_and_failed_trials_are_said(places):
    """As far as they are; without any, the first failure."""
    lay_down(places, "a", "mel", trial("mel", 0), [predictions([True] * 9 + [False])])
    assert make_table(state("a", "b"), places).missing == "1 of 2 trials are finished"
    places.trial("b").mkdir()
    (places.trial("b") / "failed.txt").write_text("too loud")
    with pytest.raises(ValueError, match="The first failure: too loud"):
        make_table(state("b"), places)


def test_the_order_of_trials_changes_no_digit(places):
    """Backwards, the same numbers."""
    forwards = laid_down(places)
    rows = {row.name: row for row in make_table(forwards, places).sections[0].rows}
    backwards = dataclasses.replace(forwards, trials=forwards.trials[::-1])
    assert {row.name: row for row in make_table(backwards, places).sections[0].rows} == rows


def test_several_labels_a_clip(places):
    """Mean average precision is compared by; areas and d' stand beside it; scikit-learn's numbers."""
    task = PredictedTask(name="tags", objective="multi_label", corpus="c", snapshot_id="s", classes=("a", "b", "c"))
    truth = RANDOM.random((120, 3)) < 0.3
    logits = {
        name: (truth * strength + RANDOM.normal(size=truth.shape)).astype(np.float32)
        for name, strength in (("mel", 1.0), ("leaf", 3.0))
    }
    for name, values in logits.items():
        part = dataclasses.replace(
            predictions([True] * 120),
            task=task,
            labels=tuple(tuple(label for label, there in zip("abc", row, strict=True) if there) for row in truth),
            logits=values,
        )
        lay_down(places, name, name, trial(name, 0), [part])
    (section,) = make_table(state("mel", "leaf"), places).sections
    assert section.metric == "mAP"
    leaf = section.rows[1]
    assert list(leaf.scores) == ["mAP", "AUC", "d_prime", "mean_d_prime"]
    assert leaf.scores["mAP"].mean == pytest.approx(average_precision_score(truth, logits["leaf"]))
    assert leaf.scores["AUC"].mean == pytest.approx(roc_auc_score(truth, logits["leaf"]))
    assert leaf.scores["d_prime"].mean == pytest.approx(np.sqrt(2) * stats.norm.ppf(leaf.scores["AUC"].mean))
    for metric, score in leaf.scores.items():
        assert score.binomial is None
        assert score.interval.low < score.mean < score.interval.high
        assert leaf.differences[metric].test == "bootstrap"
        assert leaf.differences[metric].interval.low > 0
        assert leaf.differences[metric].p < 0.01
