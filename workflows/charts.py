"""Dot plots of a section, as positions in percent of the plot's width."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from workflows import wording
from workflows.bootstrap import Interval
from workflows.scores import Difference, Score
from workflows.table import Row, Section

_TICKS = 5
_MARGIN = 0.06


@dataclass(frozen=True, kw_only=True)
class Dot:
    """One front end: its mean, the ends of its interval, single seeds, and the paper's figure."""

    name: str
    mean: float
    low: float
    high: float
    seeds: tuple[float, ...]
    paper: float | None


@dataclass(frozen=True, kw_only=True)
class Chart:
    """Dots on one axis; `ticks` are positions with their labels, `zero` is where no difference is."""

    dots: tuple[Dot, ...]
    ticks: tuple[tuple[float, str], ...]
    zero: float | None = None


def scores(section: Section) -> Chart:
    """Every front end's score."""
    metric = section.metric
    axis = _Axis(value for row in section.rows for value in _values(row, metric))
    dots = [axis.dot(row.name, row.scores[metric], paper=_paper(row, metric)) for row in section.rows]
    return Chart(dots=tuple(dots), ticks=axis.ticks(metric))


def differences(section: Section) -> Chart | None:
    """Every front end's difference to the baseline; None without any."""
    metric = section.metric
    found = [(row.name, row.differences[metric]) for row in section.rows if metric in row.differences]
    if not found:
        return None
    axis = _Axis([0.0, *(value for _, difference in found for value in _spread(difference))])
    dots = [axis.dot(name, difference) for name, difference in found]
    return Chart(dots=tuple(dots), ticks=axis.ticks(metric, signed=True), zero=axis.at(0.0))


class _Axis:
    """From values to positions: all of them, and a margin on both sides."""

    def __init__(self, values: Iterable[float]) -> None:
        values = list(values)
        margin = _MARGIN * (max(values) - min(values)) or 0.01
        self._low, self._high = min(values) - margin, max(values) + margin

    def at(self, value: float) -> float:
        return round(100 * (value - self._low) / (self._high - self._low), 2)

    def dot(self, name: str, found: Score | Difference, *, paper: float | None = None) -> Dot:
        low, high = _ends(found.interval) or (found.mean, found.mean)
        return Dot(
            name=name,
            mean=self.at(found.mean),
            low=self.at(low),
            high=self.at(high),
            seeds=tuple(map(self.at, found.seeds.values())),
            paper=None if paper is None else self.at(paper),
        )

    def ticks(self, metric: str, *, signed: bool = False) -> tuple[tuple[float, str], ...]:
        """Multiples of 1, 2 or 5 times a power of ten, about five of them."""
        rough = (self._high - self._low) / _TICKS
        power = 10.0 ** math.floor(math.log10(rough))
        step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough)
        first, last = math.ceil(self._low / step), math.floor(self._high / step)
        values = [index * step for index in range(first, last + 1)]
        return tuple((self.at(value), wording.number(metric, value, signed=signed)) for value in values)


def _values(row: Row, metric: str) -> list[float]:
    paper = _paper(row, metric)
    return [*_spread(row.scores[metric]), *([] if paper is None else [paper])]


def _spread(found: Score | Difference) -> list[float]:
    return [found.mean, *_ends(found.interval), *found.seeds.values()]


def _paper(row: Row, metric: str) -> float | None:
    return row.paper.value if row.paper and row.paper.metric == metric else None


def _ends(interval: Interval | None) -> tuple[float, ...]:
    return () if interval is None else (interval.low, interval.high)
