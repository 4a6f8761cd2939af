"""What a recording is worth, measured on its channels as they are decoded, block by block.

A `QualityMeter` is given every block of float32 (frames, channels) before channels are averaged and the rate is
changed, for both hide defects: a dead channel, a band that was never recorded, a scale that was lost. It looks closely
at a few windows only, so that it costs a hundredth of decoding. Short recordings are measured many at once.
"""

import functools
import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from pipelines.audio import Block, Extent, Samples, Waveform, add_extents, decibels
from pipelines.segments import Segments, runs, segments

STEP = 2.0**-15  # of a 16-bit recording, full scale 1
LOST_STEPS = 4  # a recording in whole steps that has no louder sample: divided by 32768 once too often
LOST_GAIN_DB = 20.0  # above full scale: integers that were written as float

_FULL_SCALE = np.float32(1.0 - 1.5 * STEP)
_DEAD = 2e-4  # range of a channel that records nothing, -80 dB each way
_SOME = 64  # one frame of so many, looked at first
_STRIDE = 65_536  # frames between two windows of the spectrum
_WINDOW = 2_048
_AT_ONCE = 8  # windows that are transformed together: of 64, which leave the cache, each takes three times as long
_BANDS = 64
_QUARTER = _WINDOW // 2 // _BANDS // 4
_BLACKMAN_HARRIS = (0.35875, -0.48829, 0.14128, -0.01168)
_TILT = np.square(
    np.arange(1.0, _BANDS + 1.0)
)  # 6 dB an octave, as most sounds fall, so that rumble is not the measure
_BELOW_PEAK = 10.0**-6.5  # what a band has at least, of the strongest when both are tilted
_ABOVE_STEPS = 10.0  # ... and of the noise of rounding to 16 bits, dithered or not
_SILENT_MS = 20.0
_STILL = 2  # steps between the highest and the lowest sample of a silent frame


Power = np.ndarray[tuple[int], np.dtype[np.float32]]


class Quality(NamedTuple):
    """Of a source before it is mixed and resampled.

    Attributes:
      peak_db: the loudest sample of any channel, in dB re full scale; None for digital silence.
      dc_offset: mean over frames and channels, full scale 1.
      swing_db: the loudest sample of the mean of the channels after removing its mean over time, in dB re full
        scale; None for a constant.
      full_scale_share: share of frames in which a channel is at full scale or beyond, 0 to 1.
      bandwidth_hz: upper edge of the highest of 64 equal bands with content, more than 70 dB below the strongest
        band being none, nor the rounding noise of 16 bits; None for digital silence.
      dead_channels: channels that stay within -80 dB of a constant while another does not.
      scaling_lost: no sample above 4 steps of 16 bits, and all of them whole steps; or integers kept as floats.
    """

    peak_db: float | None
    swing_db: float | None
    dc_offset: float
    full_scale_share: float
    bandwidth_hz: float | None
    dead_channels: int
    scaling_lost: bool


