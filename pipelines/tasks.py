"""What a worker is told: where a shard goes, and the file that lists its clips.

Clips do not go through the runner: two million of them took Beam's local runner several GB and minutes before the first
was decoded. Their files are in the snapshot's folder, which every worker can write, and go with the ledger's parts.
"""

import gzip
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from infra.files import TEMPORARY_SUFFIX, atomic_writer
from pipelines.clip import Clip, Stamp
from pipelines.config import PrepareConfig
from pipelines.isolation import Verdict
from pipelines.plan import Plan, Shard

TASKS_NAME = "tasks"


@dataclass(frozen=True, kw_only=True)
class ShardTask:
    """A shard to make and where its file and its ledger part go; all that a worker is told.

    Attributes:
      path: of the file.
      part_path: of the ledger part.
      clips_path: of the list of its clips.
      config: of the preparation.
      folder: that sources are relative to.
      labels: class names, in the order of their numbers.
    """

    path: str
    part_path: str
    clips_path: str
    config: PrepareConfig
    folder: str
    labels: tuple[str, ...]

    @cached_property
    def sizes(self) -> list[int]:
        """Bytes of each clip's source."""
        return [clip.stamp.num_bytes if clip.stamp else 0 for clip in read_clips(Path(self.clips_path))]

    def run(self, at: Callable[[int], None], verdicts: Mapping[int, Verdict]) -> None:
        """Writes the file, and last its part: done means both are there. Doing it again gives the same bytes."""
        from pipelines.making import make_shard  # who hands out tasks needs no decoder

        make_shard(self, read_clips(Path(self.clips_path)), at, verdicts)

    def clean(self) -> None:
        """Removes the temporary files of a process that was killed here."""
        for path in (Path(self.path), Path(self.part_path)):
            for left in path.parent.glob(f".{path.name}.*{TEMPORARY_SUFFIX}"):
                left.unlink(missing_ok=True)


def write_tasks(plan: Plan, shards: Iterable[Shard]) -> list[ShardTask]:
    """Writes the clips of `shards` to files below the plan's folder."""
    folder = plan.folder / TASKS_NAME
    folder.mkdir(parents=True, exist_ok=True)
    tasks = []
    for shard in shards:
        task = ShardTask(
            path=str(plan.folder / shard.name),
            part_path=str(plan.part_path(shard)),
            clips_path=str(folder / f"{shard.name}.json.gz"),
            config=plan.config,
            folder=plan.listed.folder,
            labels=plan.labels,
        )
        write_clips(Path(task.clips_path), shard.clips)
        tasks.append(task)
    return tasks


def write_clips(path: Path, clips: Iterable[Clip]) -> None:
    """Writes clips in their order; JSON keeps names that are not UTF-8."""
    text = json.dumps([_values(clip) for clip in clips], separators=(",", ":"))
    with atomic_writer(path) as stream:
        stream.write(gzip.compress(text.encode(), 1, mtime=0))


def read_clips(path: Path) -> tuple[Clip, ...]:
    """The inverse of `write_clips`."""
    return tuple(map(_clip, json.loads(gzip.decompress(path.read_bytes()))))


def _values(clip: Clip) -> list[object]:
    stamp = clip.stamp and [clip.stamp.num_bytes, clip.stamp.mtime_ns]
    return [clip.clip_id, clip.source, clip.labels, clip.split, clip.group, clip.start, clip.end, stamp, clip.member]


def _clip(values: Sequence[Any]) -> Clip:
    clip_id, source, labels, split, group, start, end, stamp, member = values
    return Clip(
        clip_id=clip_id,
        source=source,
        labels=tuple(labels),
        split=split,
        group=group,
        start=start,
        end=end,
        stamp=stamp and Stamp(*stamp),
        member=member,
    )
