"""The Beam half: one element is one shard, made by one worker from its clips, one after another.

No waveform leaves the worker that decoded it, so memory is one clip per worker and the bytes depend on no
runner. A worker killed part-way leaves a temporary file, and its shard is made again.
"""

import hashlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import apache_beam as beam

from infra.files import atomic_writer
from infra.memory import keep_freed_memory
from infra.stage import report_progress
from pipelines import examples, ledger
from pipelines.clip import Clip, printable
from pipelines.config import PrepareConfig
from pipelines.decoding import Decoded, decode_clip
from pipelines.plan import Shard, cannot_write
from pipelines.shards import ShardWriter


@dataclass(frozen=True, kw_only=True)
class ShardTask:
    """A shard to make and where its file and its ledger part go; all that a worker is told."""

    shard: Shard
    path: str
    part_path: str


class MakeShards(beam.PTransform):  # type: ignore[misc]
    """Shard tasks to the names of the shards that were made."""

    def __init__(self, *, config: PrepareConfig, folder: str, labels: tuple[str, ...]) -> None:
        super().__init__()
        self._make = MakeShard(config=config, folder=folder, labels=labels)

    def expand(self, tasks: "beam.PCollection[ShardTask]") -> "beam.PCollection[str]":
        """Spreads the tasks over the workers, then makes one shard at a time on each."""
        return tasks | "spread shards" >> beam.Reshuffle() | "make shard" >> beam.ParDo(self._make)


class MakeShard(beam.DoFn):  # type: ignore[misc]
    """Decodes the clips of a shard, writes its file, and last its ledger part: done means both are there."""

    def __init__(self, *, config: PrepareConfig, folder: str, labels: tuple[str, ...]) -> None:
        super().__init__()
        self._config = config
        self._folder = folder
        self._positions = {label: position for position, label in enumerate(labels)}

    def setup(self) -> None:
        """Once for each worker."""
        keep_freed_memory()

    def process(self, task: ShardTask) -> Iterator[str]:
        """Makes one shard; making it again gives the same bytes."""
        path = Path(task.path)
        try:
            with atomic_writer(path) as stream:
                writer = ShardWriter(stream)
                rows = [self._add(clip, writer, path.name) for clip in task.shard.clips]
            ledger.write_part(Path(task.part_path), rows, writer.card(path.name))
        except OSError as error:
            raise cannot_write(path, error) from error
        PROGRESS.advance()
        yield path.name

    def _add(self, clip: Clip, writer: ShardWriter, shard: str) -> ledger.Row:
        decoded = decode_clip(clip, folder=self._folder, config=self._config)
        if decoded.samples is None:
            return _row(clip, decoded)
        record = examples.Record(
            clip_id=clip.clip_id,
            group=clip.group,
            labels=tuple(self._positions[label] for label in clip.labels),
            sample_rate=self._config.sample_rate,
            samples=decoded.samples,
        )
        payload, waveform_begin = examples.encode(record)
        position = writer.records
        offset = writer.write(payload) + waveform_begin
        return _row(clip, decoded, shard=shard, record=position, waveform_offset=offset)


class Progress:
    """Counts shards across the threads of the local runner; elsewhere each worker process has its own."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._done = self._total = 0
        self._started = False

    def start(self, *, done: int, total: int) -> None:
        """Reports from `done` on; before this call nothing is reported."""
        with self._lock:
            self._done, self._total, self._started = done, total, True
            report_progress(done, total, "shards")

    def advance(self) -> None:
        """One shard more."""
        with self._lock:
            self._done += 1
            if self._started:
                report_progress(self._done, self._total, "shards")


PROGRESS = Progress()


def _row(
    clip: Clip,
    decoded: Decoded,
    *,
    shard: str | None = None,
    record: int | None = None,
    waveform_offset: int | None = None,
) -> ledger.Row:
    samples, levels = decoded.samples, decoded.levels
    return ledger.Row(
        clip_id=clip.clip_id,
        split=clip.split,
        group=clip.group,
        labels=clip.labels,
        source=printable(clip.source),
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
        sha256=None if samples is None else hashlib.sha256(samples.tobytes()).hexdigest(),
        shard=shard,
        record=record,
        waveform_offset=waveform_offset,
    )
