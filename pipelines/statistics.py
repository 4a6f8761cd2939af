"""What `stats.json` says about a snapshot: counts, hours, levels, and what deserves a look."""

import collections
from collections.abc import Container, Iterable, Mapping, Sequence
from typing import Any

from infra.card import SPLITS
from pipelines.findings import Defects
from pipelines.ledger import Row

_EDGES_DB = tuple(range(-100, 1, 5))
_NAMED = 100  # entries of every list of findings; their number is always whole


def statistics(rows: Iterable[Row], *, sample_rate: int, ignored: Sequence[str]) -> dict[str, Any]:
    """JSON values; hours are of the stored waveforms, histograms count kept clips per 5 dB.

    The rows come in the order of their ids, twice where some are identical, and none is kept: there may be millions.
    """
    found = _Findings(sample_rate)
    for row in rows:
        found.add(row)
    leaks, duplicates = sorted(found.leaks), _duplicates(rows, found.repeated) if found.repeated else []
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
        "identical_clips": _named(duplicates),
        "identical_across_splits": _named([same for same in duplicates if len({row.split for row in same}) > 1]),
        "identical_under_other_labels": _named([same for same in duplicates if len({row.labels for row in same}) > 1]),
        "defects": found.defects.named(),
        "findings": found.defects.sentences(),
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

    def __init__(self, sample_rate: int) -> None:
        self.defects = Defects(sample_rate)
        self.statuses: collections.Counter[str] = collections.Counter()
        self.splits: dict[str, _Split] = collections.defaultdict(_Split)
        self.rates: collections.Counter[str] = collections.Counter()
        self.formats: collections.Counter[str] = collections.Counter()
        self.peaks: collections.Counter[int] = collections.Counter()
        self.rms: collections.Counter[int] = collections.Counter()
        self.clipped = 0
        self.leaks: set[str] = set()
        self.repeated: set[bytes] = set()  # hashes of the samples of several clips
        self._split_of: dict[str, str] = {}
        self._hashes: set[bytes] = set()

    def add(self, row: Row) -> None:
        self.statuses[row.status] += 1
        self.defects.add(row)
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
        samples = _hash(row)
        if samples in self._hashes:
            self.repeated.add(samples)
        self._hashes.add(samples)


def _duplicates(rows: Iterable[Row], repeated: Container[bytes]) -> list[list[Row]]:
    """Kept clips whose stored samples are the same, in whatever class or split."""
    same: dict[bytes, list[Row]] = collections.defaultdict(list)
    for row in rows:
        if row.status == "kept" and (samples := _hash(row)) in repeated:
            same[samples].append(row)
    return sorted(same.values(), key=lambda several: [row.clip_id for row in several])


def _hash(row: Row) -> bytes:
    return bytes.fromhex(row.sha256 or "")


def _named(duplicates: Sequence[Sequence[Row]]) -> dict[str, Any]:
    return {"count": len(duplicates), "clips": [[row.clip_id for row in same] for same in duplicates[:_NAMED]]}


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
