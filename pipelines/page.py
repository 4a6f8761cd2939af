"""`python -m pipelines.page request.json`: a snapshot as one HTML file that fetches nothing."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2

from infra.card import LEDGER_NAME, SPLITS, DatasetCard, read_card
from infra.config import flatten
from infra.files import write_atomically
from pipelines.config import ShowRequest
from pipelines.copies import Stored, identical
from pipelines.findings import COLUMNS, Defects
from pipelines.histograms import histograms
from pipelines.ledger import LedgerRows, Row, read_ledger
from pipelines.pictures import Picture, of_kept, of_rejected, some
from pipelines.requests import Page, PageRequest
from pipelines.show import show
from pipelines.stage import serve
from pipelines.statistics import count, hours

_KEPT, _REJECTED, _NAMED = 12, 8, 20


@dataclass(frozen=True, kw_only=True)
class _Class:
    """A class: hours of each split, and their share of the largest class in percent."""

    name: str
    clips: int
    hours: tuple[float, ...]
    width: float


def make_page(request: PageRequest) -> Page:
    """Writes the page.

    Raises:
      ValueError: no finished snapshot, or the page cannot be written.
    """
    folder, path = Path(request.snapshot).resolve(), Path(request.page)
    card, rows = read_card(folder), read_ledger(folder / LEDGER_NAME)
    pictures = _kept(folder, card, rows) + _rejected(rows, request.source)
    text = _render(folder, card, rows, pictures, request.source)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, text)
    except OSError as error:
        raise ValueError(f"A page is written to a file. Received: {path}, where the system says: {error}.") from error
    return Page(page=str(path), pictures=sum(bool(picture.spectrogram) for picture in pictures))


def _render(
    folder: Path, card: DatasetCard, rows: Sequence[Row], pictures: Sequence[Picture], source: str | None
) -> str:
    template = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string(
        Path(__file__).with_name("page.html").read_text()
    )
    kept = [row for row in rows if row.status == "kept"]
    splits = [split.name for split in card.splits]
    facts: dict[str, Any] = {
        "summary": show(ShowRequest(snapshot=str(folder))),
        "card": card,
        "splits": splits,
        "hours": hours(kept, card.sample_rate),
        "reasons": _reasons(rows),
        "histograms": histograms(kept, sample_rate=card.sample_rate),
        "defects": _defects(folder, card),
        "classes": _classes(kept, splits, card),
        "sources": _sources(kept),
        "copies": _copies(kept),
        "leaks": _leaks(kept),
        "kept": [picture for picture in pictures if picture.row.status == "kept"],
        "rejected": [picture for picture in pictures if picture.row.status != "kept"],
        "has_source": source is not None,
        "config": _config(card),
        "named": _NAMED,
    }
    return template.render(**facts)


def _defects(folder: Path, card: DatasetCard) -> dict[str, dict[str, Any]]:
    found = Defects(card.sample_rate)
    for columns in LedgerRows(folder / LEDGER_NAME).columns(*COLUMNS):
        found.add(columns)
    return found.named()


def _config(card: DatasetCard) -> dict[str, Any]:
    return {name.removeprefix("config."): value for name, value in flatten(card).items() if name.startswith("config.")}


def _reasons(rows: Sequence[Row]) -> list[tuple[str, int, list[Row]]]:
    """Status, its clips, and the first of them; the most frequent first."""
    counts = count(row.status for row in rows if row.status != "kept")
    ordered = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    return [(status, number, [row for row in rows if row.status == status][:_NAMED]) for status, number in ordered]


def _classes(kept: Sequence[Row], splits: Sequence[str], card: DatasetCard) -> list[_Class]:
    """A clip of several labels counts for each; the longest class first."""
    seconds = {label: dict.fromkeys(splits, 0.0) for label in card.labels}
    clips = dict.fromkeys(card.labels, 0)
    for row in kept:
        for label in row.labels:
            seconds[label][row.split] += (row.num_samples or 0) / card.sample_rate
            clips[label] += 1
    longest = max([sum(of.values()) for of in seconds.values()] + [1e-9])
    classes = [
        _Class(
            name=label,
            clips=clips[label],
            hours=tuple(of[split] / 3600.0 for split in splits),
            width=100.0 * sum(of.values()) / longest,
        )
        for label, of in seconds.items()
    ]
    return sorted(classes, key=lambda one: (-one.width, one.name))


def _sources(kept: Sequence[Row]) -> dict[str, dict[str, int]]:
    return {
        "Format": count(row.source_format or "" for row in kept),
        "Rate, Hz": count(str(row.source_rate) for row in kept),
        "Channels": count(str(row.source_channels) for row in kept),
        "Decoder": count(row.decoder or "" for row in kept),
    }


def _copies(kept: Sequence[Row]) -> list[tuple[list[Row], bool, bool]]:
    """Exact copies: the clips, whether across splits, whether under other labels; leaks first."""
    found = [[kept[at] for at in same] for same in identical(kept)]
    marked = [(same, len({row.split for row in same}) > 1, len({row.labels for row in same}) > 1) for same in found]
    return sorted(marked, key=lambda one: (not one[1], not one[2], one[0][0].clip_id))


def _leaks(kept: Sequence[Row]) -> list[tuple[str, list[str]]]:
    """Groups whose clips are in more than one split."""
    splits: dict[str, set[str]] = {}
    for row in kept:
        splits.setdefault(row.group, set()).add(row.split)
    return [(group, [name for name in SPLITS if name in of]) for group, of in sorted(splits.items()) if len(of) > 1]


def _kept(folder: Path, card: DatasetCard, rows: Sequence[Row]) -> list[Picture]:
    chosen = some([row for row in rows if row.status == "kept"], _KEPT, kinds=card.labels, kind="label")
    return [of_kept(Stored(row=row, folder=folder, rate=card.sample_rate)) for row in chosen]


def _rejected(rows: Sequence[Row], source: str | None) -> list[Picture]:
    if source is None:
        return []
    rejected = [row for row in rows if row.status != "kept"]
    statuses = sorted({row.status for row in rejected})
    return [of_rejected(row, Path(source)) for row in some(rejected, _REJECTED, kinds=statuses, kind="status")]


if __name__ == "__main__":
    serve(PageRequest, make_page)
