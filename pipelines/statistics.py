"""What `stats.json` says about a snapshot: counts, hours, levels, and what deserves a look."""

import collections
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from infra.card import SPLITS
from pipelines.copies import identical
from pipelines.findings import defects, findings
from pipelines.ledger import Row

_EDGES_DB = tuple(range(-100, 1, 5))
_NAMED = 100  # entries of every list of findings; their number is always whole


def statistics(rows: Sequence[Row], *, sample_rate: int, ignored: Sequence[str]) -> dict[str, Any]:
    """JSON values; hours are of the stored waveforms, histograms count kept clips per 5 dB."""
    kept = [row for row in rows if row.status == "kept"]
    leaks = _groups_in_several_splits(kept)
    duplicates = _duplicates(kept)
    return {
        "listed": len(rows),
        "kept": len(kept),
        "statuses": count(row.status for row in rows),
        "splits": {
            split: _split([row for row in rows if row.split == split], sample_rate)
            for split in SPLITS
            if any(row.split == split for row in rows)
        },
        "levels": {
            "edges_db": list(_EDGES_DB),
            "peak": _histogram(row.peak_db for row in kept),
            "rms": _histogram(row.rms_db for row in kept),
            "clips_with_clipped_samples": sum(bool(row.clipped_share) for row in kept),
        },
        "source_rates": count(str(row.source_rate) for row in kept),
        "source_formats": count(str(row.source_format) for row in kept),
        "groups_in_several_splits": {"count": len(leaks), "groups": leaks[:_NAMED]},
        "identical_clips": {"count": len(duplicates), "clips": duplicates[:_NAMED]},
        "identical_across_splits": _those(duplicates, {row.clip_id: row.split for row in kept}),
        "identical_under_other_labels": _those(duplicates, {row.clip_id: row.labels for row in kept}),
        "defects": defects(rows, sample_rate=sample_rate),
        "findings": findings(rows, sample_rate=sample_rate),
        "ignored": {"count": len(ignored), "names": list(ignored)},
    }


def count(values: Iterable[str]) -> dict[str, int]:
    """How often each value occurs, sorted by value."""
    return dict(sorted(collections.Counter(values).items()))


def hours(rows: Iterable[Row], sample_rate: int) -> float:
    """Hours of the stored waveforms of `rows`."""
    return sum(row.num_samples or 0 for row in rows) / sample_rate / 3600.0


def _split(rows: Sequence[Row], sample_rate: int) -> dict[str, Any]:
    kept = [row for row in rows if row.status == "kept"]
    return {
        "listed": len(rows),
        "kept": len(kept),
        "hours": hours(kept, sample_rate),
        "classes": count(label for row in kept for label in row.labels),
    }


def _those(duplicates: Sequence[list[str]], values: Mapping[str, object]) -> dict[str, Any]:
    """The groups whose clips differ in a value."""
    found = [same for same in duplicates if len({values[clip_id] for clip_id in same}) > 1]
    return {"count": len(found), "clips": found[:_NAMED]}


def _histogram(levels: Iterable[float | None]) -> list[int]:
    """Counts between consecutive edges; what lies outside counts in the first and the last."""
    bins = [0] * (len(_EDGES_DB) - 1)
    for level in levels:
        if level is not None:
            bins[min(max(int((level - _EDGES_DB[0]) // 5), 0), len(bins) - 1)] += 1
    return bins


def _groups_in_several_splits(kept: Iterable[Row]) -> list[str]:
    splits: dict[str, str] = {}
    return sorted({row.group for row in kept if splits.setdefault(row.group, row.split) != row.split})


def _duplicates(kept: Sequence[Row]) -> list[list[str]]:
    """Clips whose stored samples are the same, in whatever class or split."""
    return sorted(sorted(kept[position].clip_id for position in same) for same in identical(kept))
