"""Random access to the waveforms of a snapshot, by the byte offsets in its ledger."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from infra.card import LEDGER_NAME, DatasetCard, read_card

_BYTES_PER_SAMPLE = 2
_COLUMNS = ("clip_id", "split", "labels", "status", "shard", "num_samples", "waveform_offset")


@dataclass(frozen=True)
class Clips:
    """The kept clips of one split, in the order of their ids.

    Attributes:
      ids: clip ids, [clips].
      labels: positions in the card's labels, int32 [clips].
      num_samples: lengths at the card's rate, int64 [clips].
      shards: file names, [clips].
      offsets: byte position of the first sample in its shard, int64 [clips].
    """

    ids: tuple[str, ...]
    labels: np.ndarray
    num_samples: np.ndarray
    shards: tuple[str, ...]
    offsets: np.ndarray

    def __len__(self) -> int:
        return len(self.ids)


class Snapshot:
    """A prepared corpus, opened for reading."""

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self.card: DatasetCard = read_card(self.folder)
        self._shards: dict[str, np.ndarray] = {}

    def clips(self, split: str) -> Clips:
        """The kept clips of `split`.

        Raises:
          ValueError: no such split, or a clip that has not exactly one label.
        """
        self.card.split(split)
        table = pq.read_table(self.folder / LEDGER_NAME, columns=list(_COLUMNS))
        rows = [row for row in table.to_pylist() if row["status"] == "kept" and row["split"] == split]
        rows.sort(key=lambda row: row["clip_id"])
        positions = {name: index for index, name in enumerate(self.card.labels)}
        return Clips(
            ids=tuple(row["clip_id"] for row in rows),
            labels=np.array([_only_label(row, positions) for row in rows], np.int32),
            num_samples=np.array([row["num_samples"] for row in rows], np.int64),
            shards=tuple(row["shard"] for row in rows),
            offsets=np.array([row["waveform_offset"] for row in rows], np.int64),
        )

    def window(self, clips: Clips, index: int, start: int, length: int) -> np.ndarray:
        """Samples [start, start + length) of a clip, int16 [length]; zeros behind the clip's end."""
        present = max(0, min(length, int(clips.num_samples[index]) - start))
        first = int(clips.offsets[index]) + start * _BYTES_PER_SAMPLE
        data = self._shard(clips.shards[index])[first : first + present * _BYTES_PER_SAMPLE]
        samples = np.zeros(length, np.int16)
        samples[:present] = np.frombuffer(data.tobytes(), "<i2")
        return samples

    def _shard(self, name: str) -> np.ndarray:
        if name not in self._shards:
            self._shards[name] = np.memmap(self.folder / name, np.uint8, mode="r")
        return self._shards[name]


def to_float(samples: np.ndarray) -> np.ndarray:
    """int16 to float32 in [-1, 1)."""
    return samples.astype(np.float32) / 32768.0


def _only_label(row: Mapping[str, object], positions: Mapping[str, int]) -> int:
    labels = row["labels"]
    if not isinstance(labels, list) or len(labels) != 1:
        raise ValueError(
            f"Single-label training needs exactly one label per clip. Received: {labels} for clip `{row['clip_id']}`."
        )
    return positions[labels[0]]
