"""`python -m pipelines.show request.json`: a snapshot in numbers."""

import os
from pathlib import Path

from infra.card import CARD_NAME, LEDGER_NAME, SPLITS, DatasetCard, read_card
from infra.stage import serve
from pipelines.config import RejectedClip, ShowRequest, SnapshotSummary
from pipelines.copies import identical
from pipelines.findings import findings
from pipelines.ledger import Row, read_ledger
from pipelines.statistics import count, hours

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
    return _summary(folder, card, read_ledger(folder / LEDGER_NAME))


def _summary(folder: Path, card: DatasetCard | None, rows: list[Row]) -> SnapshotSummary:
    kept = {split: [row for row in rows if row.status == "kept" and row.split == split] for split in SPLITS}
    kept = {split: members for split, members in kept.items() if members}
    rejected = sorted((row for row in rows if row.status != "kept"), key=lambda row: row.status == "missing")
    return SnapshotSummary(
        snapshot=str(folder),
        snapshot_id=card.snapshot_id if card else "",
        corpus=card.corpus if card else folder.parent.name,
        key=card.key if card else folder.name,
        sample_rate=card.sample_rate if card else None,
        num_bytes=sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()),
        clips={split: len(members) for split, members in kept.items()},
        hours={split: hours(members, card.sample_rate) for split, members in kept.items()} if card else None,
        statuses=count(row.status for row in rows),
        labels=card.labels if card else tuple(sorted({label for row in rows for label in row.labels})),
        classes={split: count(label for row in members for label in row.labels) for split, members in kept.items()},
        rejected=tuple(
            RejectedClip(clip_id=row.clip_id, status=row.status, reason=row.reason) for row in rejected[:_NAMED]
        ),
        findings=_findings(rows, card),
        licence=card.licence if card else "",
        note="" if card else _UNFINISHED,
    )


def _findings(rows: list[Row], card: DatasetCard | None) -> tuple[str, ...]:
    """Those of the corpus, and how many copies there are."""
    said = findings(rows, sample_rate=card.sample_rate) if card else []
    kept = [row for row in rows if row.status == "kept"]
    copies = list(identical(kept))
    across = sum(len({kept[at].split for at in same}) > 1 for same in copies)
    if copies:
        said.append(
            f"{sum(map(len, copies))} clips have an exact copy; {across} recordings are in more than one split. "
            "`leafworks duplicates` names them and looks for near ones; `--drop` of `leafworks prepare` drops them."
        )
    return tuple(said)


if __name__ == "__main__":
    serve(ShowRequest, show)
