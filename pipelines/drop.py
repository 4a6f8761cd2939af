"""Which copies of a recording go, and which one stays: what is tested on stays, training loses it."""

import collections
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from infra.files import atomic_writer, write_atomically
from pipelines.config import DropPolicy
from pipelines.copies import Stored, identical, near
from pipelines.ledger import Row, read_part_shard, rows_of, write_part
from pipelines.plan import PARTS_NAME, Plan, Shard
from pipelines.shards import ShardWriter, read_shard

DROPPED_NAME = "dropped.json"
_RANKS = {"test": 0, "validation": 1, "train": 2}  # the first stays

Pairs = Mapping[tuple[int, int], float]


def drop_copies(plan: Plan, *, workers: int) -> list[Path]:
    """The ledger parts of a plan whose shards are all done, after its policy; shards that lose a clip are rewritten.

    Nothing is decoded again. Killed at any moment, the next call ends with the same bytes: what goes is written down
    before the first shard is touched, and a shard's new part before the shard.
    """
    parts = [plan.part_path(shard) for shard in plan.shards]
    if plan.config.drop == "nothing":
        return parts
    reasons = _decided(plan, parts, workers)
    return [_without(plan, shard, part, reasons) for shard, part in zip(plan.shards, parts, strict=True)]


def decide(rows: Sequence[Row], policy: DropPolicy, near_pairs: Pairs | None = None) -> dict[str, str]:
    """Clip id -> why it goes, naming the clip that stays.

    Clips are taken from test, validation, train, and by id; one goes if a copy of it stays already: any copy
    (`all`), or one of an earlier split (`across-splits`). `near_pairs` are positions in `rows`.
    """
    copies: dict[int, dict[int, float | None]] = collections.defaultdict(dict)
    for (one, other), strength in (near_pairs or {}).items():
        copies[one][other] = copies[other][one] = strength
    group = {position: same for same in identical(rows) for position in same}
    first = {position: same[0] for position, same in group.items()}
    stays: dict[int, list[int]] = collections.defaultdict(list)  # by the first of its exact copies
    reasons = {}
    for position in sorted(range(len(rows)), key=lambda at: (_RANKS[rows[at].split], rows[at].clip_id)):
        row, mine = rows[position], first.get(position, position)
        alike = {mine: None, **copies[mine]}
        found = [
            (at, correlation)
            for other, correlation in alike.items()
            for at in stays[other]
            if policy == "all" or rows[at].split != row.split
        ]
        if found:
            at, correlation = min(
                found, key=lambda pair: (pair[1] is not None, _RANKS[rows[pair[0]].split], rows[pair[0]].clip_id)
            )
            reasons[row.clip_id] = _reason(row, rows[at], correlation)
        else:
            stays[mine].append(position)
    return reasons


def _reason(row: Row, stays: Row, correlation: float | None) -> str:
    how = "the same samples as" if correlation is None else f"nearly the same sound (correlation {correlation:.3f}) as"
    labels = "" if row.labels == stays.labels else f", under other labels: {', '.join(stays.labels)}"
    return f"{how} `{stays.clip_id}` ({stays.split}), which stays{labels}"


def _decided(plan: Plan, parts: Sequence[Path], workers: int) -> dict[str, str]:
    """Read from where an earlier call wrote it: its shards may have lost clips since."""
    path = plan.folder / PARTS_NAME / DROPPED_NAME
    if path.is_file():
        reasons: dict[str, str] = json.loads(path.read_text())
        return reasons
    rows = (row for part in parts for row in rows_of(part))
    kept = sorted((row for row in rows if row.status == "kept"), key=lambda row: row.clip_id)
    pairs = None
    if plan.config.drop_near:
        stored = [Stored(row=row, folder=plan.folder, rate=plan.config.sample_rate) for row in kept]
        pairs = near(stored, workers=workers)
    reasons = decide(kept, plan.config.drop, pairs)
    write_atomically(path, json.dumps(reasons, sort_keys=True))
    return reasons


def _without(plan: Plan, shard: Shard, part: Path, reasons: Mapping[str, str]) -> Path:
    """The part of `shard` without the clips that go: its own where it has none of them."""
    before = rows_of(part)
    if not any(row.clip_id in reasons for row in before):
        return part
    path, thinned_path = plan.folder / shard.name, plan.thinned_path(shard)
    thinned = read_part_shard(thinned_path)
    if thinned is None or path.stat().st_size != thinned.num_bytes:
        with atomic_writer(path) as stream:
            writer = ShardWriter(stream)
            rows = _copy(path, writer, before, reasons)
            write_part(thinned_path, rows, writer.card(shard.name))
    return thinned_path


def _copy(path: Path, writer: ShardWriter, rows: Sequence[Row], reasons: Mapping[str, str]) -> list[Row]:
    """Appends the records of the clips that stay, and returns all rows as they are then."""
    moved: dict[int | None, tuple[int, int] | None] = {None: None}
    going = {row.record for row in rows if row.clip_id in reasons}
    for record, (offset, payload) in enumerate(read_shard(path)):
        moved[record] = None if record in going else (writer.records, writer.write(payload) - offset)
    return [_row(row, moved[row.record], reasons) for row in rows]


def _row(row: Row, moved: tuple[int, int] | None, reasons: Mapping[str, str]) -> Row:
    if row.clip_id in reasons:
        gone = row._replace(shard=None, record=None, waveform_offset=None)
        return gone._replace(status="duplicate", reason=reasons[row.clip_id])
    if moved is None:
        return row
    assert row.waveform_offset is not None
    return row._replace(record=moved[0], waveform_offset=row.waveform_offset + moved[1])
