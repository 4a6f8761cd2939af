"""`python -m pipelines.diff request.json`: two snapshots compared clip by clip."""

import collections
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from infra.card import CARD_NAME, LEDGER_NAME, read_card
from infra.common_clips import CommonClips, write_common
from pipelines.ledger import Row, read_ledger
from pipelines.requests import ChangedClip, Difference, DiffRequest
from pipelines.stage import serve


def diff(request: DiffRequest) -> Difference:
    """Compares the ledgers of two snapshots, finished or not.

    Raises:
      ValueError: a folder without a readable ledger.
    """
    before_id, before = _read(request.before)
    after_id, after = _read(request.after)
    gone, new = before.keys() - after.keys(), after.keys() - before.keys()
    renamed = _renamed([before[name] for name in gone], [after[name] for name in new])
    both = sorted(before.keys() & after.keys())
    changed = [ChangedClip(clip_id=name, why=why) for name in both if (why := _why(before[name], after[name]))]
    common = common_clips(before.values(), after.values())
    if request.common is not None:
        write_common(Path(request.common), CommonClips(snapshots=(before_id, after_id), clips=tuple(common)))
    return Difference(
        before=request.before,
        before_id=before_id,
        after=request.after,
        after_id=after_id,
        only_before=tuple(sorted(gone - {one for one, _ in renamed})),
        only_after=tuple(sorted(new - {other for _, other in renamed})),
        renamed=tuple(renamed),
        changed=tuple(changed),
        same=len(both) - len(changed),
        common=len(common),
    )


def common_clips(before: Iterable[Row], after: Iterable[Row]) -> list[str]:
    """Ids of the clips that both keep with the same samples and labels, sorted: scores on them can be compared."""
    held = {row.clip_id: (row.sha256, row.labels) for row in before if row.status == "kept"}
    return sorted(
        row.clip_id for row in after if row.status == "kept" and held.get(row.clip_id) == (row.sha256, row.labels)
    )


def _read(snapshot: str) -> tuple[str, Mapping[str, Row]]:
    folder = Path(snapshot)
    if not os.path.isfile(folder / LEDGER_NAME):  # noqa: PTH113 - pathlib raises where a name is too long
        raise ValueError(f"A snapshot is a folder with a `{LEDGER_NAME}`. Received: {folder}.")
    snapshot_id = read_card(folder).snapshot_id if (folder / CARD_NAME).is_file() else ""
    return snapshot_id, {row.clip_id: row for row in read_ledger(folder / LEDGER_NAME)}


def _renamed(gone: Sequence[Row], new: Sequence[Row]) -> list[tuple[str, str]]:
    """Clips with the same samples, one name of each gone and one new: of more, no one knows which is which."""
    before, after = _by_samples(gone), _by_samples(new)
    pairs = ((before[sha256], after[sha256]) for sha256 in before.keys() & after.keys())
    return sorted((old[0], now[0]) for old, now in pairs if len(old) == len(now) == 1)


def _by_samples(rows: Sequence[Row]) -> dict[str, list[str]]:
    names: dict[str, list[str]] = collections.defaultdict(list)
    for row in rows:
        if row.sha256 is not None:
            names[row.sha256].append(row.clip_id)
    return names


def _why(before: Row, after: Row) -> tuple[str, ...]:
    """Every difference in words; of a clip that only one keeps, its status says why the samples are not there."""
    why = []
    if before.status != after.status:
        reason = after.reason or before.reason
        why.append(f"status: {before.status}, now {after.status} ({reason})")
    if before.sha256 is not None and after.sha256 is not None and before.sha256 != after.sha256:
        why.append(f"samples: {_samples(before)}, now {_samples(after)}")
    for name in ("labels", "split", "group"):
        old, now = getattr(before, name), getattr(after, name)
        if old != now:
            why.append(f"{name}: {_words(old)}, now {_words(now)}")
    return tuple(why)


def _samples(row: Row) -> str:
    return f"{row.num_samples} of {row.decoder} ({(row.sha256 or '')[:8]})"


def _words(value: str | tuple[str, ...]) -> str:
    return value if isinstance(value, str) else " + ".join(value) or "none"


if __name__ == "__main__":
    serve(DiffRequest, diff)
