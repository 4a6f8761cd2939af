"""From blocks of samples to stored ones: average the channels, resample, measure, quantise.

Waveforms are float32 [samples], full scale is [-1, 1). All of it goes block by block, so that an hour takes no more
memory than a second, and gives the same samples whatever the blocks.
"""

import functools
import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import soxr

from pipelines.segments import segments

_FULL_SCALE = 32_768
_TINY = 1e-20
_QUALITY = "HQ"
_PIECE = 2**16  # samples that soxr is given at a time: of a whole clip it takes a fifth longer on some processors
_PAIRS = 8  # of rates whose streams are kept

Waveform = np.ndarray[tuple[int], np.dtype[np.float32]]
Samples = np.ndarray[tuple[int], np.dtype[np.int16]]
Block = np.ndarray[tuple[int, int], np.dtype[np.float32]]  # [samples, channels]


class Levels(NamedTuple):
    """Of a waveform, in dB re full scale (None for digital silence), and the share of samples that clip."""

    peak_db: float | None
    rms_db: float | None
    clipped_share: float


def resampled_length(length: int, *, source_rate: int, target_rate: int) -> int:
    """Samples after resampling: ceil(length * target_rate / source_rate)."""
    return -(-length * target_rate // source_rate)


def resample(waveform: Waveform, *, source_rate: int, target_rate: int) -> Waveform:
    """A whole waveform through a `Resampler`; at equal rates the waveform itself."""
    resampler = Resampler(source_rate=source_rate, target_rate=target_rate)
    return _joined([*resampler.pieces(waveform), resampler.end()])


def resample_together(waveforms: Sequence[Waveform], *, source_rate: int, target_rate: int) -> list[Waveform]:
    """Each as `resample` gives it alone, in less time where they are short: soxr designs its filters once for all."""
    lengths = [len(waveform) for waveform in waveforms]
    channels = np.zeros((len(waveforms), max(lengths) + _silence(source_rate, target_rate)), np.float32)
    for channel, waveform, length in zip(channels, waveforms, lengths, strict=True):
        channel[:length] = waveform
    resampled = soxr.resample(channels.T, source_rate, target_rate, quality=_QUALITY)
    return [
        waveform[: resampled_length(length, source_rate=source_rate, target_rate=target_rate)]
        for waveform, length in zip(resampled.T, lengths, strict=True)
    ]


def _silence(source_rate: int, target_rate: int) -> int:
    """Samples of silence behind a recording, so that the last sample after resampling is a sample of it too."""
    return math.ceil(source_rate / target_rate)


class Resampler:
    """Resamples with soxr at its HQ setting, block by block, to exactly `resampled_length` samples.

    The recording is taken as silent after its end.
    """

    def __init__(self, *, source_rate: int, target_rate: int) -> None:
        self._source_rate, self._target_rate = source_rate, target_rate
        self._idle = _idle_streams(source_rate, target_rate)
        self._stream: soxr.ResampleStream | None = None
        self._last = np.zeros(0, np.float32)  # waits for the end: a short clip is resampled in one go
        self._pushed = self._returned = 0

    def push(self, block: Waveform) -> Waveform:
        """What can be said of the waveform after one block more, which must stay as it is; at equal rates the block."""
        return _joined(self.pieces(block))

    def pieces(self, block: Waveform) -> list[Waveform]:
        """The same one behind the other, not copied together."""
        self._pushed += len(block)
        if self._source_rate == self._target_rate or not len(block):
            return [block]
        *pieces, last = (block[at : at + _PIECE] for at in range(0, len(block), _PIECE))
        found = [self._on(piece) for piece in (self._last, *pieces) if len(piece)]
        self._last = last
        self._returned += sum(map(len, found))
        return found

    def end(self) -> Waveform:
        """The rest; after it nothing can be pushed."""
        source_rate, target_rate = self._source_rate, self._target_rate
        left = resampled_length(self._pushed, source_rate=source_rate, target_rate=target_rate) - self._returned
        if source_rate == target_rate or not left:
            return self._last[:0]
        silence = np.zeros(_silence(source_rate, target_rate), np.float32)
        stream, self._stream = self._open(), None
        rest: Waveform = stream.resample_chunk(np.concatenate([self._last, silence]), last=True)
        stream.clear()
        self._idle.append(stream)
        return rest[:left]

    def _on(self, piece: Waveform) -> Waveform:
        self._stream = self._open()
        resampled: Waveform = self._stream.resample_chunk(piece)
        return resampled

    def _open(self) -> soxr.ResampleStream:
        if self._stream is not None:
            return self._stream
        try:
            return self._idle.pop()
        except IndexError:
            return soxr.ResampleStream(self._source_rate, self._target_rate, 1, quality=_QUALITY)


def _joined(pieces: Sequence[Waveform]) -> Waveform:
    some = [piece for piece in pieces if len(piece)]
    if len(some) == 1:
        return some[0]
    return np.concatenate(some) if some else np.zeros(0, np.float32)


@functools.lru_cache(_PAIRS)
def _idle_streams(source_rate: int, target_rate: int) -> list[soxr.ResampleStream]:  # noqa: ARG001 - key
    """Streams between two rates that were cleared: they are as new, sooner than a new one."""
    return []


def quantise_all(waveforms: Sequence[Waveform]) -> list[Samples]:
    """Each as `quantise` does it; none is empty."""
    return [samples for some in segments(waveforms) for samples in some.split(quantise(some.samples))]


@np.errstate(over="ignore")
def quantise(waveform: Waveform, *, out: Samples | None = None) -> Samples:
    """int16 = round(x * 32768), clipped; exact for a waveform that was 16 bits. `out` takes it, if given."""
    scaled = waveform * np.float32(_FULL_SCALE)
    np.rint(scaled, out=scaled)
    np.clip(scaled, -_FULL_SCALE, _FULL_SCALE - 1, out=scaled)
    if out is None:
        return scaled.astype("<i2")
    out[:] = scaled
    return out


class LevelMeter:
    """Measures a waveform block by block, as it is stored."""

    def __init__(self) -> None:
        self.length = 0
        self._low, self._high = math.inf, -math.inf
        self._squares = 0.0
        self._clipped = 0

    def _add(self, block: Waveform, low: float, high: float, squares: float) -> None:
        self.length += len(block)
        self._low, self._high = min(self._low, low), max(self._high, high)
        in_range = _TINY < squares < math.inf
        self._squares += squares if in_range else float(np.sum(np.square(block, dtype=np.float64)))
        if self._high * _FULL_SCALE > _FULL_SCALE - 1 or self._low < -1.0:
            scaled = np.rint(block * np.float32(_FULL_SCALE))
            self._clipped += int(np.count_nonzero((scaled < -_FULL_SCALE) | (scaled > _FULL_SCALE - 1)))

    def is_finite(self) -> bool:
        """Whether all samples so far are."""
        # The squares too: `min` and `max` let a NaN pass that comes after a number.
        return not self.length or all(map(math.isfinite, (self._low, self._high, self._squares)))

    def levels(self) -> Levels:
        """Peak, root mean square and clipped share; the waveform is not empty."""
        return Levels(
            peak_db=decibels(max(self._high, -self._low)),
            rms_db=decibels(math.sqrt(self._squares / self.length)),
            clipped_share=self._clipped / self.length,
        )


@np.errstate(over="ignore", under="ignore", invalid="ignore")
def add_levels(meters: Sequence[LevelMeter], blocks: Sequence[Waveform]) -> None:
    """One block more for each of some meters; none is empty."""
    measured = _measured(blocks, of=np.square)  # in float32, five times as quick, where nothing is out of range
    for meter, block, found in zip(meters, blocks, measured, strict=True):
        meter._add(block, *found)


class Extent:
    """What is to be known of a source before it is resampled: its length, and how far it swings.

    `bad` counts samples that are not finite.
    """

    def __init__(self) -> None:
        self.length = self.bad = 0
        self.sum = 0.0
        self._low, self._high = math.inf, -math.inf

    def _add(self, block: Waveform, low: float, high: float, added: float) -> None:
        self.length += len(block)
        if math.isfinite(low) and math.isfinite(high):
            self._low, self._high = min(self._low, low), max(self._high, high)
            # Exact enough: the steps of 16 bits are a thousand times larger.
            self.sum += added if math.isfinite(added) else float(np.sum(block, dtype=np.float64))
        else:
            self.bad += len(block) - int(np.count_nonzero(np.isfinite(block)))

    def swing_db(self) -> float | None:
        """Peak after removing the mean, in dB re full scale; None for a constant."""
        if self._low >= self._high:
            return None
        mean = self.sum / self.length
        return decibels(max(self._high - mean, mean - self._low))


@np.errstate(over="ignore", invalid="ignore")
def add_extents(extents: Sequence[Extent], blocks: Sequence[Waveform]) -> list[tuple[float, float]]:
    """One block more for each of some extents, none empty; the smallest and the largest sample of each block."""
    measured = _measured(blocks, of=np.asarray)
    for extent, block, found in zip(extents, blocks, measured, strict=True):
        extent._add(block, *found)
    return [(low, high) for low, high, _ in measured]


def _measured(blocks: Sequence[Waveform], *, of: Callable[[Waveform], Waveform]) -> list[tuple[float, float, float]]:
    """The smallest and the largest sample of each block, and the sum of what is made of its samples."""
    return [
        found
        for some in segments(blocks)
        for found in zip(some.lowest(), some.highest(), some.sums(of(some.samples)), strict=True)
    ]


def swing_db(waveform: Waveform) -> float | None:
    """Of a whole waveform that is not empty, as `Extent` has it."""
    extent = Extent()
    add_extents([extent], [waveform])
    return extent.swing_db()


def decibels(amplitude: float) -> float | None:
    """20 log10 of an amplitude re full scale; None for zero."""
    return 20.0 * math.log10(amplitude) if amplitude > 0.0 else None


def mono(block: Block) -> Waveform:
    """The mean of the channels of float32 [samples, channels]; of one channel a view."""
    # Sum by columns: mean(axis=1) over two interleaved channels takes four times as long.
    channels = block.shape[1]
    if channels == 1:
        return block[:, 0]
    with np.errstate(over="ignore"):  # the caller rejects what is not finite
        mixed: Waveform = functools.reduce(np.add, block.T)
    mixed /= np.float32(channels)
    return mixed
