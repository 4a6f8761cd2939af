"""What a preparation will do, known before any audio is read: the clips, their shards, the folder."""

import hashlib
import itertools
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra import config as configs
from infra.card import CARD_NAME, SPLITS
from pipelines.clip import Clip, Listed
from pipelines.config import PrepareConfig, PrepareRequest
from pipelines.corpora.catalog import CATALOG, list_corpus

PARTS_NAME = "parts"
CANNOT_WRITE = "A snapshot is written below the root folder."
_VERSION = 2  # raise it when the same config and recordings give other bytes
_CONFIGURED_BY_SOME = ("split", "synthetic", "folder")


@dataclass(frozen=True, kw_only=True)
class Shard:
    """One file to write: the unit of work, of retry and of resume. Its clips are in record order."""

    name: str
    split: str
    clips: tuple[Clip, ...]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A listed corpus with its shards, and the snapshot's key and folder."""

    config: PrepareConfig
    listed: Listed
    labels: tuple[str, ...]
    key: str
    folder: Path
    shards: tuple[Shard, ...]

    @property
    def finished(self) -> bool:
        """Whether the snapshot is whole: its card is there."""
        return (self.folder / CARD_NAME).is_file()

    def part_path(self, shard: Shard) -> Path:
        """Where the ledger part of `shard` is until the preparation ends."""
        return self.folder / PARTS_NAME / f"{shard.name}.parquet"


def make_plan(request: PrepareRequest) -> Plan:
    """Lists the corpus and deals its clips to shards.

    Raises:
      ValueError: the corpus is not where the request says, or two of its clips have one id.
    """
    config = request.config
    listed = list_corpus(config, request.source)
    key = _key(config, listed.clips)
    return Plan(
        config=config,
        listed=listed,
        labels=tuple(sorted({label for clip in listed.clips for label in clip.labels})),
        key=key,
        folder=Path(request.root).absolute() / config.corpus / key,
        shards=_shards(listed.clips, config.clips_per_shard),
    )


def cannot_write(path: Path, error: OSError) -> ValueError:
    """The refusal of a folder that is a file, a full disk, missing rights; a text alone, which Beam hands on."""
    return ValueError(
        f"{CANNOT_WRITE} Received: {path}, where the system says: {error.strerror}. "
        "Choose another folder (`--root`), or make room; the same command goes on from there."
    )


def relevant_config(config: PrepareConfig) -> dict[str, Any]:
    """The parts of `config` that can change a byte of this corpus's snapshot."""
    used = CATALOG[config.corpus].configured_by
    values = configs.to_dict(config)
    return {name: value for name, value in values.items() if name not in _CONFIGURED_BY_SOME or name in used}


def _key(config: PrepareConfig, clips: tuple[Clip, ...]) -> str:
    rows = [
        [
            clip.clip_id,
            clip.labels,
            clip.split,
            clip.group,
            clip.start,
            clip.end,
            clip.member,
            clip.stamp and [clip.stamp.num_bytes, clip.stamp.mtime_ns],
        ]
        for clip in clips
    ]
    return configs.content_hash(_VERSION, relevant_config(config), rows)


def _shards(clips: tuple[Clip, ...], clips_per_shard: int) -> tuple[Shard, ...]:
    return tuple(
        shard
        for split in SPLITS
        for shard in _split_shards(split, [clip for clip in clips if clip.split == split], clips_per_shard)
    )


def _split_shards(split: str, clips: list[Clip], clips_per_shard: int) -> list[Shard]:
    """Orders by a hash of the id, so that a shard is a fair sample, and cuts at round(n i / K)."""
    ordered = sorted(clips, key=lambda clip: hashlib.sha256(clip.clip_id.encode()).digest())
    count = math.ceil(len(ordered) / clips_per_shard)
    cuts = [round(len(ordered) * index / count) for index in range(count + 1)] if count else []
    return [
        Shard(
            name=f"{split}-{index:05d}-of-{count:05d}.tfrecord",
            split=split,
            clips=tuple(ordered[begin:end]),
        )
        for index, (begin, end) in enumerate(itertools.pairwise(cuts))
    ]