class QualityMeter:
    """Accumulates the quality of a recording of `rate` Hz; its blocks may have any lengths.

    Every block is given to `add_channels`, and the mean of its channels to `add_waveforms`, later if need be.
    `extent` is of that mean.
    """

    def __init__(self, rate: int) -> None:
        self.extent = Extent()
        self._rate = rate
        self._at_full_scale = 0
        self._peak = 0.0
        self._dead: dict[int, tuple[float, float]] = {}
        self._channels = 0
        self._whole_steps = True
        self._windows: list[Waveform] = []
        self._power: Power | None = None
        self._energy = 0.0
        self._due = 0

    def is_measured(self) -> bool:
        """Whether there is a sample, and all of them are finite."""
        return bool(self.extent.length) and not self.extent.bad and math.isfinite(self._peak)

    @np.errstate(over="ignore", invalid="ignore")  # what is not finite is rejected elsewhere
    def add_channels(self, block: Block) -> None:
        """The next frames, best while the processor's caches have them; of one channel their waveform says it all."""
        if not self._channels:
            self._channels = block.shape[1]
            self._dead = dict.fromkeys(range(self._channels), (np.inf, -np.inf)) if self._channels > 1 else {}
        if self._channels > 1:
            self._add(block, float(block.min()), float(block.max()))

    def _add(self, block: Block, low: float, high: float) -> None:
        """The next frames and their extremes."""
        peak = max(-low, high)
        self._peak = peak if peak > self._peak or math.isnan(peak) else self._peak
        if peak >= _FULL_SCALE:
            self._at_full_scale += _frames_at_full_scale(block)
        if self._dead:
            for part in (block[::_SOME], block):  # nearly every channel has a sound in the first
                self._dead = {channel: found for channel, found in self._listen(part) if found[1] - found[0] <= _DEAD}
        if self._whole_steps:
            self._whole_steps = _in_few_steps(block, peak)

    def _quality(self, bandwidth_hz: float | None) -> Quality:
        peak_db = decibels(self._peak)
        return Quality(
            peak_db=peak_db,
            dc_offset=self.extent.sum / self.extent.length,
            swing_db=self.extent.swing_db(),
            full_scale_share=self._at_full_scale / self.extent.length,
            bandwidth_hz=bandwidth_hz,
            dead_channels=len(self._dead) if len(self._dead) < self._channels else 0,
            scaling_lost=peak_db is not None and (self._whole_steps or peak_db > LOST_GAIN_DB),
        )

    def _listen(self, block: Block) -> list[tuple[int, tuple[float, float]]]:
        """Channel and its range so far, of those that had no sound yet."""
        return [
            (channel, (min(low, float(block[:, channel].min())), max(high, float(block[:, channel].max()))))
            for channel, (low, high) in self._dead.items()
        ]

    def _look(self, mono: Waveform) -> None:
        """Once every `_STRIDE` frames, whatever the blocks."""
        while self._due < len(mono):
            self._look_at(mono[self._due : self._due + _STRIDE])
            self._due += _STRIDE
        self._due -= len(mono)

    def _look_at(self, mono: Waveform) -> None:
        """Takes the window around the loudest of every 16th sample."""
        loudest = 16 * int(np.abs(mono[::16]).argmax())
        begin = max(0, min(loudest - _WINDOW // 2, len(mono) - _WINDOW))
        window = mono[begin : begin + _WINDOW]
        taper, energy = _taper(len(window))
        tapered = np.zeros(_WINDOW, np.float32)
        np.multiply(window, taper, out=tapered[: len(window)])
        self._windows.append(tapered)
        self._energy += energy
        if len(self._windows) == _AT_ONCE:
            _transform([self])

    def _give_windows(self) -> list[Waveform]:
        windows, self._windows = self._windows, []
        return windows

    def _add_power(self, power: Power) -> None:
        self._power = power if self._power is None else self._power + power


@np.errstate(over="ignore", invalid="ignore")
def add_waveforms(meters: Sequence[QualityMeter], waveforms: Sequence[Waveform]) -> None:
    """For each meter the mean of the channels of its next frames, which are not empty."""
    for run in runs(waveforms):  # the second look at a long one, sample by sample, finds it in the cache
        extremes = add_extents([meter.extent for meter in meters[run]], waveforms[run])
        for meter, waveform, (low, high) in zip(meters[run], waveforms[run], extremes, strict=True):
            meter._look(waveform)
            if meter._channels == 1:
                meter._add(waveform[:, None], low, high)


@np.errstate(over="ignore", invalid="ignore")
def qualities(meters: Sequence[QualityMeter]) -> list[Quality | None]:
    """Of all blocks so far, for each meter; None without any, or where a sample is not finite."""
    measured = [meter for meter in meters if meter.is_measured()]
    bandwidths = iter(_bandwidths(measured) if measured else ())
    return [meter._quality(next(bandwidths)) if meter.is_measured() else None for meter in meters]


def _transform(meters: Sequence[QualityMeter]) -> None:
    """Adds the power spectra of the windows that were taken."""
    taken = [(meter, window) for meter in meters for window in meter._give_windows()]
    for begin in range(0, len(taken), _AT_ONCE):
        some = taken[begin : begin + _AT_ONCE]
        spectra = np.fft.rfft(np.array([window for _, window in some]))[:, 1:]
        for (meter, _), power in zip(some, np.square(spectra.real) + np.square(spectra.imag), strict=True):
            meter._add_power(power)


def _bandwidths(meters: Sequence[QualityMeter]) -> list[float | None]:
    _transform(meters)
    # The lower quartile leaves out a single line, such as the whistle of a screen at 15.6 kHz, 8 of 16 bins wide.
    power = np.array([meter._power for meter in meters]).reshape(len(meters), _BANDS, -1)
    bands = np.partition(power, _QUARTER, axis=2)[:, :, _QUARTER]
    tilted = bands * _TILT
    noise = np.array([_ABOVE_STEPS * meter._energy * STEP**2 / 12.0 for meter in meters], np.float32)
    heard = (bands > noise[:, None]) & (tilted > _BELOW_PEAK * tilted.max(axis=1, keepdims=True))
    edges = np.where(heard.any(axis=1), _BANDS - heard[:, ::-1].argmax(axis=1), 0).tolist()
    return [edge / _BANDS * meter._rate / 2.0 if edge else None for meter, edge in zip(meters, edges, strict=True)]


def silent_shares(several: Sequence[Samples], *, rate: int) -> list[float]:
    """Of each stored waveform the share of the 20 ms frames that stay within one step of a constant, 0 to 1.

    What is left at the end counts only where there is no whole frame.
    """
    length = max(1, round(_SILENT_MS * rate / 1000.0))
    return [share for some in segments(several) for share in _silent_shares(some, length)]


def _silent_shares(some: Segments, length: int) -> list[float]:
    ends = [*some.begins[1:], len(some.samples)]
    frames = [np.arange(begin, end, length) for begin, end in zip(some.begins, ends, strict=True)]
    begins = np.concatenate(frames)
    lowest, highest = np.minimum.reduceat(some.samples, begins), np.maximum.reduceat(some.samples, begins)
    still = (np.subtract(highest, lowest, dtype=np.int32) <= _STILL).tolist()
    shares, first = [], 0
    for begin, end, starts in zip(some.begins, ends, frames, strict=True):
        count = max((end - begin) // length, 1)
        shares.append(sum(still[first : first + count]) / count)
        first += len(starts)
    return shares


@functools.cache
def _taper(length: int) -> tuple[Waveform, float]:
    """A Blackman-Harris window, whose side lobes lie 92 dB below, and the sum of its squares."""
    turns = 2.0 * np.pi * (np.arange(length) + 0.5) / length
    waves = np.cos(np.outer(np.arange(len(_BLACKMAN_HARRIS)), turns))
    taper = np.dot(_BLACKMAN_HARRIS, waves).astype(np.float32)
    return taper, float(np.sum(np.square(taper, dtype=np.float64)))


def _frames_at_full_scale(block: Block) -> int:
    beyond = (block >= _FULL_SCALE) | (block <= -_FULL_SCALE)
    return int(np.count_nonzero(functools.reduce(np.logical_or, beyond.T)))  # by columns: any(axis=1) takes far longer


def _in_few_steps(block: Block, peak: float) -> bool:
    if peak > LOST_STEPS * STEP:
        return False
    scaled = block / np.float32(STEP)
    return bool(np.array_equal(scaled, np.rint(scaled)))
