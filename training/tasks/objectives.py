"""What a task is trained for: its loss on a batch, and its metrics on a split."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from training.tasks.config import MAIN_METRIC, Objective, TaskConfig
from training.tasks.labels import Labels
from training.tasks.metrics import accuracy, class_scores, ranking_metrics

_NAMED = 5


def resolved(config: TaskConfig, labels: Labels, ids: Callable[[], Sequence[str]]) -> Objective:
    """The objective that `config` names, or, for "auto", the one that the labels of all kept clips say.

    Args:
      config: of the task.
      labels: of every kept clip of the snapshot, of all splits.
      ids: of these clips; asked for only where some are to be named.

    Raises:
      ValueError: "single_label", and some clips have no label or several. "multi_label" is for any labels.
    """
    others = np.flatnonzero(labels.counts != 1)
    if config.objective == "single_label" and len(others):
        names = ids()
        examples = {names[clip]: labels.of(clip) for clip in others[:_NAMED]}
        raise ValueError(
            f"Rule: in a single_label task every clip has exactly one label. Received: {len(others)} of {len(labels)} "
            f"clips of the task `{config.name}` have none or several, e.g. {examples}. Take the objective "
            "multi_label, or auto."
        )
    if config.objective == "auto":
        return "multi_label" if len(others) else "single_label"
    return config.objective


def losses(objective: Objective, targets: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """Cross-entropy of each example in nats, [batch]; of a multi_label task the mean over classes.

    Args:
      objective: of the task.
      targets: float [batch, classes]; of a single_label task each row adds up to 1.
      logits: float [batch, classes].
    """
    if objective == "single_label":
        return tf.nn.softmax_cross_entropy_with_logits(targets, logits)
    return tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(targets, logits), axis=1)


def right(targets: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """1 for every example whose highest logit is of the class with the highest target, else 0; float [batch]."""
    return tf.cast(tf.equal(tf.argmax(logits, axis=1), tf.argmax(targets, axis=1)), tf.float32)


def metrics(objective: Objective, truth: np.ndarray, logits: np.ndarray) -> dict[str, float]:
    """The loss and the metrics of a split; see `TaskResult.metrics`.

    Args:
      objective: of the task.
      truth: bool [clips, classes].
      logits: [clips, classes].
    """
    logits = logits.astype(np.float64)
    if objective == "single_label":
        log_probabilities = logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)
        return {"loss": float(-log_probabilities[truth].mean()), MAIN_METRIC[objective]: accuracy(truth, logits)}
    # log(1 + exp(x)) - x where the clip has the class, else log(1 + exp(x))
    cross_entropy = np.logaddexp(0.0, logits) - np.where(truth, logits, 0.0)
    return {"loss": float(cross_entropy.mean()), **ranking_metrics(truth, logits)}


def class_table(objective: Objective, labels: Labels, logits: np.ndarray) -> list[dict[str, Any]]:
    """A row for each class of a split: its name, its clips, and how well it is told from the others.

    Of a single_label task recall and precision (with the clips that were taken for it), of a multi_label one average
    precision, AUC and d'; None where the split does not say.
    """
    truth = labels.all_targets()
    if objective == "single_label":
        taken = np.eye(truth.shape[1], dtype=bool)[logits.argmax(axis=1)]
        hits, clips, taken_for = (counts.sum(axis=0) for counts in (truth & taken, truth, taken))
        columns = {"taken_for_it": taken_for, "recall": _share(hits, clips), "precision": _share(hits, taken_for)}
    else:
        classes = class_scores(truth, logits)
        clips = classes.positives
        d_prime = np.where(classes.known, classes.d_prime, np.nan)
        columns = {"average_precision": classes.average_precision, "auc": classes.auc, "d_prime": d_prime}
    rows = [{"class": name, "clips": int(clips[index])} for index, name in enumerate(labels.names)]
    return [
        {**row, **{name: None if np.isnan(values[index]) else values[index].item() for name, values in columns.items()}}
        for index, row in enumerate(rows)
    ]


def left_out(labels: Labels) -> tuple[str, ...]:
    """Classes that every clip of a split has, or none: no metric of theirs is defined."""
    counts = labels.all_targets().sum(axis=0)
    return tuple(name for name, count in zip(labels.names, counts, strict=True) if count in (0, len(labels)))


def _share(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return np.divide(part, whole, out=np.full(len(whole), np.nan), where=whole > 0)
