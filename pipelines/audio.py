"""From blocks of samples to stored ones: average the channels, resample, measure, quantise.

Waveforms are float32 [samples], full scale is [-1, 1). All of it goes block by block, so that an hour takes no more
memory than a second, and gives the same samples whatever the blocks.
"""

import functools
import math
from dataclasses import dataclass

import numpy as np
import soxr

_FULL_SCALE = 32_768
_TINY = 1e-20
_COLUMNS = 4_096
_QUALITY = "HQ"
_PIECE = 2**15  # samples that soxr is given at a time: of a whole clip it takes a fifth longer
_PAIRS = 8  # of rates whose streams are kept

Waveform = np.ndarray[tuple[int], np.dtype[np.float32]]
Samples = np.ndarray[tuple[int], np.dtype[np.int16]]


@dataclass(frozen=True, kw_only=True)
class Levels:
    """Of a waveform, in dB re full scale (None for digital silence), and the share of samples that clip."""

    peak_db: float | None
    rms_db: float | None
    clipped_share: float


def resampled_length(length: int, *, source_rate: int, target_rate: int) -> int:
    """Samples after resampling: ceil(length * target_rate / source_rate)."""
    return -(-length * target_rate // source_rate)


def resample(waveform: Waveform, *, source_rate: int, target_rate: int) -> Waveform:
    """A whole waveform through a `Resampler`."""
    resampler = Resampler(source_rate=source_rate, target_rate=target_rate)
    return np.concatenate([resampler.push(waveform), resampler.end()])


class Resampler:
    """Resamples with soxr at its HQ setting, block by block, to exactly `resampled_length` samples.

    The recording is taken as silent after its end, so that the last sample is a sample of it too.
    """

    def __init__(self, *, source_rate: int, target_rate: int) -> None:
        self._source_rate, self._target_rate = source_rate, target_rate
        self._idle = _idle_streams(source_rate, target_rate)
        self._stream: soxr.ResampleStream | None = None
        self._last = np.zeros(0, np.float32)  # waits for the end: a short clip is resampled in one go
        self._pushed = self._returned = 0

    def push(self, block: Waveform) -> Waveform:
        """What can be said of the waveform after one block more; at equal rates the block itself."""
        self._pushed += len(block)
        if self._source_rate == self._target_rate or not len(block):
            return block
        *pieces, last = (block[at : at + _PIECE] for at in range(0, len(block), _PIECE))
        found = [self._on(piece) for piece in (self._last, *pieces) if len(piece)]
        self._last = last.copy()
        resampled = np.concatenate(found) if found else self._last[:0]
        self._returned += len(resampled)
        return resampled

    def end(self) -> Waveform:
        """The rest; after it nothing can be pushed."""
        source_rate, target_rate = self._source_rate, self._target_rate
        left = resampled_length(self._pushed, source_rate=source_rate, target_rate=target_rate) - self._returned
        if source_rate == target_rate or not left:
            return self._last[:0]
        silence = np.zeros(math.ceil(source_rate / target_rate), np.float32)
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


@functools.lru_cache(_PAIRS)
def _idle_streams(source_rate: int, target_rate: int) -> list[soxr.ResampleStream]:  # noqa: ARG001 - key
    """Streams between two rates that were cleared: they are as new, sooner than a new one."""
    return []


@np.errstate(over="ignore")
def quantise(waveform: Waveform, *, out: Samples | None = None) -> Samples:
    """int16 = round(x * 32768), clipped; exact for a waveform that was 16 bits. `out` takes it, if given."""
    scaled = waveform * np.float32(_FULL_SCALE)
    np.rint(scaled, out=scaled)
    np.maximum(scaled, -_FULL_SCALE, out=scaled)  # np.clip takes several times as long for a short clip
    np.minimum(scaled, _FULL_SCALE - 1, out=scaled)
    if out is None:
        return scaled.astype("<i2")
    out[:] = scaled
    return out


class LevelMeter:
    """Measures a waveform block by block, as it is stored."""

    def __init__(self) -> None:
        self.length = 0
        self.low, self.high = math.inf, -math.inf
        self._squares = 0.0
        self._clipped = 0

    @np.errstate(over="ignore", under="ignore", invalid="ignore")
    def add(self, block: Waveform) -> None:
        """One block more."""
        if not len(block):
            return
        self.length += len(block)
        self.low, self.high = min(self.low, float(block.min())), max(self.high, float(block.max()))
        squares = _total(np.square(block))  # in float32, five times as quick, where nothing is out of range
        in_range = _TINY < squares < math.inf
        self._squares += squares if in_range else float(np.sum(np.square(block, dtype=np.float64)))
        if self.high * _FULL_SCALE > _FULL_SCALE - 1 or self.low < -1.0:
            scaled = np.rint(block * np.float32(_FULL_SCALE))
            self._clipped += int(np.count_nonzero((scaled < -_FULL_SCALE) | (scaled > _FULL_SCALE - 1)))

    def is_finite(self) -> bool:
        """Whether all samples so far are."""
        return not self.length or (math.isfinite(self.low) and math.isfinite(self.high))

    def levels(self) -> Levels:
        """Peak, root mean square and clipped share; the waveform is not empty."""
        return Levels(
            peak_db=decibels(max(self.high, -self.low)),
            rms_db=decibels(math.sqrt(self._squares / self.length)),
            clipped_share=self._clipped / self.length,
        )


class Extent:
    """What is to be known of a source before it is resampled: its length, and how far it swings."""

    def __init__(self) -> None:
        self.length = self.bad = 0
        self.sum = 0.0
        self._low, self._high = math.inf, -math.inf

    @np.errstate(over="ignore", invalid="ignore")
    def add(self, block: Waveform) -> tuple[float, float]:
        """One block more, whose smallest and largest sample come back; `bad` counts samples that are not finite."""
        self.length += len(block)
        low, high = float(block.min()), float(block.max())
        if math.isfinite(low) and math.isfinite(high):
            self._low, self._high = min(self._low, low), max(self._high, high)
            added = _total(block)  # exact enough: the steps of 16 bits are a thousand times larger
            self.sum += added if math.isfinite(added) else float(np.sum(block, dtype=np.float64))
        else:
            self.bad += len(block) - int(np.count_nonzero(np.isfinite(block)))
        return low, high

    def swing_db(self) -> float | None:
        """Peak after removing the mean, in dB re full scale; None for a constant."""
        if self._low >= self._high:
            return None
        mean = self.sum / self.length
        return decibels(max(self._high - mean, mean - self._low))


def _total(block: Waveform) -> float:
    """The sum in float32, not finite where that overflows. By columns it takes half as long, alike on any processor."""
    whole = len(block) // _COLUMNS * _COLUMNS
    rest = float(block[whole:].sum())
    return float(block[:whole].reshape(-1, _COLUMNS).sum(axis=0).sum()) + rest if whole else rest


def measure_levels(waveform: Waveform) -> Levels:
    """Of a whole waveform that is not empty."""
    meter = LevelMeter()
    meter.add(waveform)
    return meter.levels()


def swing_db(waveform: Waveform) -> float | None:
    """Of a whole waveform that is not empty, as `Extent` has it."""
    extent = Extent()
    extent.add(waveform)
    return extent.swing_db()


def decibels(amplitude: float) -> float | None:
    """20 log10 of an amplitude re full scale; None for zero."""
    return 20.0 * math.log10(amplitude) if amplitude > 0.0 else None


@np.errstate(over="ignore")  # the caller rejects what is not finite
def mono(block: np.ndarray[tuple[int, int], np.dtype[np.float32]]) -> Waveform:
    """The mean of the channels of float32 [samples, channels]; of one channel a view."""
    # Sum by columns: mean(axis=1) over two interleaved channels takes four times as long.
    channels = block.shape[1]
    if channels == 1:
        return block[:, 0]
    mixed: Waveform = functools.reduce(np.add, block.T)
    mixed /= np.float32(channels)
    return mixed
