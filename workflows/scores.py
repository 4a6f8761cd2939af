"""Scores of front ends on a task with their intervals, and what lies between two of them."""

import math
import statistics
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from workflows.answers import Answers
from workflows.bootstrap import Bootstrap, Floats, Interval, binomial_half_width
from workflows.metrics import ACCURACY, once
from workflows.significance import bootstrap_p, sign_flip_p

UNPAIRED = "no common seed or no common clip"


@dataclass(frozen=True, kw_only=True)
class Score:
    """One metric of one front end.

    Attributes:
      mean: over seeds.
      interval: 95 %, bootstrapped over clips or groups, with every seed on the same resamples; None with one group.
      binomial: half width of the paper's interval of an accuracy, for one run's clips; None for other metrics.
      seeds: seed (as text) -> value.
      deviation: standard deviation over seeds; None with one seed.
    """

    mean: float
    interval: Interval | None
    binomial: float | None
    seeds: dict[str, float]
    deviation: float | None


@dataclass(frozen=True, kw_only=True)
class Difference:
    """One metric of one front end minus that of another, over common clips and common seeds.

    Attributes:
      mean: over seeds.
      interval: 95 %, bootstrapped over common clips or groups.
      p: two-sided.
      p_holm: corrected for all comparisons of the report.
      test: "permutation" by groups (`significance.sign_flip_p`) or "bootstrap" (`significance.bootstrap_p`).
      seeds: seed (as text) -> difference.
      clips: common ones.
      groups: that they come in.
    """

    mean: float
    interval: Interval | None
    p: float
    p_holm: float
    test: str
    seeds: dict[str, float]
    clips: int
    groups: int


class Measured:
    """One front end on one task: the answers of each seed, measured once in the whole and once a resample."""

    def __init__(self, seeds: Mapping[int, Answers]) -> None:
        """Keeps the seeds that answered the most clips: one of unfinished folds cannot stand beside whole ones."""
        most = max(len(answers.clip_ids) for answers in seeds.values())
        self.seeds = {seed: seeds[seed] for seed in sorted(seeds) if len(seeds[seed].clip_ids) == most}
        self.first = next(iter(self.seeds.values()))
        if any(answers.clip_ids != self.first.clip_ids for answers in self.seeds.values()):
            raise ValueError(
                f"Rule: all seeds are tested on the same clips. Received: others for some of {list(self.seeds)} of "
                f"`{self.first.tasks[0].name}`. Run the workflow again."
            )
        self.bootstrap = Bootstrap(self.first.groups, numbers_per_clip=self.first.numbers_per_clip)
        self._points: dict[int, dict[str, float]] = {}
        self._values: dict[int, dict[str, Floats]] = {}
        for seed, answers in self.seeds.items():
            measure = answers.statistics()
            self._points[seed] = once(measure, len(answers.clip_ids))
            if any(math.isnan(value) for value in self._points[seed].values()):
                raise ValueError(
                    f"Rule: a ranking metric needs a class that some clips have and others do not. Received: none "
                    f"among {len(answers.clip_ids)} clips of `{self.first.tasks[0].name}`. Score more clips."
                )
            self._values[seed] = self.bootstrap.values(measure)

    @property
    def metrics(self) -> tuple[str, ...]:
        """Their names, the first the one that front ends are compared by."""
        return tuple(self._points[next(iter(self.seeds))])

    def score(self, metric: str) -> Score:
        """One of the metrics."""
        values = {str(seed): points[metric] for seed, points in self._points.items()}
        mean = statistics.fmean(values.values())
        clips = len(self.first.clip_ids)
        return Score(
            mean=mean,
            interval=self.bootstrap.interval(self._mean_values(metric, self.seeds)),
            binomial=binomial_half_width(mean, clips) if metric == ACCURACY else None,
            seeds=values,
            deviation=statistics.stdev(values.values()) if len(values) > 1 else None,
        )

    def minus(self, other: "Measured", metric: str) -> Difference | None:
        """The paired difference to another front end; None without a common seed or clip."""
        seeds = [seed for seed in self.seeds if seed in other.seeds]
        if self.first.clip_ids != other.first.clip_ids:
            common = set(self.first.clip_ids).intersection(other.first.clip_ids)
            return self.on(common).minus(other.on(common), metric) if common else None
        if not seeds:
            return None
        by_seed = {str(seed): self._points[seed][metric] - other._points[seed][metric] for seed in seeds}
        values = self._mean_values(metric, seeds) - other._mean_values(metric, seeds)
        p = self._permutation_p(other, seeds) if metric == ACCURACY else bootstrap_p(values)
        return Difference(
            mean=statistics.fmean(by_seed.values()),
            interval=self.bootstrap.interval(values),
            p=p,
            p_holm=p,
            test="permutation" if metric == ACCURACY else "bootstrap",
            seeds=by_seed,
            clips=len(self.first.clip_ids),
            groups=self.bootstrap.groups,
        )

    def on(self, clip_ids: set[str]) -> "Measured":
        """The same, measured on some of the clips."""
        return Measured({seed: answers.of(clip_ids) for seed, answers in self.seeds.items()})

    def _mean_values(self, metric: str, seeds: Mapping[int, object] | list[int]) -> Floats:
        return np.asarray(np.mean([self._values[seed][metric] for seed in seeds], axis=0), dtype=np.float64)

    def _permutation_p(self, other: "Measured", seeds: list[int]) -> float:
        differences = [
            self.seeds[seed].correct().astype(np.float64) - other.seeds[seed].correct().astype(np.float64)
            for seed in seeds
        ]
        return sign_flip_p(np.mean(differences, axis=0), self.first.groups)
