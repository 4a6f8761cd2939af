"""One clip to its stored samples, or to the reason why not. Whatever goes wrong costs this clip only."""

import os
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import soundfile

from pipelines import audio, flac, mpeg, synthesis
from pipelines.audio import Levels, Recording, Samples, Waveform
from pipelines.clip import Clip, stamp_of
from pipelines.config import PrepareConfig
from pipelines.containers import HEAD_BYTES, container_of, describe
from pipelines.integrity import check_whole
from pipelines.status import Rejected, Status

_LOWEST_HZ, _HIGHEST_HZ = 100, 10_000_000  # beyond, a header is damaged and resampling would not end
_MOST_SAMPLES = 2**30 - 2**20  # a record is a protobuf message, which has less than 2 GiB


@dataclass(frozen=True, kw_only=True)
class Decoded:
    """What became of a clip.

    Attributes:
      status: kept, or why not; `reason` says it in a sentence (empty when kept).
      samples: int16 [samples] mono at the configured rate; None unless kept.
      decoder: library and version, or "synthesis"; None where nothing was decoded, as the rest.
      source_rate: of the file, in Hz.
      source_channels: of the file.
      source_format: e.g. "WAV/PCM_16".
      levels: of the stored waveform before it was quantised; of the source for rejected clips.
    """

    status: Status
    reason: str = ""
    samples: Samples | None = None
    decoder: str | None = None
    source_rate: int | None = None
    source_channels: int | None = None
    source_format: str | None = None
    levels: Levels | None = None


def decode_clip(clip: Clip, *, folder: str, config: PrepareConfig) -> Decoded:
    """Decodes, checks, resamples and quantises `clip`, whose source is relative to `folder`."""
    try:
        recording, decoder = _read(clip, folder, config)
    except Rejected as verdict:
        return Decoded(status=verdict.status, reason=verdict.reason)
    except Exception as error:
        return Decoded(status="corrupt", reason=f"the decoder failed: {_words(error)}")
    known = Decoded(
        status="kept",
        decoder=decoder,
        source_rate=recording.rate,
        source_channels=recording.channels,
        source_format=recording.format,
    )
    try:
        return _finish(known, recording, config)
    except Rejected as verdict:
        return replace(known, status=verdict.status, reason=verdict.reason, levels=_source_levels(recording))
    except Exception as error:
        reason = f"resampling failed: {_words(error)}"
        return replace(known, status="corrupt", reason=reason)


def _read(clip: Clip, folder: str, config: PrepareConfig) -> tuple[Recording, str]:
    if not clip.labels:
        raise Rejected("unlabelled", "the file lies in no class folder: move it into one, or give a table")
    if config.corpus == "synthetic":
        return _rendered(clip, config), "synthesis"
    path = Path(folder, clip.source)
    _check_stamp(clip, str(path))
    return read_recording(path, start=clip.start, end=clip.end), audio.DECODER


def read_recording(path: Path, *, start: float | None = None, end: float | None = None) -> Recording:
    """Decodes the file at `path`, from `start` to `end` seconds, if it is whole.

    Raises:
      Rejected: it is no audio that libsndfile reads, or damaged.
    """
    head = _head(path)
    container = container_of(head)
    check_whole(path, container)
    try:
        stream = mpeg.with_length(path) if container == "MP3" else None
        recording = audio.read_mono(stream or os.fsencode(path), start=start, end=end)
    except soundfile.LibsndfileError as error:
        raise _verdict(error, path, head) from None
    if end is None and container == "FLAC":
        _check_frames(recording, start or 0.0)
    return recording


def resampled(recording: Recording, *, sample_rate: int) -> Waveform:
    """The recording's waveform at `sample_rate` [Hz], float32 [samples].

    Raises:
      Rejected: an impossible rate, or samples that are not finite.
    """
    _check_rate(recording)
    _check_finite(recording)
    waveform = audio.resample(recording.waveform, source_rate=recording.rate, target_rate=sample_rate)
    if not audio.is_finite(waveform):
        raise Rejected("non_finite", "its samples are so large that resampling leaves the range of float32")
    return waveform


def _words(error: Exception) -> str:
    """What went wrong, without the path that some libraries put in front: ledgers name no machine."""
    if isinstance(error, soundfile.LibsndfileError):
        return str(error.error_string)
    return error.strerror or "" if isinstance(error, OSError) else f"{type(error).__name__}: {error}"


