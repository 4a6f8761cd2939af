"""What `stats.json` says about a snapshot: counts, hours, levels, and what deserves a look."""

import collections
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from infra.card import SPLITS
from pipelines.ledger import Row

_EDGES_DB = tuple(range(-100, 1, 5))
_NAMED = 100  # entries of every list of findings; their number is always whole


def statistics(rows: Iterable[Row], *, sample_rate: int, ignored: Sequence[str]) -> dict[str, Any]:
    """JSON values; hours are of the stored waveforms, histograms count kept clips per 5 dB.

    Looks at each row once and keeps none: there may be millions.
    """
    found = _Findings()
    for row in rows:
        found.add(row)
    leaks, duplicates = sorted(found.leaks), sorted(sorted(same) for same in found.duplicates.values())
    return {
        "listed": found.statuses.total(),
        "kept": found.statuses["kept"],
        "statuses": _sorted(found.statuses),
        "splits": {split: found.splits[split].summary(sample_rate) for split in SPLITS if split in found.splits},
        "levels": {
            "edges_db": list(_EDGES_DB),
            "peak": _histogram(found.peaks),
            "rms": _histogram(found.rms),
            "clips_with_clipped_samples": found.clipped,
        },
        "source_rates": _sorted(found.rates),
        "source_formats": _sorted(found.formats),
        "groups_in_several_splits": {"count": len(leaks), "groups": leaks[:_NAMED]},
        "identical_clips": {"count": len(duplicates), "clips": duplicates[:_NAMED]},
        "ignored": {"count": len(ignored), "names": list(ignored)},
    }


class _Split:
    """Counts of one split."""

    def __init__(self) -> None:
        self.listed = self.kept = self.samples = 0
        self.classes: collections.Counter[str] = collections.Counter()

    def summary(self, sample_rate: int) -> dict[str, Any]:
        hours = self.samples / sample_rate / 3600.0
        return {"listed": self.listed, "kept": self.kept, "hours": hours, "classes": _sorted(self.classes)}


class _Findings:
    """What one look at every row finds."""

    def __init__(self) -> None:
        self.statuses: collections.Counter[str] = collections.Counter()
        self.splits: dict[str, _Split] = collections.defaultdict(_Split)
        self.rates: collections.Counter[str] = collections.Counter()
        self.formats: collections.Counter[str] = collections.Counter()
        self.peaks: collections.Counter[int] = collections.Counter()
        self.rms: collections.Counter[int] = collections.Counter()
        self.clipped = 0
        self.leaks: set[str] = set()
        self.duplicates: dict[str, list[str]] = {}
        self._split_of: dict[str, str] = {}
        self._first: dict[bytes, str] = {}

    def add(self, row: Row) -> None:
        self.statuses[row.status] += 1
        split = self.splits[row.split]
        split.listed += 1
        if row.status != "kept":
            return
        split.kept += 1
        split.samples += row.num_samples or 0
        split.classes.update(row.labels)
        self.rates[str(row.source_rate)] += 1
        self.formats[str(row.source_format)] += 1
        self.peaks[_bin(row.peak_db)] += 1
        self.rms[_bin(row.rms_db)] += 1
        self.clipped += bool(row.clipped_share)
        if self._split_of.setdefault(row.group, row.split) != row.split:
            self.leaks.add(row.group)
        sha256 = row.sha256 or ""
        first = self._first.setdefault(bytes.fromhex(sha256), row.clip_id)
        if first is not row.clip_id:
            self.duplicates.setdefault(sha256, [first]).append(row.clip_id)


def count(values: Iterable[str]) -> dict[str, int]:
    """How often each value occurs, sorted by value."""
    return dict(sorted(collections.Counter(values).items()))


def hours(rows: Iterable[Row], sample_rate: int) -> float:
    """Hours of the stored waveforms of `rows`."""
    return sum(row.num_samples or 0 for row in rows) / sample_rate / 3600.0


def _sorted(counter: Mapping[str, int]) -> dict[str, int]:
    return dict(sorted(counter.items()))


def _bin(level: float | None) -> int:
    """Which bin of the histogram; -1: digital silence, which has no level."""
    return -1 if level is None else min(max(int((level - _EDGES_DB[0]) // 5), 0), len(_EDGES_DB) - 2)


def _histogram(bins: Mapping[int, int]) -> list[int]:
    """Counts between consecutive edges; what lies outside counts in the first and the last."""
    return [bins.get(index, 0) for index in range(len(_EDGES_DB) - 1)]
