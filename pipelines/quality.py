"""What a recording is worth, measured on its channels as they are decoded, block by block.

A `QualityMeter` is given every block of float32 (frames, channels) before channels are averaged and the rate is
changed, for both hide defects: a dead channel, a band that was never recorded, a scale that was lost. It looks closely
at a few windows only, so that it costs a hundredth of decoding.
"""

import functools
from dataclasses import dataclass

import numpy as np

from pipelines.audio import Extent, Samples, Waveform, decibels

Block = np.ndarray[tuple[int, int], np.dtype[np.float32]]

STEP = 2.0**-15  # of a 16-bit recording, full scale 1
LOST_STEPS = 4  # a recording in whole steps that has no louder sample: divided by 32768 once too often
LOST_GAIN_DB = 20.0  # above full scale: integers that were written as float

_FULL_SCALE = np.float32(1.0 - 1.5 * STEP)
_DEAD = 2e-4  # range of a channel that records nothing, -80 dB each way
_SOME = 64  # one frame of so many, looked at first
_STRIDE = 65_536  # frames between two windows of the spectrum
_WINDOW = 2_048
_AT_ONCE = 8  # windows that are transformed together
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


@dataclass(frozen=True, kw_only=True)
class Quality:
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
    """Accumulates the quality of a recording of `rate` Hz; the blocks may have any lengths.

    `extent` is of the mean of the channels.
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
        self._power: np.ndarray[tuple[int], np.dtype[np.float32]] | None = None
        self._energy = 0.0
        self._due = 0

    @np.errstate(over="ignore", invalid="ignore")  # what is not finite is rejected elsewhere
    def add(self, block: Block, mono: Waveform) -> None:
        """Takes the next frames, and the mean of their channels."""
        if not len(block):
            return
        if not self.extent.length:
            self._channels = block.shape[1]
            self._dead = dict.fromkeys(range(self._channels), (np.inf, -np.inf)) if self._channels > 1 else {}
        self._look(mono)
        low, high = self.extent.add(mono)
        if self._channels > 1:
            low, high = float(block.min()), float(block.max())
        peak = max(-low, high)
        self._peak = peak if peak > self._peak or np.isnan(peak) else self._peak
        if peak >= _FULL_SCALE:
            self._at_full_scale += _frames_at_full_scale(block)
        if self._dead:
            for part in (block[::_SOME], block):  # nearly every channel has a sound in the first
                self._dead = {channel: found for channel, found in self._listen(part) if found[1] - found[0] <= _DEAD}
        if self._whole_steps:
            self._whole_steps = _in_few_steps(block, peak)

    @np.errstate(over="ignore", invalid="ignore")
    def quality(self) -> Quality | None:
        """Of all blocks so far; None without any, or where a sample is not finite."""
        if not self.extent.length or self.extent.bad or not np.isfinite(self._peak):
            return None
        peak_db = decibels(self._peak)
        return Quality(
            peak_db=peak_db,
            dc_offset=self.extent.sum / self.extent.length,
            swing_db=self.extent.swing_db(),
            full_scale_share=self._at_full_scale / self.extent.length,
            bandwidth_hz=self._bandwidth(),
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
        done = self.extent.length
        while self._due < done + len(mono):
            begin = self._due - done
            self._look_at(mono[begin : begin + _STRIDE])
            self._due += _STRIDE

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
            self._transform()

    def _transform(self) -> None:
        """Adds the power spectra of the windows that were taken."""
        spectra = np.fft.rfft(np.array(self._windows))[:, 1:]
        self._windows.clear()
        for power in np.square(spectra.real) + np.square(spectra.imag):
            self._power = power if self._power is None else self._power + power

    def _bandwidth(self) -> float | None:
        if self._windows:
            self._transform()
        if self._power is None or not self._energy:
            return None
        # The lower quartile leaves out a single line, such as the whistle of a screen at 15.6 kHz, 8 of 16 bins wide.
        bands = np.partition(self._power.reshape(_BANDS, -1), _QUARTER, axis=1)[:, _QUARTER]
        tilted = bands * _TILT
        noise = _ABOVE_STEPS * self._energy * STEP**2 / 12.0
        heard = np.flatnonzero((bands > noise) & (tilted > _BELOW_PEAK * tilted.max()))
        return float((heard[-1] + 1) / _BANDS * self._rate / 2.0) if len(heard) else None


def measure(waveform: Waveform, *, rate: int) -> Quality | None:
    """The quality of a mono waveform [samples] at `rate` Hz."""
    meter = QualityMeter(rate)
    meter.add(waveform[:, None], waveform)
    return meter.quality()


def silent_share(samples: Samples, *, rate: int) -> float:
    """Share of the 20 ms frames of a stored waveform that stay within one step of a constant, 0 to 1."""
    length = max(1, round(_SILENT_MS * rate / 1000.0))
    whole = len(samples) // length * length
    frames = samples[:whole].reshape(-1, length) if whole else samples[None]
    moved = frames[:, 0] - frames[:, frames.shape[1] // 3]  # may wrap; of a still frame it is small, of few others
    slow = frames[(moved >= -_STILL) & (moved <= _STILL)]
    if not len(slow):
        return 0.0
    ranges = slow.max(axis=1).astype(np.int32) - slow.min(axis=1)
    return float(np.count_nonzero(ranges <= _STILL) / len(frames))


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
