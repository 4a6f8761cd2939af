"""A shard and its ledger part from its clips, in their order; the same bytes wherever it is done."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from infra.files import TEMPORARY_SUFFIX, atomic_writer
from pipelines import examples, ledger
from pipelines.audio import Samples
from pipelines.clip import Clip, printable
from pipelines.config import PrepareConfig
from pipelines.decoding import Decoded, decode_clips, read_clip
from pipelines.isolation import Verdict
from pipelines.quality import silent_shares
from pipelines.shards import ShardWriter
from pipelines.sound import Sound
from pipelines.tasks import ShardTask, read_clips

_MOST_CLIPS, _MOST_SAMPLES = 64, 2**21  # 8 MB: what is read before it is stored


class _Read(NamedTuple):
    item: int
    clip: Clip
    found: Sound | Decoded


class _Stored(NamedTuple):
    """What a row says of a clip that is in a shard, and of no other."""

    silent_share: float | None = None
    sha256: str | None = None
    shard: str | None = None
    record: int | None = None
    waveform_offset: int | None = None


@dataclass(frozen=True, kw_only=True)
class MakeShardTask:
    """What a child process does to make a shard.

    Attributes:
      shard: what the worker was told.
      config: of the preparation.
      folder: that sources are relative to.
      labels: class names, in the order of their numbers.
    """

    shard: ShardTask
    config: PrepareConfig
    folder: str
    labels: tuple[str, ...]

    @cached_property
    def clips(self) -> tuple[Clip, ...]:
        """Those of the shard, in their order."""
        return read_clips(Path(self.shard.clips_path))

    @cached_property
    def sizes(self) -> list[int]:
        """Bytes of each clip's source."""
        return [clip.stamp.num_bytes if clip.stamp else 0 for clip in self.clips]

    def run(self, at: Callable[[int], None], verdicts: Mapping[int, Verdict]) -> None:
        """Writes the file, and last its part: done means both are there. Doing it again gives the same bytes."""
        path = Path(self.shard.path)
        with atomic_writer(path) as stream:
            writer = ShardWriter(stream)
            rows = store_clips(
                self.clips,
                writer,
                shard=path.name,
                folder=self.folder,
                labels=self.labels,
                config=self.config,
                at=at,
                verdicts=verdicts,
            )
        ledger.write_part(Path(self.shard.part_path), rows, writer.card(path.name))

    def clean(self) -> None:
        """Removes the temporary files of a process that was killed here."""
        for path in (Path(self.shard.path), Path(self.shard.part_path)):
            for left in path.parent.glob(f".{path.name}.*{TEMPORARY_SUFFIX}"):
                left.unlink(missing_ok=True)


def store_clips(
    clips: Iterable[Clip],
    writer: ShardWriter,
    *,
    shard: str,
    folder: str,
    labels: Sequence[str],
    config: PrepareConfig,
    at: Callable[[int], None] = lambda item: None,
    verdicts: Mapping[int, Verdict] = MappingProxyType({}),
) -> list[ledger.Row]:
    """Appends the records of the clips that are kept; returns the rows of all.

    Args:
      clips: in the order of their records.
      writer: of a shard.
      shard: its name.
      folder: that sources are relative to.
      labels: class names, in the order of their numbers.
      config: of the preparation.
      at: is told which clip something is done to alone: each when it is read, and again when it is
        resampled; of several that are resampled together the first.
      verdicts: on clips that are not touched.
    """
    positions = {label: position for position, label in enumerate(labels)}
    rows: list[ledger.Row] = []
    read = (_read(item, clip, folder, config, at, verdicts.get(item)) for item, clip in enumerate(clips))
    for several in _several(read):
        decoded = decode_clips([one.found for one in several], _behind(at, several))
        rows += _add([one.clip for one in several], decoded, writer, shard, positions, config.sample_rate)
    return rows


