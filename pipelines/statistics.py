"""What `stats.json` says about a snapshot: counts, hours, levels, and what deserves a look."""

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Container, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from infra.card import SPLITS
from pipelines.findings import COLUMNS, Defects
from pipelines.ledger import Columns, LedgerRows, Row, kept_of

_EDGES_DB = tuple(range(-100, 1, 5))
_INNER_EDGES_DB = _EDGES_DB[1:-1]  # what is beyond the outer ones counts in the first and the last bin
_COLUMNS = (
    "split",
    "group",
    "labels",
    "status",
    "source_rate",
    "source_format",
    "num_samples",
    "peak_db",
    "rms_db",
    "clipped_share",
    "sha256",
    *COLUMNS,
)
_NAMED = 100  # entries of every list of findings; their number is always whole


def statistics(rows: LedgerRows, *, sample_rate: int, ignored: Sequence[str]) -> dict[str, Any]:
    """JSON values; hours are of the stored waveforms, histograms count kept clips per 5 dB.

    The rows are read in the order of their ids, twice where some are identical, a few at a time: there may be millions.
    """
    found = _Findings(sample_rate)
    for columns in rows.columns(*_COLUMNS):
        found.add(columns)
    leaks, duplicates = sorted(found.leaks), _duplicates(rows, found.repeated) if found.repeated else []
    return {
        "listed": found.statuses.total(),
        "kept": found.statuses["kept"],
        "statuses": _sorted(found.statuses),
        "splits": found.splits(),
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
        "identical_across_splits": _named([same for same in duplicates if len({copy.split for copy in same}) > 1]),
        "identical_under_other_labels": _named(
            [same for same in duplicates if len({copy.labels for copy in same}) > 1]
        ),
        "defects": found.defects.named(),
        "findings": found.defects.sentences(),
        "ignored": {"count": len(ignored), "names": list(ignored)},
    }


class _Findings:
    """What one look at every row finds."""

    def __init__(self, sample_rate: int) -> None:
        self.defects = Defects(sample_rate)
        self.statuses: Counter[str] = Counter()
        self.rates: Counter[str] = Counter()
        self.formats: Counter[str] = Counter()
        self.peaks: Counter[int] = Counter()
        self.rms: Counter[int] = Counter()
        self.clipped = 0
        self.leaks: set[str] = set()
        self.repeated: set[bytes] = set()  # hashes of the samples of several clips
        self._sample_rate = sample_rate
        self._listed: Counter[str] = Counter()
        self._kept: Counter[str] = Counter()
        self._samples: Counter[str] = Counter()
        self._classes: Counter[tuple[str, str]] = Counter()  # split and label
        self._split_of: dict[str, str] = {}
        self._hashes: set[bytes] = set()

    def add(self, columns: Columns) -> None:
        """Some rows more."""
        self.defects.add(columns)
        self.statuses.update(columns["status"])
        self._listed.update(columns["split"])
        kept = kept_of(columns)
        self._kept.update(kept["split"])
        self.rates.update(map(str, kept["source_rate"]))
        self.formats.update(map(str, kept["source_format"]))
        self.peaks.update(map(_bin, kept["peak_db"]))
        self.rms.update(map(_bin, kept["rms_db"]))
        self.clipped += sum(map(bool, kept["clipped_share"]))
        for split, samples in zip(kept["split"], kept["num_samples"], strict=True):
            self._samples[split] += samples or 0
        labelled = zip(kept["split"], kept["labels"], strict=True)
        self._classes.update((split, label) for split, labels in labelled for label in labels)
        self._compare(kept)

    def _compare(self, kept: Columns) -> None:
        """With the clips before them."""
        for group, split in zip(kept["group"], kept["split"], strict=True):
            if self._split_of.setdefault(group, split) != split:
                self.leaks.add(group)
        for samples in map(_bytes, kept["sha256"]):
            if samples in self._hashes:
                self.repeated.add(samples)
            self._hashes.add(samples)

    def splits(self) -> dict[str, dict[str, Any]]:
        """Counts of every split that has a clip."""
        return {
            split: {
                "listed": self._listed[split],
                "kept": self._kept[split],
                "hours": self._samples[split] / self._sample_rate / 3600.0,
                "classes": _sorted({label: count for (of, label), count in self._classes.items() if of == split}),
            }
            for split in SPLITS
            if split in self._listed
        }


class _Copy(NamedTuple):
    clip_id: str
    split: str
    labels: tuple[str, ...]


def _duplicates(rows: LedgerRows, repeated: Container[bytes]) -> list[list[_Copy]]:
    """Kept clips whose stored samples are the same, in whatever class or split; the first id comes first."""
    same: dict[bytes, list[_Copy]] = defaultdict(list)
    for clip_id, split, labels, sha256 in rows.kept(*_Copy._fields, "sha256"):
        if (samples := _bytes(sha256)) in repeated:
            same[samples].append(_Copy(clip_id, split, labels))
    return list(same.values())


def _bytes(sha256: str | None) -> bytes:
    return bytes.fromhex(sha256 or "")


def _named(duplicates: Sequence[Sequence[_Copy]]) -> dict[str, Any]:
    return {"count": len(duplicates), "clips": [[copy.clip_id for copy in same] for same in duplicates[:_NAMED]]}


def count(values: Iterable[str]) -> dict[str, int]:
    """How often each value occurs, sorted by value."""
    return dict(sorted(Counter(values).items()))


def hours(rows: Iterable[Row], sample_rate: int) -> float:
    """Hours of the stored waveforms of `rows`."""
    return sum(row.num_samples or 0 for row in rows) / sample_rate / 3600.0


def _sorted(counter: Mapping[str, int]) -> dict[str, int]:
    return dict(sorted(counter.items()))


def _bin(level: float | None) -> int:
    """Which bin of the histogram; -1: digital silence, which has no level."""
    return -1 if level is None else bisect_right(_INNER_EDGES_DB, level)


def _histogram(bins: Mapping[int, int]) -> list[int]:
    """Counts between consecutive edges; what lies outside counts in the first and the last."""
    return [bins.get(index, 0) for index in range(len(_EDGES_DB) - 1)]
