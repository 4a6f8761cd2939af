"""Short waveforms one behind the other, so that one call of NumPy does for many of them.

What comes out for a waveform depends on it alone, and not on those it shares a call with.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

_LONG = 2**14  # samples: a waveform that has so many comes alone; beside its own work a call is nothing
_MOST = 2**16  # samples together: they stay in the second-level cache
_COLUMNS = 4_096

Array = np.ndarray[tuple[int], np.dtype[Any]]


@dataclass(frozen=True, slots=True)
class Segments:
    """Some waveforms in one array, and where each begins; none is empty."""

    samples: Array
    begins: list[int]

    def lowest(self) -> list[Any]:
        """The least sample of each; NaN where one is."""
        found: list[Any] = np.minimum.reduceat(self.samples, self.begins).tolist()
        return found

    def highest(self) -> list[Any]:
        """The greatest sample of each; NaN where one is."""
        found: list[Any] = np.maximum.reduceat(self.samples, self.begins).tolist()
        return found

    def sums(self, samples: Array) -> list[float]:
        """Of each waveform's part of as many samples as there are here, in their type: not finite where that overflows.

        A long one by columns, in half the time. Either is alike on any processor.
        """
        if len(samples) < _LONG or len(self.begins) > 1:
            found: list[float] = np.add.reduceat(samples, self.begins).tolist()
            return found
        whole = len(samples) // _COLUMNS * _COLUMNS
        return [float(samples[:whole].reshape(-1, _COLUMNS).sum(axis=0).sum()) + float(samples[whole:].sum())]

    def split(self, samples: Array) -> list[Array]:
        """Each waveform's part of as many samples as there are here: views."""
        return [samples[begin:end] for begin, end in zip(self.begins, [*self.begins[1:], len(samples)], strict=True)]


def runs(waveforms: Sequence[Array]) -> Iterator[slice]:
    """Which of them are done something to together: a long one alone, short ones as many as stay in the cache."""
    begin = length = 0
    for index, waveform in enumerate(waveforms):
        is_long = len(waveform) >= _LONG
        if begin < index and (is_long or length + len(waveform) > _MOST):
            yield slice(begin, index)
            begin, length = index, 0
        length += len(waveform)
        if is_long:
            yield slice(index, index + 1)
            begin, length = index + 1, 0
    if begin < len(waveforms):
        yield slice(begin, len(waveforms))


def segments(waveforms: Sequence[Array]) -> Iterator[Segments]:
    """All of them, none of which may be empty, in their order: a long one as it is, short ones together in a copy."""
    return (_joined(waveforms[run]) for run in runs(waveforms))


def _joined(waveforms: Sequence[Array]) -> Segments:
    """Of one run."""
    if len(waveforms[0]) >= _LONG:
        return Segments(waveforms[0], [0])
    begins = [0]
    for waveform in waveforms[:-1]:
        begins.append(begins[-1] + len(waveform))
    return Segments(np.concatenate(waveforms), begins)