def _read(
    item: int, clip: Clip, folder: str, config: PrepareConfig, at: Callable[[int], None], verdict: Verdict | None
) -> _Read:
    at(item)
    if verdict:
        return _Read(item, clip, Decoded(status=verdict.status, reason=verdict.reason))
    return _Read(item, clip, read_clip(clip, folder=folder, config=config))


def _behind(at: Callable[[int], None], several: Sequence[_Read]) -> Callable[[int], None]:
    return lambda index: at(several[index].item)


def _several(found: Iterable[_Read]) -> Iterator[list[_Read]]:
    """The same, a few at a time, in one list that is emptied before the next are read: they may be long."""
    waiting: list[_Read] = []
    samples = 0
    for read in found:
        waiting.append(read)
        samples += read.found.num_samples if isinstance(read.found, Sound) else 0
        if len(waiting) == _MOST_CLIPS or samples >= _MOST_SAMPLES:
            yield waiting
            waiting.clear()
            samples = 0
    yield waiting


def _add(
    clips: Sequence[Clip],
    every: Sequence[Decoded],
    writer: ShardWriter,
    shard: str,
    positions: Mapping[str, int],
    sample_rate: int,
) -> list[ledger.Row]:
    """Each step is done for all of them before the next.

    In turn with others it would find the processor's caches cold, and take twice as long for a clip of half a second.
    """
    kept = [(clip, found.samples) for clip, found in zip(clips, every, strict=True) if found.samples is not None]
    shares = silent_shares([samples for _, samples in kept], rate=sample_rate)
    hashes = [hashlib.sha256(samples.data).hexdigest() for _, samples in kept]
    places = [_append(clip, samples, writer, positions, sample_rate) for clip, samples in kept]
    stored = (_Stored(share, sha256, shard, *at) for share, sha256, at in zip(shares, hashes, places, strict=True))
    return [
        _row(clip, found, _Stored() if found.samples is None else next(stored))
        for clip, found in zip(clips, every, strict=True)
    ]


def _append(
    clip: Clip, samples: Samples, writer: ShardWriter, positions: Mapping[str, int], sample_rate: int
) -> tuple[int, int]:
    """Which record of the shard it is, and where its waveform begins in the file."""
    record = examples.Record(
        clip_id=clip.clip_id,
        group=clip.group,
        labels=tuple(positions[label] for label in clip.labels),
        sample_rate=sample_rate,
        samples=samples,
    )
    head, waveform = examples.encode_parts(record)
    return writer.records, writer.write(head, waveform) + len(head)


def _row(clip: Clip, decoded: Decoded, stored: _Stored) -> ledger.Row:
    samples, levels, quality = decoded.samples, decoded.levels, decoded.quality
    return ledger.Row(
        clip_id=clip.clip_id,
        split=clip.split,
        group=clip.group,
        labels=clip.labels,
        source=printable(clip.source),
        member=None if clip.member is None else printable(clip.member),
        start=clip.start,
        end=clip.end,
        status=decoded.status,
        reason=decoded.reason,
        decoder=decoded.decoder,
        source_rate=decoded.source_rate,
        source_channels=decoded.source_channels,
        source_format=decoded.source_format,
        num_samples=None if samples is None else len(samples),
        peak_db=levels.peak_db if levels else None,
        rms_db=levels.rms_db if levels else None,
        clipped_share=levels.clipped_share if levels else None,
        silent_share=stored.silent_share,
        source_peak_db=quality.peak_db if quality else None,
        dc_offset=quality.dc_offset if quality else None,
        full_scale_share=quality.full_scale_share if quality else None,
        bandwidth_hz=quality.bandwidth_hz if quality else None,
        dead_channels=quality.dead_channels if quality else None,
        scaling_lost=quality.scaling_lost if quality else None,
        sha256=stored.sha256,
        shard=stored.shard,
        record=stored.record,
        waveform_offset=stored.waveform_offset,
    )
