"""Means over seeds with their intervals."""

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

CONFIDENCE = 0.95


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A mean over seeds with its 95 % interval; no interval (None) with a single seed."""

    mean: float
    low: float | None
    high: float | None
    seeds: int


def estimate(values: Sequence[float]) -> Estimate:
    """Mean and Student's t interval: mean +- t(0.975, n - 1) * s / sqrt(n), for n independent seeds.

    Raises:
      ValueError: no values.
    """
    if not values:
        raise ValueError("A mean needs at least one value. Received: none.")
    mean, count = statistics.fmean(values), len(values)
    if count == 1:
        return Estimate(mean=mean, low=None, high=None, seeds=1)
    from scipy.stats import t

    half = float(t.ppf(0.5 + CONFIDENCE / 2, count - 1)) * statistics.stdev(values) / math.sqrt(count)
    return Estimate(mean=mean, low=mean - half, high=mean + half, seeds=count)


def paired_difference(values: Mapping[int, float], baseline: Mapping[int, float]) -> Estimate | None:
    """The interval of the differences on common seeds; None without a common seed.

    Seeds pair because a seed fixes order and windows of the examples for both.
    """
    common = sorted(values.keys() & baseline.keys())
    return estimate([values[seed] - baseline[seed] for seed in common]) if common else None
