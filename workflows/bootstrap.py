"""How much the choice of test clips matters: the bootstrap over clips, or over the groups that clips come in.

Clips of one speaker or one recording are wrong together. Where a corpus has groups, groups are drawn with replacement
and all clips of a group go with it; otherwise each clip is a group of its own.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

CONFIDENCE = 0.95
RESAMPLES = 2000
# Numbers that the statistics may look at in all resamples together: what bounds the time of a report.
_BUDGET = 4_000_000_000
_LEAST_RESAMPLES = 200
_CHUNK = 8_000_000

Floats = NDArray[np.float64]
# How often each clip was drawn, [clips, resamples] -> each statistic by its name, [resamples].
Weights = NDArray[np.float32]
Statistics = Callable[[Weights], dict[str, Floats]]


@dataclass(frozen=True, kw_only=True)
class Interval:
    """A 95 % interval; both ends in the unit of the statistic."""

    low: float
    high: float


class Bootstrap:
    """Resamples of one set of clips, the same ones for every statistic, so that differences are paired.

    Args:
      groups: of each clip, in the order of the clips; the order of the names, not of the clips, decides what is drawn.
      numbers_per_clip: that the statistics look at: 1 for accuracy, the number of classes for ranking metrics. Large
        test sets with many classes get fewer resamples, never below 200.
      seed: of the draws.
    """

    def __init__(self, groups: Sequence[str], *, numbers_per_clip: int = 1, seed: int = 0) -> None:
        if not len(groups):
            raise ValueError("A bootstrap needs at least one clip. Received: none. Is the test split empty?")
        names, self._group_of = np.unique(np.asarray(groups, dtype=object).astype(str), return_inverse=True)
        self.groups = len(names)
        affordable = _BUDGET // (len(groups) * numbers_per_clip)
        self.resamples = int(min(RESAMPLES, max(_LEAST_RESAMPLES, affordable)))
        self._seed = seed

    def values(self, statistics: Statistics) -> dict[str, Floats]:
        """Each statistic in every resample, [resamples]; NaN where a resample has none."""
        # Only `random` is used: its doubles are promised to stay the same from NumPy to NumPy.
        generator = np.random.Generator(np.random.PCG64(self._seed))
        columns = max(1, _CHUNK // len(self._group_of))
        found = []
        for first in range(0, self.resamples, columns):
            count = min(columns, self.resamples - first)
            drawn = (generator.random((count, self.groups)) * self.groups).astype(np.int64)
            flat = (drawn * count + np.arange(count)[:, None]).ravel()
            counts = np.bincount(flat, minlength=count * self.groups).reshape(self.groups, count)
            found.append(statistics(counts.astype(np.float32)[self._group_of]))
        return {name: np.concatenate([part[name] for part in found]) for name in found[0]}

    def interval(self, values: Floats) -> Interval | None:
        """The expanded percentile interval of Hesterberg (The American Statistician, 2015); None with a single group.

        With n groups, percentiles of resamples are too narrow by sqrt((n - 1) / n), and by the normal's quantile in
        place of Student's. Both are made up for in the percentiles that are taken: with 100 groups 2.3 and 97.7 in
        place of 2.5 and 97.5, with 6 groups 0.2 and 99.8.
        """
        finite = values[np.isfinite(values)]
        if self.groups < 2 or not len(finite):
            return None
        tail = _tail(self.groups)
        low, high = np.quantile(finite, [tail, 1.0 - tail])
        return Interval(low=float(low), high=float(high))


def binomial_half_width(proportion: float, clips: int) -> float:
    """1.96 sqrt(p (1 - p) / n): half of the 95 % normal-approximation interval that LEAF's paper prints.

    It takes clips for independent, and is 0 where all or none of them are right.
    """
    if clips < 1 or not 0.0 <= proportion <= 1.0:
        raise ValueError(f"Rule: clips >= 1 and 0 <= proportion <= 1. Received: {clips} clips, {proportion}.")
    return 1.96 * math.sqrt(proportion * (1.0 - proportion) / clips)


def _tail(groups: int) -> float:
    from scipy.stats import norm, t

    quantile = t.ppf(0.5 + CONFIDENCE / 2, groups - 1) * math.sqrt(groups / (groups - 1))
    return float(norm.cdf(-quantile))
