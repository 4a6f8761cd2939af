"""What a preparation will do, known before any audio is read: the clips, their shards, the folder."""

import dataclasses
import hashlib
import itertools
import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra import config as configs
from infra.card import CARD_NAME, SPLITS
from infra.memory import without_collection
from pipelines.clip import Clip, Listed
from pipelines.config import PrepareConfig, PrepareRequest
from pipelines.corpora.catalog import CATALOG, list_corpus
from pipelines.sizes import Sizes, estimate_sizes

PARTS_NAME = "parts"
CANNOT_WRITE = "A snapshot is written below the root folder."
_VERSION = 3  # raise it when the same config and recordings give other bytes
_SHARD_BYTES = 150e6  # of waveforms: readers want 100 to 200 MB
_LEAST_SHARDS, _LEAST_CLIPS, _MOST_CLIPS = 16, 32, 16_384  # shards of a corpus; clips of a shard


@dataclass(frozen=True, kw_only=True)
class Shard:
    """One file to write: the unit of work, of retry and of resume. Its clips are in record order."""

    name: str
    split: str
    clips: tuple[Clip, ...]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A listed corpus with its shards, and the snapshot's key and folder.

    `config` says how many clips a shard has, also where the request leaves it open.
    """

    config: PrepareConfig
    listed: Listed
    labels: tuple[str, ...]
    key: str
    folder: Path
    shards: tuple[Shard, ...]
    sizes: Sizes

    @property
    def finished(self) -> bool:
        """Whether the snapshot is whole: its card is there."""
        return (self.folder / CARD_NAME).is_file()

    def without_clips(self) -> "Plan":
        """All else of the plan, once the clips are in the files of their shards: they may be millions."""
        shards = tuple(dataclasses.replace(shard, clips=()) for shard in self.shards)
        return dataclasses.replace(self, listed=dataclasses.replace(self.listed, clips=()), shards=shards)

    def part_path(self, shard: Shard) -> Path:
        """Where the ledger part of `shard` is until the preparation ends."""
        return self.folder / PARTS_NAME / f"{shard.name}.arrow"

    def thinned_path(self, shard: Shard) -> Path:
        """Where its ledger part after dropping copies is until then."""
        return self.folder / PARTS_NAME / f"{shard.name}.thinned.arrow"


def make_plan(request: PrepareRequest) -> Plan:
    """Lists the corpus and deals its clips to shards.

    Raises:
      ValueError: the corpus is not where the request says, or two of its clips have one id.
    """
    with without_collection():
        return _make_plan(request)


def _make_plan(request: PrepareRequest) -> Plan:
    listed = list_corpus(request.config, request.source)
    _check_ids(listed.clips)
    sizes = estimate_sizes(listed, request.config)
    config = request.config
    if config.clips_per_shard is None:
        config = dataclasses.replace(config, clips_per_shard=clips_per_shard(len(listed.clips), sizes.output_bytes))
    key = _key(config, listed)
    return Plan(
        config=config,
        listed=listed,
        labels=listed.labels or tuple(sorted({label for clip in listed.clips for label in clip.labels})),
        key=key,
        folder=Path(request.root).absolute() / config.corpus / key,
        shards=_shards(listed.clips, config.clips_per_shard or 1),
        sizes=sizes,
    )


def clips_per_shard(clips: int, output_bytes: float) -> int:
    """Clips of a shard of 100 to 200 MB, or of fewer where a small corpus would give few workers anything to do.

    It follows from the recordings alone: a shard is what is resumed, and bytes must not depend on who makes them.
    """
    by_size = _SHARD_BYTES * clips / output_bytes if output_bytes else _MOST_CLIPS
    by_work = max(_LEAST_CLIPS, math.ceil(clips / _LEAST_SHARDS))
    return max(1, min(int(by_size), by_work, _MOST_CLIPS))


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
    # What came later and is not used leaves the keys of earlier snapshots as they are.
    unused = {"max_clips_per_split"} if config.max_clips_per_split is None else set()
    return {
        name: value
        for name, value in values.items()
        if name not in unused and (not isinstance(value, dict) or name in used)
    }


def _check_ids(clips: Iterable[Clip]) -> None:
    twice = next((one.clip_id for one, other in itertools.pairwise(clips) if one.clip_id == other.clip_id), None)
    if twice is not None:
        raise ValueError(f"Every clip of a corpus has an id of its own. Received: `{twice}` twice.")


def _key(config: PrepareConfig, listed: Listed) -> str:
    head: list[Any] = [_VERSION, relevant_config(config), listed.labels, dict(listed.facts)]
    return configs.hash_of_list(itertools.chain(head, map(_key_row, listed.clips)))


def _key_row(clip: Clip) -> list[Any]:
    return [clip.clip_id, clip.labels, clip.split, clip.group, clip.start, clip.end, clip.member, clip.stamp]


def _shards(clips: tuple[Clip, ...], clips_per_shard: int) -> tuple[Shard, ...]:
    """Orders each split by a hash of the id, so that a shard is a fair sample, and cuts at round(n i / K)."""
    by_split: dict[str, list[Clip]] = {split: [] for split in SPLITS}
    for clip in clips:
        by_split[clip.split].append(clip)
    return tuple(
        shard for split, of_split in by_split.items() for shard in _split_shards(split, of_split, clips_per_shard)
    )


def _split_shards(split: str, clips: list[Clip], clips_per_shard: int) -> list[Shard]:
    clips.sort(key=lambda clip: hashlib.sha256(clip.clip_id.encode()).digest())
    count = math.ceil(len(clips) / clips_per_shard)
    cuts = [round(len(clips) * index / count) for index in range(count + 1)] if count else []
    return [
        Shard(name=shard_name(split, index, count), split=split, clips=tuple(sorted(clips[begin:end], key=_place)))
        for index, (begin, end) in enumerate(itertools.pairwise(cuts))
    ]


def _place(clip: Clip) -> tuple[str, int]:
    """Clips of tables are taken in the order of their rows, which are read in blocks; others keep their order."""
    return (clip.source, int(clip.member)) if clip.member and clip.member.isdecimal() else ("", 0)


def shard_name(split: str, index: int, count: int) -> str:
    """`split-00000-of-00016.tfrecord`; beyond 99,999 shards all numbers have the digits of the count."""
    digits = max(5, len(str(count)))
    return f"{split}-{index:0{digits}d}-of-{count:0{digits}d}.tfrecord"
