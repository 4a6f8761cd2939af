"""One clip to its stored samples, or to the reason why not. Whatever goes wrong costs this clip only."""

import os
from dataclasses import dataclass
from typing import Any

import numpy as np

from pipelines import audio, synthesis
from pipelines.audio import Extent, LevelMeter, Levels, Samples
from pipelines.clip import Clip, stamp_of
from pipelines.config import PrepareConfig
from pipelines.quality import STEP, Quality, QualityMeter
from pipelines.reading import read
from pipelines.recording import Recording, Undecodable
from pipelines.status import Rejected, Status

_LOWEST_HZ, _HIGHEST_HZ = 100, 10_000_000  # beyond, a header is damaged and resampling would not end
_FIRST_SAMPLES = 2**18  # what room is made for at first: 16 seconds at 16 kHz
_MOST_SAMPLES = 2**27  # 2 hours 20 minutes at 16 kHz: what a worker holds in its memory


@dataclass(frozen=True, kw_only=True)
class Decoded:
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
      meter: has heard the source; None where nothing was decoded.
    """

    status: Status
    reason: str = ""
    samples: Samples | None = None
    decoder: str | None = None
    source_rate: int | None = None
    source_channels: int | None = None
    source_format: str | None = None
    levels: Levels | None = None
    meter: QualityMeter | None = None

    @property
    def quality(self) -> Quality | None:
        """Of the source; None where nothing was decoded, or a sample is not finite."""
        return self.meter.quality() if self.meter else None


def decode_clip(clip: Clip, *, folder: str, config: PrepareConfig) -> Decoded:
    """Decodes, checks, resamples and quantises `clip`, whose source is relative to `folder`."""
    try:
        if config.corpus == "synthetic":
            return store(_rendered(clip, config), config)
        path = os.path.join(folder, clip.source)  # noqa: PTH118 - pathlib takes longer than some checks do
        _check_stamp(clip, path)
        _check_labels(clip, config)
        return read(
            path, lambda recording: store(recording, config), member=clip.member, start=clip.start, end=clip.end
        )
    except Rejected as verdict:
        return Decoded(status=verdict.status, reason=verdict.reason)
    except MemoryError:
        return Decoded(status="corrupt", reason="it asks for more memory than a worker has: its header is damaged")
    except Exception as error:
        return Decoded(status="corrupt", reason=f"the decoder failed: {_words(error)}")


def store(recording: Recording, config: PrepareConfig) -> Decoded:
    """Goes through a recording block by block, to what is stored of it or the reason why nothing is.

    Raises:
      Undecodable: its decoder stopped part-way.
    """
    known: dict[str, Any] = {
        "decoder": recording.decoder,
        "source_rate": recording.rate,
        "source_channels": recording.channels,
        "source_format": recording.format,
        "meter": recording.meter,
    }
    made = _Made(recording, config)
    try:
        samples = made.run()
    except Rejected as verdict:
        levels = made.meter.levels() if made.meter.length else None
        return Decoded(status=verdict.status, reason=verdict.reason, levels=levels, **known)
    except (Undecodable, MemoryError):
        raise
    except Exception as error:
        return Decoded(status="corrupt", reason=f"resampling failed: {_words(error)}", **known)
    return Decoded(
        status="kept",
        reason="; ".join(recording.notes),
        samples=samples,
        levels=made.meter.levels(),
        **known,
    )


class _Made:
    """What is made of a recording: its samples, measured on the way."""

    def __init__(self, recording: Recording, config: PrepareConfig) -> None:
        self._recording, self._config = recording, config
        self._samples = np.empty(_FIRST_SAMPLES, "<i2")
        self._stored = 0
        self._source = recording.meter.extent
        self.meter = LevelMeter()

    def run(self) -> Samples:
        check_rate(self._recording.rate)
        resampler = audio.Resampler(source_rate=self._recording.rate, target_rate=self._config.sample_rate)
        for block in self._recording.blocks:
            if not self._source.bad:
                self._append(resampler.push(block))
        check_finite(self._source)
        self._check_duration()
        self._append(resampler.end())
        self._check_swing()
        self._samples.resize(self._stored, refcheck=False)
        return self._samples

    def _append(self, block: audio.Waveform) -> None:
        if not len(block):
            return
        stored = self._stored + len(block)
        if stored > _MOST_SAMPLES:
            raise Rejected(
                "unsupported",
                f"more than {_MOST_SAMPLES} samples at {self._config.sample_rate} Hz, the limit: list spans of it",
            )
        if stored > len(self._samples):  # grows in place, where concatenating would take twice the memory
            self._samples.resize(stored + stored // 8, refcheck=False)
        self.meter.add(block)
        if not self.meter.is_finite():
            self.meter = LevelMeter()
            raise Rejected("non_finite", TOO_LARGE)
        audio.quantise(block, out=self._samples[self._stored : stored])
        self._stored = stored

    def _check_duration(self) -> None:
        length, rate = self._source.length, self._recording.rate
        duration_ms = 1000.0 * length / rate
        if not length or duration_ms < self._config.min_duration_ms:
            raise Rejected(
                "too_short",
                f"{duration_ms:.1f} ms long ({length} samples at {rate} Hz); "
                f"the shortest that is kept has {self._config.min_duration_ms:g} ms",
            )

    def _check_swing(self) -> None:
        swing = self._source.swing_db()
        if swing is None or swing < self._config.silence_db:
            peak = "digital silence or a constant" if swing is None else f"a peak of {swing:.1f} dB"
            raise Rejected(
                "silent",
                f"{peak} after averaging {self._recording.channels} channel(s) and removing the mean; "
                f"clips below {self._config.silence_db:g} dB are silent{_lost(self._recording.meter.quality())}",
            )


def _lost(source: Quality | None) -> str:
    if source is None or not source.scaling_lost or source.peak_db is None:
        return ""
    steps = round(10.0 ** (source.peak_db / 20.0) / STEP)
    return f"; its loudest sample is {steps} of 32768 steps: the scale was lost when it was written"


TOO_LARGE = "its samples are so large that resampling leaves the range of float32"


def check_rate(rate: int) -> None:
    """Raises `Rejected` for a rate (Hz) that cannot be."""
    if not _LOWEST_HZ <= rate <= _HIGHEST_HZ:
        raise Rejected(
            "corrupt", f"its header announces {rate} samples a second, outside {_LOWEST_HZ} to {_HIGHEST_HZ}"
        )


def check_finite(extent: Extent) -> None:
    """Raises `Rejected` for samples that are NaN or infinite."""
    if extent.bad:
        raise Rejected("non_finite", f"{extent.bad} of {extent.length} samples are NaN or infinite")


def _words(error: Exception) -> str:
    """What went wrong, without the path that some libraries put in front: ledgers name no machine."""
    return error.strerror or "" if isinstance(error, OSError) else f"{type(error).__name__}: {error}"


def _rendered(clip: Clip, config: PrepareConfig) -> Recording:
    rate, meter = config.sample_rate, QualityMeter(config.sample_rate)
    waveform = synthesis.render(clip.clip_id, config.synthetic, sample_rate=rate)
    meter.add(waveform[:, None], waveform)
    return Recording(
        rate=rate, channels=1, format="synthetic", decoder="synthesis", blocks=iter([waveform]), meter=meter
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
