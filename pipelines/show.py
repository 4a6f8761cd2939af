"""`python -m pipelines.show request.json`: a snapshot in numbers."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from infra.card import CARD_NAME, LEDGER_NAME, DatasetCard, read_card
from pipelines.config import RejectedClip, ShowRequest, SnapshotSummary
from pipelines.ledger import LedgerRows
from pipelines.stage import serve
from pipelines.statistics import statistics

_NAMED = 20
_UNFINISHED = f"No {CARD_NAME}: too many clips were rejected, or it did not end. Prepare again: it resumes."


def show(request: ShowRequest) -> SnapshotSummary:
    """Sums up a snapshot from its card and ledger, or from its ledger alone where there is no card yet.

    Raises:
      ValueError: no ledger in the folder, or it or the card is unreadable.
    """
    folder = Path(request.snapshot).resolve()
    if not os.path.isfile(folder / LEDGER_NAME):  # noqa: PTH113 - pathlib raises where a name is too long
        raise ValueError(
            f"A snapshot is a folder with a `{LEDGER_NAME}`. Received: {folder}. Run `leafworks prepare` first."
        )
    card = read_card(folder) if (folder / CARD_NAME).is_file() else None
    return _summary(folder, card, LedgerRows(folder / LEDGER_NAME))


def _summary(folder: Path, card: DatasetCard | None, rows: LedgerRows) -> SnapshotSummary:
    found = statistics(rows, sample_rate=card.sample_rate if card else 1, ignored=())
    splits = {name: split for name, split in found["splits"].items() if split["kept"]}
    return SnapshotSummary(
        snapshot=str(folder),
        snapshot_id=card.snapshot_id if card else "",
        corpus=card.corpus if card else folder.parent.name,
        key=card.key if card else folder.name,
        sample_rate=card.sample_rate if card else None,
        num_bytes=sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()),
        clips={name: split["kept"] for name, split in splits.items()},
        hours={name: split["hours"] for name, split in splits.items()} if card else None,
        statuses=found["statuses"],
        labels=card.labels if card else tuple(sorted({label for row in rows for label in row.labels})),
        classes={name: split["classes"] for name, split in splits.items()},
        rejected=_rejected(rows),
        findings=_findings(found, card),
        licence=card.licence if card else "",
        note="" if card else _UNFINISHED,
    )


def _rejected(rows: LedgerRows) -> tuple[RejectedClip, ...]:
    """The first of those with a file, then of those without."""
    first: dict[bool, list[RejectedClip]] = {False: [], True: []}
    for row in rows:
        named = first[row.status == "missing"]
        if row.status != "kept" and len(named) < _NAMED:
            named.append(RejectedClip(clip_id=row.clip_id, status=row.status, reason=row.reason))
    return tuple([*first[False], *first[True]][:_NAMED])


def _findings(found: Mapping[str, Any], card: DatasetCard | None) -> tuple[str, ...]:
    """Those of the corpus, and how many copies there are."""
    said = list(found["findings"]) if card else []
    copies, across = (found[name]["count"] for name in ("identical_clips", "identical_across_splits"))
    if copies:
        said.append(
            f"Recordings that are there more than once: {copies}; in more than one split: {across}. "
            "`leafworks duplicates` names them and looks for near ones; `--drop` of `leafworks prepare` drops them."
        )
    return tuple(said)


if __name__ == "__main__":
    serve(ShowRequest, show)
