"""`python -m pipelines.duplicates request.json`: copies of a recording, in one snapshot and between several."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from infra.card import LEDGER_NAME, read_card
from pipelines.copies import Stored, identical, near
from pipelines.ledger import read_ledger
from pipelines.requests import Copies, Copy, Duplicates, DuplicatesRequest
from pipelines.stage import serve


def find_duplicates(request: DuplicatesRequest) -> Duplicates:
    """Compares every kept clip with every other.

    Raises:
      ValueError: a folder is no snapshot, or one is given twice.
    """
    folders = [Path(folder).resolve() for folder in request.snapshots]
    if not folders or len(set(folders)) < len(folders):
        raise ValueError(f"Rule: one snapshot or more, each once. Received: {', '.join(request.snapshots) or 'none'}.")
    clips = [(number, clip) for number, folder in enumerate(folders) for clip in _kept(folder)]
    stored = [clip for _, clip in clips]
    pairs = dict.fromkeys(_neighbours(stored), 1.0)
    if request.near:
        pairs |= near(stored, workers=request.workers)
    groups = [_copies([clips[at] for at in group], lowest) for group, lowest in _groups(pairs)]
    return Duplicates(
        snapshots=tuple(str(folder) for folder in folders),
        clips=len(clips),
        near=request.near,
        copies=tuple(
            sorted(groups, key=lambda group: (not group.exact, group.clips[0].snapshot, group.clips[0].clip_id))
        ),
    )


def _kept(folder: Path) -> list[Stored]:
    card = read_card(folder)
    rows = (row for row in read_ledger(folder / LEDGER_NAME) if row.status == "kept")
    return [Stored(row=row, folder=folder, rate=card.sample_rate) for row in rows]


def _neighbours(clips: Sequence[Stored]) -> list[tuple[int, int]]:
    return [(same[0], other) for same in identical([clip.row for clip in clips]) for other in same[1:]]


def _groups(pairs: Mapping[tuple[int, int], float]) -> list[tuple[list[int], float]]:
    """Positions that pairs join, directly or through others, and the lowest value of these pairs."""
    parents: dict[int, int] = {}

    def root(at: int) -> int:
        while (parent := parents.setdefault(at, at)) != at:
            parents[at] = at = parents[parent]
        return at

    for one, other in pairs:
        low, high = sorted((root(one), root(other)))
        parents[high] = low
    groups: dict[int, list[int]] = {}
    for at in sorted(parents):
        groups.setdefault(root(at), []).append(at)
    lowest: dict[int, float] = {}
    for (one, _), value in pairs.items():
        lowest[root(one)] = min(value, lowest.get(root(one), value))
    return [(members, lowest[name]) for name, members in groups.items()]


def _copies(clips: Sequence[tuple[int, Stored]], correlation: float) -> Copies:
    rows = [clip.row for _, clip in clips]
    return Copies(
        clips=tuple(
            Copy(snapshot=number, clip_id=clip.row.clip_id, split=clip.row.split, labels=clip.row.labels)
            for number, clip in clips
        ),
        exact=len({row.sha256 for row in rows}) == 1,
        correlation=correlation,
        across_splits=len({row.split for row in rows}) > 1,
        across_snapshots=len({number for number, _ in clips}) > 1,
        other_labels=len({row.labels for row in rows}) > 1,
    )


if __name__ == "__main__":
    serve(DuplicatesRequest, find_duplicates)
