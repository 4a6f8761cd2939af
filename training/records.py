"""Random access to the waveforms of a snapshot, by the byte offsets in its ledger."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from infra.card import LEDGER_NAME, DatasetCard, read_card
from training.tasks.labels import Labels

_BYTES_PER_SAMPLE = 2
_COLUMNS = ["clip_id", "group", "labels", "num_samples", "sha256", "shard", "waveform_offset"]


@dataclass(frozen=True)
class Clips:
    """The kept clips of one split, in the order of their ids.

    Attributes:
      ids: clip ids, [clips].
      labels: of the card's classes.
      num_samples: lengths at the card's rate, int64 [clips].
      shards: file names, [clips].
      offsets: byte position of the first sample in its shard, int64 [clips].
      groups: of the ledger, [clips]; None: the clip is a group of its own.
      sample_sha256: of the stored samples, [clips].
    """

    ids: tuple[str, ...]
    labels: Labels
    num_samples: np.ndarray
    shards: tuple[str, ...]
    offsets: np.ndarray
    groups: tuple[str | None, ...]
    sample_sha256: tuple[str | None, ...]

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
          ValueError: no such split.
        """
        self.card.split(split)
        kept = [("status", "=", "kept"), ("split", "=", split)]
        ledger = self.folder / LEDGER_NAME
        table = pq.read_table(ledger, columns=_COLUMNS, filters=kept, partitioning=None).sort_by("clip_id")
        columns = {name: table[name].to_pylist() for name in _COLUMNS if name != "labels"}
        ids = columns["clip_id"]
        return Clips(
            ids=tuple(ids),
            labels=self._labels(table["labels"]),
            num_samples=np.array(columns["num_samples"], np.int64),
            shards=tuple(columns["shard"]),
            offsets=np.array(columns["waveform_offset"], np.int64),
            groups=tuple(
                None if own in ("", clip_id) else own for clip_id, own in zip(ids, columns["group"], strict=True)
            ),
            sample_sha256=tuple(columns["sha256"]),
        )

    def all_labels(self) -> tuple[tuple[str, ...], Labels]:
        """The ids and the labels of every kept clip, whatever its split."""
        ledger = self.folder / LEDGER_NAME
        kept = [("status", "=", "kept")]
        table = pq.read_table(ledger, columns=["clip_id", "labels"], filters=kept, partitioning=None)
        return tuple(table["clip_id"].to_pylist()), self._labels(table["labels"])

    def window(self, clips: Clips, index: int, start: int, length: int) -> np.ndarray:
        """Samples [start, start + length) of a clip, int16 [length]; zeros behind the clip's end."""
        present = max(0, min(length, int(clips.num_samples[index]) - start))
        first = int(clips.offsets[index]) + start * _BYTES_PER_SAMPLE
        data = self._shard(clips.shards[index])[first : first + present * _BYTES_PER_SAMPLE]
        samples = np.zeros(length, np.int16)
        samples[:present] = np.frombuffer(data.tobytes(), "<i2")
        return samples

    def _labels(self, column: pa.ChunkedArray) -> Labels:
        lists = column.combine_chunks()
        values = pc.index_in(lists.flatten(), pa.array(self.card.labels, pa.string())).fill_null(-1)
        starts = np.concatenate([[0], np.cumsum(pc.list_value_length(lists).to_numpy(zero_copy_only=False))])
        labels = Labels(self.card.labels, values.to_numpy().astype(np.int32), starts.astype(np.int64))
        if (labels.values < 0).any():
            raise ValueError(
                f"Rule: the ledger's labels are on the card. Received: others in {self.folder}. Prepare again."
            )
        return labels

    def _shard(self, name: str) -> np.ndarray:
        if name not in self._shards:
            self._shards[name] = np.memmap(self.folder / name, np.uint8, mode="r")
        return self._shards[name]


def to_float(samples: np.ndarray) -> np.ndarray:
    """int16 to float32 in [-1, 1)."""
    return samples.astype(np.float32) / 32768.0
