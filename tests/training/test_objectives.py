"""What a task is trained for: from its labels, or as said; losses and class tables against scikit-learn and by hand."""

import csv
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from sklearn.metrics import log_loss

from frontends.config import MelFilterbankConfig
from training.checkpoint import Progress
from training.config import TrainConfig, TrialConfig
from training.evaluate import Scores
from training.fit import Fitted
from training.tasks.config import TaskConfig
from training.tasks.labels import Labels
from training.tasks.objectives import class_table, left_out, losses, metrics, resolved, right
from training.tasks.scored import CLASSES_NAME, write_scored
from training.tasks.task import open_tasks

LOGITS = np.array([[2.0, -1.0, 0.5], [-3.0, 1.0, 1.5], [0.2, 0.1, 0.0]], np.float32)
MANY = np.array([[1, 0, 1], [0, 1, 0], [0, 0, 0]], np.float32)
ONE = np.eye(3, dtype=np.float32)


def labels_of(*clips: tuple[int, ...]) -> Labels:
    """Labels a, b, c of these clips."""
    values = np.array([value for clip in clips for value in clip], np.int32)
    return Labels(("a", "b", "c"), values, np.concatenate([[0], np.cumsum([len(clip) for clip in clips])]))


def ids(labels: Labels):
    """Names for the clips."""
    return lambda: tuple(f"clip {index}" for index in range(len(labels)))


@pytest.mark.parametrize(
    ("clips", "expected"),
    [
        ([(0,), (2,)], "single_label"),
        ([(0,), (0, 2)], "multi_label"),
        ([(0,), ()], "multi_label"),
    ],
)
def test_the_labels_say_what_a_task_is(clips, expected):
    """One each, or any number."""
    labels = labels_of(*clips)
    assert resolved(TaskConfig(name="t"), labels, ids(labels)) == expected


def test_a_mismatch_is_refused_by_name():
    """With how many clips it concerns and some of them; any labels suit a multi_label task."""
    labels = labels_of((0,), (0, 2), (), (1,))
    with pytest.raises(ValueError, match=r"2 of 4 clips of the task `t` .*'clip 1': \('a', 'c'\), 'clip 2': \(\)"):
        resolved(TaskConfig(name="t", objective="single_label"), labels, ids(labels))
    assert resolved(TaskConfig(name="t", objective="multi_label"), labels_of((0,)), ids(labels)) == "multi_label"


def test_the_ledger_s_labels_become_targets(chords):
    """What the corpus's table said, clip by clip."""
    bits = {"low": 0, "middle": 1, "high": 2}  # see the fixture
    for split in ("train", "test"):
        clips = chords.clips(split)
        targets = clips.labels.targets(range(len(clips)))
        for row, clip_id in zip(targets, clips.ids, strict=True):
            said = 1 + int(Path(clip_id).stem) % 7
            assert [bool(has) for has in row] == [bool(said >> bits[name] & 1) for name in chords.card.labels]
        np.testing.assert_array_equal(targets.astype(bool), clips.labels.all_targets())
        np.testing.assert_array_equal(targets[[3, 1]], clips.labels.targets([3, 1]))


def test_losses_of_a_batch():
    """Cross-entropy of each example; of several labels the mean over classes of each class's own."""
    single = losses("single_label", tf.constant(ONE), tf.constant(LOGITS)).numpy()
    probabilities = np.exp(LOGITS) / np.exp(LOGITS).sum(axis=1, keepdims=True)
    assert single.mean() == pytest.approx(log_loss([0, 1, 2], probabilities), rel=1e-6)
    multi = losses("multi_label", tf.constant(MANY), tf.constant(LOGITS)).numpy()
    own = [log_loss(MANY[:, c], 1 / (1 + np.exp(-LOGITS[:, c])), labels=[0, 1]) for c in range(3)]
    assert multi.shape == (3,)
    assert multi.mean() == pytest.approx(np.mean(own), rel=1e-6)


def test_the_loss_of_a_split_is_that_of_its_batches():
    """Evaluation and training mean the same."""
    for objective, targets in (("single_label", ONE), ("multi_label", MANY)):
        batch = losses(objective, tf.constant(targets), tf.constant(LOGITS)).numpy().mean()
        assert metrics(objective, targets.astype(bool), LOGITS)["loss"] == pytest.approx(batch, rel=1e-6)


def test_large_logits_overflow_nothing():
    """The losses stay finite and are the logits themselves."""
    logits = np.array([[900.0, -900.0]], np.float32)
    truth = np.array([[False, True]])
    assert metrics("single_label", truth, logits)["loss"] == pytest.approx(1800.0)
    both = np.array([[0, 1], [1, 0]], bool)
    assert metrics("multi_label", both, np.repeat(logits, 2, axis=0))["loss"] == pytest.approx(450.0)


def test_right_answers_are_counted_on_soft_targets_too():
    """As mixed examples have them: the larger share counts."""
    soft = np.array([[0.7, 0.3, 0.0], [0.6, 0.4, 0.0], [0.0, 0.0, 1.0]], np.float32)
    assert right(tf.constant(soft), tf.constant(LOGITS)).numpy().tolist() == [1.0, 0.0, 0.0]


def test_the_table_of_classes():
    """Recall and precision by hand: a is taken for a and c, c for b, b for nothing."""
    rows = class_table("single_label", labels_of((0,), (1,), (2,)), LOGITS)
    assert rows == [
        {"class": "a", "clips": 1, "taken_for_it": 2, "recall": 1.0, "precision": 0.5},
        {"class": "b", "clips": 1, "taken_for_it": 0, "recall": 0.0, "precision": None},
        {"class": "c", "clips": 1, "taken_for_it": 1, "recall": 0.0, "precision": 0.0},
    ]
    labels = labels_of((0, 2), (2,), (2,))
    a, b, c = class_table("multi_label", labels, LOGITS)
    assert (a["clips"], a["average_precision"], a["auc"]) == (1, 1.0, 1.0)
    assert a["d_prime"] == pytest.approx(0.9539, abs=1e-4)  # sqrt(2) Phi^-1(3/4): half of two pairs
    assert [(row["clips"], row["auc"]) for row in (b, c)] == [(0, None), (3, None)]
    assert left_out(labels) == ("b", "c")


def test_classes_are_named_in_the_artifact(chords, tmp_path):
    """A row for each class of the card, in its order; the means over it are the metrics."""
    trial = TrialConfig(
        frontend=MelFilterbankConfig(), train=TrainConfig(batch_size=12), seed=0, tasks=(TaskConfig(name="chords"),)
    )
    (task,) = open_tasks(trial, [chords], window=16000, replicas=1)
    random, scores = np.random.default_rng(0), {}
    for name, split in (("test", task.test), ("validation", task.validation)):
        logits = random.normal(size=(len(split.clips), 3)).astype(np.float32)
        found = metrics("multi_label", split.clips.labels.all_targets(), logits)
        scores[name] = {"chords": Scores(objective="multi_label", metrics=found, logits=logits)}
    write_scored(tmp_path, "t", [task], Fitted(progress=Progress(), noisy={}, **scores))
    with (tmp_path / CLASSES_NAME).open() as stream:
        rows = list(csv.DictReader(stream))
    assert [row["class"] for row in rows] == list(chords.card.labels)
    for column, metric in (("average_precision", "mAP"), ("auc", "AUC"), ("d_prime", "mean_d_prime")):
        mean = np.mean([float(row[column]) for row in rows])
        assert mean == pytest.approx(scores["test"]["chords"].metrics[metric])
