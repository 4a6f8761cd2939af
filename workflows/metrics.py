"""Accuracy and the ranking metrics, as functions of clip weights: weight 1 everywhere is the metric itself.

The bootstrap weights each clip by how often it was drawn, so that scores are sorted once and not once a resample.
"""

import math
from collections.abc import Callable
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from workflows.bootstrap import Floats, Statistic

MetricName = Literal["accuracy", "mAP", "AUC", "d_prime", "mean_d_prime"]
RANKING: tuple[MetricName, ...] = ("mAP", "AUC", "d_prime", "mean_d_prime")
PROPORTIONS: tuple[MetricName, ...] = ("accuracy", "mAP", "AUC")
Booleans = NDArray[np.bool_]


def value_of(statistic: Statistic, clips: int) -> float:
    """The statistic with each of `clips` counted once."""
    return float(statistic(np.ones((1, clips)))[0])


def accuracy(correct: Booleans) -> Statistic:
    """The share of right clips; `correct` is [clips]."""
    right = correct.astype(np.float64)
    return lambda weights: np.asarray((weights @ right) / weights.sum(axis=1))


def ranking(name: MetricName, scores: NDArray[np.floating], truth: Booleans) -> Statistic:
    """A metric of how each class ranks the clips.

    Args:
      name: "mAP", the mean over classes of average precision (sklearn's definition: no interpolation); "AUC", the mean
        over classes of the area under the ROC curve, ties counting half; "d_prime", sqrt(2) Phi^-1 of that mean, as in
        the papers on AudioSet; "mean_d_prime", the mean over classes of sqrt(2) Phi^-1 of the class's own area.
      scores: [clips, classes], higher means more likely.
      truth: [clips, classes].

    A class without positive (for areas: or negative) clips has no value and is left out of the mean, in a resample as
    in the whole. A class that ranks all pairs right has an infinite d'; it counts as if half a pair were wrong.
    """
    if scores.shape != truth.shape or scores.ndim != 2:
        raise ValueError(f"Rule: scores and truth are [clips, classes]. Received: {scores.shape} and {truth.shape}.")
    per_class = [_CLASS_METRICS[name](scores[:, c], truth[:, c]) for c in range(scores.shape[1])]

    def statistic(weights: Floats) -> Floats:
        total, classes = np.zeros(len(weights)), np.zeros(len(weights))
        for metric in per_class:
            values = metric(weights)
            there = ~np.isnan(values)
            total[there] += values[there]
            classes += there
        mean = np.divide(total, classes, out=np.full(len(weights), np.nan), where=classes > 0)
        return d_prime(mean) if name == "d_prime" else mean

    return statistic


def d_prime(area: Floats) -> Floats:
    """sqrt(2) Phi^-1(AUC)."""
    from scipy.special import ndtri

    return np.asarray(math.sqrt(2.0) * ndtri(area), dtype=np.float64)


def _average_precision(scores: NDArray[np.floating], truth: Booleans) -> Statistic:
    order = np.argsort(-scores, kind="stable")
    ends = _last_of_ties(scores[order])
    positive = truth[order].astype(np.float64)

    def statistic(weights: Floats) -> Floats:
        drawn = weights[:, order]
        hits = np.cumsum(drawn * positive, axis=1)[:, ends]
        shown = np.cumsum(drawn, axis=1)[:, ends]
        precision = np.divide(hits, shown, out=np.zeros_like(hits), where=shown > 0)
        gained = np.diff(hits, axis=1, prepend=0.0)
        return _divide((gained * precision).sum(axis=1), hits[:, -1])

    return statistic


def _pairs(scores: NDArray[np.floating], truth: Booleans) -> Callable[[Floats], tuple[Floats, Floats]]:
    """Weights -> pairs of a positive and a negative that are ranked right, ties half; all pairs."""
    order = np.argsort(scores, kind="stable")
    ends = _last_of_ties(scores[order])
    positive = truth[order].astype(np.float64)

    def count(weights: Floats) -> tuple[Floats, Floats]:
        drawn = weights[:, order]
        positives = np.diff(np.cumsum(drawn * positive, axis=1)[:, ends], axis=1, prepend=0.0)
        below = np.cumsum(drawn * (1.0 - positive), axis=1)[:, ends]
        tied = np.diff(below, axis=1, prepend=0.0)
        right = (positives * (below - tied / 2.0)).sum(axis=1)
        return right, positives.sum(axis=1) * below[:, -1]

    return count


def _area(scores: NDArray[np.floating], truth: Booleans) -> Statistic:
    count = _pairs(scores, truth)
    return lambda weights: _divide(*count(weights))


def _class_d_prime(scores: NDArray[np.floating], truth: Booleans) -> Statistic:
    count = _pairs(scores, truth)

    def statistic(weights: Floats) -> Floats:
        right, pairs = count(weights)
        return d_prime(_divide(np.clip(right, 0.5, np.maximum(pairs - 0.5, 0.5)), pairs))

    return statistic


def _last_of_ties(ordered: NDArray[np.floating]) -> NDArray[np.int64]:
    """Positions of the last of each run of equal scores."""
    return np.flatnonzero(np.append(ordered[1:] != ordered[:-1], True))


def _divide(above: Floats, below: Floats) -> Floats:
    return np.asarray(np.divide(above, below, out=np.full(len(below), np.nan), where=below > 0), dtype=np.float64)


_CLASS_METRICS: dict[str, Callable[[NDArray[np.floating], Booleans], Statistic]] = {
    "mAP": _average_precision,
    "AUC": _area,
    "d_prime": _area,
    "mean_d_prime": _class_d_prime,
}
