"""Histograms as bars of an SVG: counts of the kept clips' measures."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pipelines.ledger import Row

Edges = np.ndarray[tuple[int], np.dtype[np.float64]]


@dataclass(frozen=True, kw_only=True)
class Bar:
    """Its place and size in percent of the picture, its count, and the interval in words."""

    left: float
    width: float
    height: float
    count: int
    interval: str


@dataclass(frozen=True, kw_only=True)
class Histogram:
    """A measure over the kept clips.

    Attributes:
      name: in words, with its unit.
      bars: from left to right.
      ticks: place in percent, and text.
      without: clips that have no such value.
    """

    name: str
    bars: tuple[Bar, ...]
    ticks: tuple[tuple[float, str], ...]
    without: int


def histograms(kept: Sequence[Row], *, sample_rate: int) -> list[Histogram]:
    """Durations, levels, bands and shares."""
    seconds = [(row.num_samples or 0) / sample_rate for row in kept]
    decibels = np.arange(-100.0, 0.1, 5.0)
    shares = np.linspace(0.0, 1.0, 21)
    tops = [row.bandwidth_hz / 1000.0 if row.bandwidth_hz is not None else None for row in kept]
    top = max([sample_rate / 2000.0, *(value for value in tops if value is not None)])
    return [
        _histogram("Duration, s", seconds, _even(seconds)),
        _histogram("Peak, dB re full scale", [row.peak_db for row in kept], decibels),
        _histogram("RMS level, dB re full scale", [row.rms_db for row in kept], decibels),
        _histogram("Bandwidth of the source, kHz", tops, np.linspace(0.0, np.ceil(top), 25)),
        _histogram("Share of silent frames", [row.silent_share for row in kept], shares),
        _shares("Share of frames at full scale", [row.full_scale_share for row in kept]),
        _histogram("DC offset, % of full scale", [_percent(row.dc_offset) for row in kept], np.linspace(-5.0, 5.0, 21)),
    ]


def _even(values: Sequence[float]) -> Edges:
    """Edges around all values; of a single value, around it."""
    low, high = (min(values), max(values)) if values else (0.0, 1.0)
    if high - low < 0.1:
        low, high = max(0.0, low - 0.5), high + 0.5
    return np.linspace(low, high, 25)


def _histogram(name: str, values: Sequence[float | None], edges: Edges) -> Histogram:
    """What lies outside the edges counts in the first and the last bar."""
    known = np.array([value for value in values if value is not None], np.float64)
    counts, _ = np.histogram(np.clip(known, edges[0], edges[-1]), edges)
    words = [f"{low:.3g} to {high:.3g}" for low, high in itertools.pairwise(edges)]
    ticks = [(25.0 * quarter, f"{edges[0] + quarter / 4.0 * (edges[-1] - edges[0]):.3g}") for quarter in range(5)]
    return _bars(name, dict(zip(words, counts.tolist(), strict=True)), ticks, without=len(values) - len(known))


def _shares(name: str, values: Sequence[float | None]) -> Histogram:
    """Of small shares: none, and decades."""
    edges = np.array([-1.0, 0.0, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0])
    known = np.array([value for value in values if value is not None], np.float64)
    counts = np.bincount(np.searchsorted(edges, known) - 1, minlength=len(edges) - 1)
    words = ["none", *(f"{low:g} to {high:g}" for low, high in itertools.pairwise(edges[1:]))]
    width = 100.0 / len(words)
    ticks = [(0.5 * width, "none"), (3.0 * width, "0.0001"), (5.0 * width, "0.01"), (7.0 * width, "1")]
    return _bars(name, dict(zip(words, counts.tolist(), strict=True)), ticks, without=len(values) - len(known))


def _bars(name: str, counts: Mapping[str, int], ticks: Sequence[tuple[float, str]], *, without: int) -> Histogram:
    width, most = 100.0 / len(counts), max([*counts.values(), 1])
    bars = [
        Bar(left=index * width, width=width, height=100.0 * count / most, count=count, interval=interval)
        for index, (interval, count) in enumerate(counts.items())
    ]
    return Histogram(name=name, bars=tuple(bars), ticks=tuple(ticks), without=without)


def _percent(value: float | None) -> float | None:
    return None if value is None else 100.0 * value
