"""Clips that hold the same sound: exact copies by their hash, near ones by fingerprint and then by ear."""

import collections
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import numpy as np

from pipelines.audio import Samples, Waveform
from pipelines.ledger import Row


@dataclass(frozen=True, kw_only=True, slots=True)
class Stored:
    """A kept clip: its row, the folder of its snapshot, and the rate of the waveform there, in Hz."""

    row: Row
    folder: Path
    rate: int

    def samples(self) -> Samples:
        """Its waveform, read from the shard."""
        assert self.row.shard is not None
        with (self.folder / self.row.shard).open("rb") as stream:
            stream.seek(self.row.waveform_offset or 0)
            return np.frombuffer(stream.read(2 * (self.row.num_samples or 0)), "<i2")

    def heard(self) -> Waveform:
        """Its waveform at the rate of fingerprints."""
        from pipelines.fingerprint import at_low_rate

        return at_low_rate(self.samples(), self.rate)


def identical(rows: Sequence[Row]) -> Iterator[list[int]]:
    """Positions of rows with the same stored samples, two or more at a time."""
    clips: dict[str, list[int]] = collections.defaultdict(list)
    for position, row in enumerate(rows):
        if row.sha256 is not None:
            clips[row.sha256].append(position)
    return (same for same in clips.values() if len(same) > 1)


def near(clips: Sequence[Stored], *, workers: int) -> dict[tuple[int, int], float]:
    """Positions of two near duplicates, the smaller first -> their correlation; of exact copies, the first speaks."""
    from pipelines import fingerprint  # SciPy takes its time to load, and most preparations need no near search

    first: dict[str, int] = {}
    for position, clip in enumerate(clips):
        first.setdefault(clip.row.sha256 or "", position)
    speakers = sorted(first.values(), key=lambda position: (clips[position].folder, clips[position].row.shard or ""))
    batches = [list(same) for _, same in groupby(speakers, key=lambda at: (clips[at].folder, clips[at].row.shard))]
    with ThreadPoolExecutor(workers) as pool:
        sketched = pool.map(
            lambda batch: [fingerprint.sketch(clips[at].samples(), rate=clips[at].rate) for at in batch], batches
        )
        sketches = [sketch for batch in sketched for sketch in batch]
        order = sorted(range(len(speakers)), key=lambda at: speakers[at])
        found = fingerprint.candidates([sketches[at] for at in order])
        pairs = [(speakers[order[one]], speakers[order[other]]) for one, other in found]
        heard = pool.map(lambda pair: fingerprint.correlation(*(clips[at].heard() for at in pair)), pairs)
        return {
            pair: correlation for pair, correlation in zip(pairs, heard, strict=True) if correlation >= fingerprint.SAME
        }
