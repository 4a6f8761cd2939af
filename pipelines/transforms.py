"""The Beam half: one element is one shard, made by one worker from its clips, one after another.

No waveform leaves the worker that decoded it, so memory is a few short clips or one long one per worker, and the bytes
depend on no runner. A worker killed part-way leaves a temporary file, and its shard is made again.
"""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import apache_beam as beam

from infra.memory import keep_freed_memory
from infra.stage import report_progress
from pipelines.config import PrepareConfig
from pipelines.isolation import CHILDREN
from pipelines.making import MakeShardTask
from pipelines.plan import cannot_write
from pipelines.tasks import ShardTask


class MakeShards(beam.PTransform):  # type: ignore[misc]
    """Shard tasks to the names of the shards that were made.

    Arguments are those of `MakeShardTask` that all shards have in common.
    """

    def __init__(self, *, config: PrepareConfig, folder: str, labels: tuple[str, ...]) -> None:
        super().__init__()
        self._common = {"config": config, "folder": folder, "labels": labels}

    def expand(self, tasks: "beam.PCollection[ShardTask]") -> "beam.PCollection[str]":
        """Spreads the tasks over the workers, then makes one shard at a time on each."""
        return tasks | "spread shards" >> beam.Reshuffle() | "make shard" >> beam.ParDo(MakeShard(self._common))


class MakeShard(beam.DoFn):  # type: ignore[misc]
    """Has a shard made by a child process, as recordings may crash what decodes them; ours are made here."""

    def __init__(self, common: dict[str, Any]) -> None:
        self._common = common

    def setup(self) -> None:
        """Once for each worker."""
        keep_freed_memory()

    def process(self, task: ShardTask) -> Iterator[str]:
        """Makes one shard; making it again gives the same bytes."""
        path = Path(task.path)
        try:
            make = MakeShardTask(shard=task, **self._common)
            if make.config.corpus == "synthetic":
                make.run(lambda item: None, {})
            else:
                CHILDREN.run(make)
        except OSError as error:
            raise cannot_write(path, error) from error
        PROGRESS.advance()
        yield path.name


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
