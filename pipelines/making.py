"""A shard and its ledger part from its clips, one after another; the same bytes wherever it is done."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from infra.files import TEMPORARY_SUFFIX, atomic_writer
from pipelines import examples, ledger
from pipelines.audio import Samples
from pipelines.clip import Clip, printable
from pipelines.config import PrepareConfig
from pipelines.decoding import Decoded, decode_clip
from pipelines.isolation import Verdict
from pipelines.quality import Quality, silent_share
from pipelines.shards import ShardWriter
from pipelines.tasks import ShardTask, read_clips

_MOST_CLIPS, _MOST_SAMPLES = 32, 2**21  # 4 MB: what is decoded before it is stored


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
    def sizes(self) -> list[int]:
        """Bytes of each clip's source."""
        return [clip.stamp.num_bytes if clip.stamp else 0 for clip in read_clips(Path(self.shard.clips_path))]

    def run(self, at: Callable[[int], None], verdicts: Mapping[int, Verdict]) -> None:
        """Writes the file, and last its part: done means both are there. Doing it again gives the same bytes."""
        path = Path(self.shard.path)
        positions = {label: position for position, label in enumerate(self.labels)}
        rows: list[ledger.Row] = []
        with atomic_writer(path) as stream:
            writer = ShardWriter(stream)
            for several in _several(self._decoded(at, verdicts)):
                rows += add_clips(
                    several, writer, shard=path.name, positions=positions, sample_rate=self.config.sample_rate
                )
        ledger.write_part(Path(self.shard.part_path), rows, writer.card(path.name))

    def _decoded(self, at: Callable[[int], None], verdicts: Mapping[int, Verdict]) -> Iterator[tuple[Clip, Decoded]]:
        for item, clip in enumerate(read_clips(Path(self.shard.clips_path))):
            at(item)
            verdict = verdicts.get(item)
            if verdict:
                yield clip, Decoded(status=verdict.status, reason=verdict.reason)
            else:
                yield clip, decode_clip(clip, folder=self.folder, config=self.config)

    def clean(self) -> None:
        """Removes the temporary files of a process that was killed here."""
        for path in (Path(self.shard.path), Path(self.shard.part_path)):
            for left in path.parent.glob(f".{path.name}.*{TEMPORARY_SUFFIX}"):
                left.unlink(missing_ok=True)


def _several(decoded: Iterable[tuple[Clip, Decoded]]) -> Iterator[list[tuple[Clip, Decoded]]]:
    """The same, a few at a time."""
    waiting: list[tuple[Clip, Decoded]] = []
    samples = 0
    for clip, found in decoded:
        waiting.append((clip, found))
        samples += 0 if found.samples is None else len(found.samples)
        if len(waiting) == _MOST_CLIPS or samples >= _MOST_SAMPLES:
            yield waiting
            waiting, samples = [], 0
    yield waiting


def add_clips(
    several: Sequence[tuple[Clip, Decoded]],
    writer: ShardWriter,
    *,
    shard: str,
    positions: Mapping[str, int],
    sample_rate: int,
) -> list[ledger.Row]:
    """Appends the records of the clips that are kept; returns the rows of all.

    Each step is done for all of them before the next: in turn with others, or with decoding, it would find the
    processor's caches cold, and take twice as long for a clip of half a second.
    """
    every = [decoded for _, decoded in several]
    qualities = [decoded.quality for decoded in every]
    shares = [None if found.samples is None else silent_share(found.samples, rate=sample_rate) for found in every]
    hashes = [None if found.samples is None else hashlib.sha256(found.samples.data).hexdigest() for found in every]
    places = [
        (None, None, None)
        if found.samples is None
        else (shard, *_append(clip, found.samples, writer, positions, sample_rate))
        for clip, found in several
    ]
    clips = [clip for clip, _ in several]
    return list(map(_row, clips, every, qualities, shares, hashes, places))


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


def _row(
    clip: Clip,
    decoded: Decoded,
    quality: Quality | None,
    silent: float | None,
    sha256: str | None,
    place: tuple[str | None, int | None, int | None],
) -> ledger.Row:
    samples, levels = decoded.samples, decoded.levels
    shard, record, waveform_offset = place
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
        silent_share=silent,
        source_peak_db=quality.peak_db if quality else None,
        dc_offset=quality.dc_offset if quality else None,
        full_scale_share=quality.full_scale_share if quality else None,
        bandwidth_hz=quality.bandwidth_hz if quality else None,
        dead_channels=quality.dead_channels if quality else None,
        scaling_lost=quality.scaling_lost if quality else None,
        sha256=sha256,
        shard=shard,
        record=record,
        waveform_offset=waveform_offset,
    )
