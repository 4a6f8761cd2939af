"""From a recording to stored samples: decode, average the channels, resample, quantise; and levels.

Waveforms are float32 [samples], full scale is [-1, 1).
"""

import math
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np
import soundfile
import soxr

DECODER = f"libsndfile {soundfile.__libsndfile_version__}"
_BLOCK_FRAMES = 16_384  # small enough for a processor's cache
_TRUSTED_SAMPLES = 2**22  # of an announced length; more is believed when it comes
_FULL_SCALE = 32_768

Waveform = np.ndarray[tuple[int], np.dtype[np.float32]]
Samples = np.ndarray[tuple[int], np.dtype[np.int16]]


@dataclass(frozen=True, kw_only=True)
class Recording:
    """A decoded span of a file: its mono waveform at the file's own rate (Hz), and what the file is."""

    waveform: Waveform
    rate: int
    channels: int
    format: str
    announced_frames: int


@dataclass(frozen=True, kw_only=True)
class Levels:
    """Of a waveform, in dB re full scale (None for digital silence), and the share of samples that clip."""

    peak_db: float | None
    rms_db: float | None
    clipped_share: float


def read_mono(source: bytes | BinaryIO, *, start: float | None = None, end: float | None = None) -> Recording:
    """Decodes a file, given by path or open, from `start` to `end` seconds; averages its channels.

    Raises:
      soundfile.LibsndfileError: libsndfile cannot open it, or stops part-way.
    """
    with _Sequential(source) as file:
        first = round((start or 0.0) * file.samplerate)
        wanted = None if end is None else max(0, round(end * file.samplerate) - first)
        if first:
            file.seek(min(first, file.frames))
        return Recording(
            waveform=_read_blocks(file, wanted),
            rate=file.samplerate,
            channels=file.channels,
            format=f"{file.format}/{file.subtype}",
            announced_frames=file.frames,
        )


def resampled_length(length: int, *, source_rate: int, target_rate: int) -> int:
    """Samples after resampling: ceil(length * target_rate / source_rate)."""
    return -(-length * target_rate // source_rate)


def resample(waveform: Waveform, *, source_rate: int, target_rate: int) -> Waveform:
    """Resamples with soxr at its HQ setting to exactly `resampled_length` samples.

    The recording is taken as silent after its end, so that the last sample is a sample of it too.
    """
    if source_rate == target_rate:
        return waveform
    length = resampled_length(len(waveform), source_rate=source_rate, target_rate=target_rate)
    tail = np.zeros(math.ceil(source_rate / target_rate), np.float32)
    resampled = soxr.resample(np.concatenate([waveform, tail]), source_rate, target_rate, quality="HQ")
    return np.asarray(resampled[:length], np.float32)


@np.errstate(over="ignore")
def quantise(waveform: Waveform) -> Samples:
    """int16 = round(x * 32768), clipped; exact for a waveform that was 16 bits."""
    scaled = np.rint(waveform * np.float32(_FULL_SCALE))
    clipped: Samples = np.clip(scaled, -_FULL_SCALE, _FULL_SCALE - 1).astype("<i2")
    return clipped


@np.errstate(over="ignore")
def measure_levels(waveform: Waveform) -> Levels:
    """Peak, root mean square and clipped share of a waveform that is not empty."""
    scaled = np.rint(waveform * np.float32(_FULL_SCALE))
    clipped = (scaled < -_FULL_SCALE) | (scaled > _FULL_SCALE - 1)
    return Levels(
        peak_db=decibels(float(np.max(np.abs(waveform)))),
        rms_db=decibels(float(np.sqrt(np.mean(np.square(waveform, dtype=np.float64))))),
        clipped_share=float(np.mean(clipped)),
    )


def is_finite(waveform: Waveform) -> bool:
    """Whether no sample is NaN or infinite: the extremes tell, without a mask as long as the waveform."""
    return not len(waveform) or (math.isfinite(waveform.max()) and math.isfinite(waveform.min()))


def swing_db(waveform: Waveform) -> float | None:
    """Peak after removing the mean, in dB re full scale; None for a constant waveform."""
    mean = np.mean(waveform, dtype=np.float64)
    return decibels(float(max(waveform.max() - mean, mean - waveform.min())))


def decibels(amplitude: float) -> float | None:
    """20 log10 of an amplitude re full scale; None for zero."""
    return 20.0 * math.log10(amplitude) if amplitude > 0.0 else None


class _Sequential(soundfile.SoundFile):  # type: ignore[misc]
    """A file that is read on from where it is.

    soundfile seeks to where it already is after every read of a file that can: MP3 decodes wrongly behind such
    a seek, by up to 3 % of full scale, and Ogg and FLAC search for the place.
    """

    def seekable(self) -> bool:
        return False


@np.errstate(over="ignore")  # the caller rejects what is not finite
def _read_blocks(file: Any, wanted: int | None) -> Waveform:
    left = file.frames - file.tell()
    left = left if wanted is None else min(left, wanted)
    block = np.empty((_BLOCK_FRAMES, file.channels), np.float32)
    waveform = np.empty(max(0, min(left, _TRUSTED_SAMPLES)), np.float32)
    length = 0
    while length < left and len(read := file.read(out=block[: left - length])):
        if length + len(read) > len(waveform):
            waveform = np.concatenate([waveform, np.empty_like(waveform)])
        _mix(read, waveform[length : length + len(read)])
        length += len(read)
    return waveform[:length]


def _mix(block: np.ndarray[tuple[int, int], np.dtype[np.float32]], mono: Waveform) -> None:
    """The mean over the channels, into `mono`. By columns: mean(axis=1) takes four times as long."""
    mono[:] = block[:, 0]
    for channel in range(1, block.shape[1]):
        mono += block[:, channel]
    if block.shape[1] > 1:
        mono /= np.float32(block.shape[1])