def _rendered(clip: Clip, config: PrepareConfig) -> Recording:
    waveform = synthesis.render(clip.clip_id, config.synthetic, sample_rate=config.sample_rate)
    return Recording(
        waveform=waveform,
        rate=config.sample_rate,
        channels=1,
        format="synthetic",
        announced_frames=len(waveform),
    )


def _check_stamp(clip: Clip, path: str) -> None:
    now = stamp_of(path)
    if now is None:
        raise Rejected("missing", "the corpus lists it, and there is no such file")
    if now != clip.stamp:
        raise Rejected("changed", f"the file changed after it was listed ({clip.stamp}, now {now}): run again")
    if now.num_bytes == 0:
        raise Rejected("empty", "the file has 0 bytes")


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            return stream.read(HEAD_BYTES)
    except OSError as error:
        raise Rejected("missing", f"the file cannot be read: {error.strerror}") from error


def _check_frames(recording: Recording, start: float) -> None:
    announced = recording.announced_frames - round(start * recording.rate)
    if len(recording.waveform) < announced:
        raise Rejected("truncated", f"the file announces {announced} samples and has {len(recording.waveform)}")


def _verdict(error: soundfile.LibsndfileError, path: Path, head: bytes) -> Rejected:
    container = container_of(head)
    if container is None or container == "MP4":
        return Rejected("unsupported", f"the file is {describe(head)}")
    if "unimplemented" in error.error_string:
        return Rejected("unsupported", f"{container} with a coding that libsndfile does not read: {_words(error)}")
    if container == "FLAC" and flac.stops_at_the_end(path):
        return Rejected("truncated", f"the file has {path.stat().st_size} bytes and ends within a FLAC frame")
    return Rejected("corrupt", f"begins as {container}, and the decoder stops: {_words(error)}")


def _finish(known: Decoded, recording: Recording, config: PrepareConfig) -> Decoded:
    _check_sound(recording, config)
    _check_length(recording, config)
    waveform = resampled(recording, sample_rate=config.sample_rate)
    return replace(known, samples=audio.quantise(waveform), levels=audio.measure_levels(waveform))


def _check_sound(recording: Recording, config: PrepareConfig) -> None:
    _check_rate(recording)
    length = len(recording.waveform)
    duration_ms = 1000.0 * length / recording.rate
    if not length or duration_ms < config.min_duration_ms:
        raise Rejected(
            "too_short",
            f"{duration_ms:.1f} ms long ({length} samples at {recording.rate} Hz); "
            f"the shortest that is kept has {config.min_duration_ms:g} ms",
        )
    _check_finite(recording)
    swing = audio.swing_db(recording.waveform)
    if swing is None or swing < config.silence_db:
        peak = "digital silence or a constant" if swing is None else f"a peak of {swing:.1f} dB"
        raise Rejected(
            "silent",
            f"{peak} after averaging {recording.channels} channel(s) and removing the mean; "
            f"clips below {config.silence_db:g} dB are silent",
        )


def _check_rate(recording: Recording) -> None:
    if not _LOWEST_HZ <= recording.rate <= _HIGHEST_HZ:
        raise Rejected(
            "corrupt",
            f"its header announces {recording.rate} samples a second, outside {_LOWEST_HZ} to {_HIGHEST_HZ}",
        )


def _check_finite(recording: Recording) -> None:
    if not audio.is_finite(recording.waveform):
        length = len(recording.waveform)
        bad = length - int(np.count_nonzero(np.isfinite(recording.waveform)))
        raise Rejected("non_finite", f"{bad} of {length} samples are NaN or infinite")


def _check_length(recording: Recording, config: PrepareConfig) -> None:
    length = audio.resampled_length(len(recording.waveform), source_rate=recording.rate, target_rate=config.sample_rate)
    if length > _MOST_SAMPLES:
        raise Rejected(
            "unsupported",
            f"{length} samples at {config.sample_rate} Hz; a record holds {_MOST_SAMPLES}: cut the recording",
        )


def _source_levels(recording: Recording) -> Levels | None:
    waveform = recording.waveform
    return audio.measure_levels(waveform) if len(waveform) and audio.is_finite(waveform) else None
