"""Clips to their stored samples, or to the reason why not. Whatever goes wrong costs one clip only."""

import os
from collections.abc import Callable, Sequence
from typing import NamedTuple

from pipelines import synthesis
from pipelines.audio import Levels, Samples
from pipelines.clip import Clip, stamp_of
from pipelines.config import PrepareConfig
from pipelines.quality import Quality, qualities
from pipelines.reading import read
from pipelines.recording import Recording
from pipelines.sound import NO_MEMORY, Sound, finish, take
from pipelines.status import Rejected, Status, words


class Decoded(NamedTuple):
    """What became of a clip.

    Attributes:
      status: kept, or why not.
      reason: why not, in a sentence; of a kept clip what was odd about its file, most often nothing.
      samples: int16 [samples] mono at the configured rate; None unless kept.
      decoder: library and version, or "synthesis"; None where nothing was decoded, as the rest.
      source_rate: of the file, in Hz.
      source_channels: of the file.
      source_format: e.g. "WAV/PCM_16".
      levels: of the resampled waveform before it was quantised, also of a rejected clip that got so far.
      quality: of the source; None where nothing was decoded, or a sample is not finite.
    """

    status: Status
    reason: str = ""
    samples: Samples | None = None
    decoder: str | None = None
    source_rate: int | None = None
    source_channels: int | None = None
    source_format: str | None = None
    levels: Levels | None = None
    quality: Quality | None = None


def read_clip(clip: Clip, *, folder: str, config: PrepareConfig) -> Sound | Decoded:
    """Reads `clip`, whose source is relative to `folder`."""
    try:
        if config.corpus == "synthetic":
            return take(_rendered(clip, config), config)
        path = os.path.join(folder, clip.source)  # noqa: PTH118 - pathlib takes longer than some checks do
        _check_stamp(clip, path)
        _check_labels(clip, config)
        return read(path, lambda recording: take(recording, config), member=clip.member, start=clip.start, end=clip.end)
    except Rejected as verdict:
        return Decoded(status=verdict.status, reason=verdict.reason)
    except MemoryError:
        return Decoded(status="corrupt", reason=NO_MEMORY)
    except Exception as error:
        return Decoded(status="corrupt", reason=f"the decoder failed: {words(error)}")


def decode_clips(found: Sequence[Sound | Decoded], at: Callable[[int], None] = lambda index: None) -> list[Decoded]:
    """What becomes of clips that were read; `at` is told which is resampled, of several the first."""
    sounds = {index: sound for index, sound in enumerate(found) if isinstance(sound, Sound)}
    places = list(sounds)
    finish(list(sounds.values()), lambda index: at(places[index]))
    of_sources = iter(qualities([sound.meter for sound in sounds.values()]))
    return [_decoded(one, next(of_sources)) if isinstance(one, Sound) else one for one in found]


def decode_clip(clip: Clip, *, folder: str, config: PrepareConfig) -> Decoded:
    """What becomes of one clip, whose source is relative to `folder`."""
    (decoded,) = decode_clips([read_clip(clip, folder=folder, config=config)])
    return decoded


def _decoded(sound: Sound, quality: Quality | None) -> Decoded:
    verdict, recording = sound.verdict, sound.recording
    return Decoded(
        status=verdict.status if verdict else "kept",
        reason=verdict.reason if verdict else "; ".join(recording.notes),
        samples=sound.samples,
        decoder=recording.decoder,
        source_rate=recording.rate,
        source_channels=recording.channels,
        source_format=recording.format,
        levels=sound.level_meter.levels() if sound.level_meter.length else None,
        quality=quality,
    )


def _rendered(clip: Clip, config: PrepareConfig) -> Recording:
    waveform = synthesis.render(clip.clip_id, config.synthetic, sample_rate=config.sample_rate)
    return Recording(
        rate=config.sample_rate,
        channels=1,
        format="synthetic",
        decoder="synthesis",
        blocks=iter([waveform[:, None]]),
    )


def _check_labels(clip: Clip, config: PrepareConfig) -> None:
    if not clip.labels and config.corpus in ("folder", "webdataset"):  # elsewhere it is a clip of none of the classes
        raise Rejected("unlabelled", "the file lies in no class folder: move it into one, or give a table")


def _check_stamp(clip: Clip, path: str) -> None:
    now = stamp_of(path)
    if now is None:
        raise Rejected("missing", "the corpus lists it, and there is no such file")
    if clip.stamp is None and clip.member is not None:
        raise Rejected("missing", "the archive has a place for it, and no recording there")
    if now != clip.stamp:
        raise Rejected("changed", f"the file changed after it was listed ({clip.stamp}, now {now}): run again")
