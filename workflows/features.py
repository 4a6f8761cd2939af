"""Recordings to features: one stage decodes them, another one has the front end."""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from infra.stage import run_stage
from pipelines.requests import Waveforms, WaveformsRequest
from training.requests import (
    FeatureFile,
    FeatureFormat,
    Featurized,
    FeaturizeRequest,
    FrontendSource,
    WaveformFile,
)


@dataclass(frozen=True, kw_only=True)
class Features:
    """What became of the recordings.

    Attributes:
      written: those that have features, in the order given.
      failed: recording -> why it has none.
      ignored: other files in the folders.
    """

    written: tuple[FeatureFile, ...]
    failed: dict[str, str]
    ignored: int


def featurize(
    source: FrontendSource,
    recordings: tuple[Path, ...],
    *,
    folder: Path,
    file_format: FeatureFormat,
    pictures: bool,
    on_line: Callable[[str], None],
    on_progress: Callable[[int, int, str], None],
) -> Features:
    """Writes features below `folder`; the waveforms lie in a hidden folder there meanwhile.

    Raises:
      ValueError: no recordings, or a front end that cannot be made.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".waveforms-", dir=folder) as waveforms:
        asked = WaveformsRequest(
            recordings=tuple(map(str, recordings)), sample_rate=source.sample_rate, folder=waveforms
        )
        decoded = run_stage("pipelines.waveforms", asked, Waveforms, on_line=on_line, on_progress=on_progress)
        request = FeaturizeRequest(
            source=source,
            recordings=tuple(
                WaveformFile(
                    name=waveform.name,
                    path=waveform.path,
                    source=waveform.source,
                    seconds=waveform.seconds,
                    note="; ".join(filter(None, (waveform.described, waveform.note))),
                )
                for waveform in decoded.decoded
            ),
            folder=str(folder),
            format=file_format,
            pictures=pictures,
        )
        done = Featurized(written=(), failed={})
        if decoded.decoded:
            done = run_stage("training.featurize", request, Featurized, on_line=on_line, on_progress=on_progress)
    rejected = {clip.clip_id: f"{clip.status}: {clip.reason}" for clip in decoded.rejected}
    return Features(written=done.written, failed={**rejected, **done.failed}, ignored=decoded.ignored)
