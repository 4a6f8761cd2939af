"""Accuracy and the ranking metrics, as functions of clip weights: weight 1 everywhere is the metric itself.

The bootstrap weights each clip by how often it was drawn, so that scores are sorted once and not once a resample.
"""

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from workflows.bootstrap import Floats, Statistics, Weights

ACCURACY = "accuracy"
RANKING = ("mAP", "AUC", "d_prime", "mean_d_prime")
Booleans = NDArray[np.bool_]
Scores = NDArray[np.floating]


def once(statistics: Statistics, clips: int) -> dict[str, float]:
    """The statistics with each of `clips` counted once."""
    return {name: float(values[0]) for name, values in statistics(np.ones((clips, 1), np.float32)).items()}


def accuracy(correct: Booleans) -> Statistics:
    """The share of right clips, named "accuracy"; `correct` is [clips]."""
    return lambda weights: {ACCURACY: _divide(_sum(weights[correct]), _sum(weights))}


def ranking(scores: Scores, truth: Booleans) -> Statistics:
    """How each class ranks the clips, higher scores first; `scores` and `truth` are [clips, classes].

    - "mAP": the mean over classes of average precision (scikit-learn's definition, without interpolation);
    - "AUC": the mean over classes of the area under the ROC curve, ties counting half;
    - "d_prime": sqrt(2) Phi^-1 of that mean, as papers on AudioSet print it;
    - "mean_d_prime": the mean over classes of sqrt(2) Phi^-1 of the class's own area. A class that ranks all pairs
      right has an infinite d'; it counts as if half a pair were wrong.

    A class without positive (for areas: or negative) clips has no value and is left out of the means, in a resample as
    in the whole.
    """
    if scores.shape != truth.shape or scores.ndim != 2:
        raise ValueError(f"Rule: scores and truth are [clips, classes]. Received: {scores.shape} and {truth.shape}.")
    classes = [_ranked_class(scores[:, c], truth[:, c]) for c in range(scores.shape[1])]

    def statistics(weights: Weights) -> dict[str, Floats]:
        total = _sum(weights)
        means = [_Mean(weights.shape[1]) for _ in range(3)]
        for ranked in classes:
            precision, right, pairs = ranked(weights, total)
            nearly_right = np.clip(right, 0.5, np.maximum(pairs - 0.5, 0.5))
            for mean, values in zip(
                means, (precision, _divide(right, pairs), d_prime(_divide(nearly_right, pairs))), strict=True
            ):
                mean.add(values)
        precision, area, own_d_prime = (mean.value() for mean in means)
        return dict(zip(RANKING, (precision, area, d_prime(area), own_d_prime), strict=True))

    return statistics


def d_prime(area: Floats) -> Floats:
    """sqrt(2) Phi^-1(AUC)."""
    from scipy.special import ndtri

    return np.asarray(math.sqrt(2.0) * ndtri(area), dtype=np.float64)


class _Mean:
    """A mean over classes that leaves NaN out."""

    def __init__(self, resamples: int) -> None:
        self._sum, self._count = np.zeros(resamples), np.zeros(resamples)

    def add(self, values: Floats) -> None:
        there = ~np.isnan(values)
        self._sum[there] += values[there]
        self._count += there

    def value(self) -> Floats:
        return _divide(self._sum, self._count)


def _ranked_class(scores: Scores, truth: Booleans) -> Callable[[Weights, Floats], tuple[Floats, Floats, Floats]]:
    """Weights and their sums -> average precision, pairs ranked right, all pairs of a positive and a negative.

    Only runs of equal scores with a positive clip in them matter, and of the clips between two of them only how many
    were drawn: rows are summed between the borders of these runs.
    """
    order = np.argsort(-scores, kind="stable")
    ordered = scores[order]
    first_of_ties = np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1]))
    run = np.searchsorted(first_of_ties, np.flatnonzero(truth[order]), side="right") - 1  # of each positive
    runs, members = np.unique(run, return_index=True)
    starts, ends = first_of_ties[runs], np.append(first_of_ties, len(order))[runs + 1]
    borders = np.unique(np.concatenate([[0], starts, ends]))
    borders = borders[borders < len(order)]
    positives = order[truth[order]]

    def measure(weights: Weights, total: Floats) -> tuple[Floats, Floats, Floats]:
        if not len(positives):
            nothing = np.zeros(weights.shape[1])
            return np.full(weights.shape[1], np.nan), nothing, nothing
        pieces = np.add.reduceat(weights[order], borders, axis=0).astype(np.float64)
        shown = np.concatenate([np.zeros((1, weights.shape[1])), np.cumsum(pieces, axis=0)])
        before, until = (shown[np.searchsorted(borders, places)] for places in (starts, ends))
        gained = np.add.reduceat(weights[positives], members, axis=0).astype(np.float64)
        hits = np.cumsum(gained, axis=0)
        precision = np.divide(hits, until, out=np.zeros_like(hits), where=until > 0)
        negatives = total - hits[-1]
        above, tied = before - (hits - gained), until - before - gained
        right = (gained * (negatives - above - tied / 2.0)).sum(axis=0)
        return _divide((gained * precision).sum(axis=0), hits[-1]), right, hits[-1] * negatives

    return measure


def _sum(weights: Weights) -> Floats:
    return np.asarray(weights.sum(axis=0, dtype=np.float64))


def _divide(above: Floats, below: Floats) -> Floats:
    return np.asarray(np.divide(above, below, out=np.full(len(below), np.nan), where=below > 0), dtype=np.float64)
