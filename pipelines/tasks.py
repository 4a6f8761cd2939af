"""What a worker is told: where a shard goes, and the file that lists its clips.

Clips do not go through the runner: two million of them took Beam's local runner several GB and minutes before the first
was decoded. Their files are in the snapshot's folder, which every worker can write, and go with the ledger's parts.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.files import atomic_writer
from pipelines.clip import Clip, Stamp
from pipelines.plan import Plan, Shard

TASKS_NAME = "tasks"


@dataclass(frozen=True, kw_only=True)
class ShardTask:
    """Paths of a shard to make, of its ledger part, and of the list of its clips."""

    path: str
    part_path: str
    clips_path: str


def write_tasks(plan: Plan, shards: Iterable[Shard]) -> list[ShardTask]:
    """Writes the clips of `shards` to files below the plan's folder."""
    folder = plan.folder / TASKS_NAME
    folder.mkdir(parents=True, exist_ok=True)
    tasks = []
    for shard in shards:
        clips_path = folder / f"{shard.name}.json"
        write_clips(clips_path, shard.clips)
        task = ShardTask(
            path=str(plan.folder / shard.name), part_path=str(plan.part_path(shard)), clips_path=str(clips_path)
        )
        tasks.append(task)
    return tasks


def write_clips(path: Path, clips: Iterable[Clip]) -> None:
    """Writes clips in their order; JSON keeps names that are not UTF-8."""
    text = json.dumps(list(clips), separators=(",", ":"))
    with atomic_writer(path) as stream:
        stream.write(text.encode())


def read_clips(path: Path) -> tuple[Clip, ...]:
    """The inverse of `write_clips`."""
    return tuple(map(_clip, json.loads(path.read_bytes())))


def _clip(values: Sequence[Any]) -> Clip:
    clip_id, source, labels, split, group, start, end, stamp, member = values
    return Clip(clip_id, source, tuple(labels), split, group, start, end, stamp and Stamp(*stamp), member)
