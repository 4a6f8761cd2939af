"""Random access to the waveforms of a snapshot, by the byte offsets in its ledger."""

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from infra.card import LEDGER_NAME, DatasetCard, read_card
from training.tasks.labels import Labels

_BYTES_PER_SAMPLE = 2
_OPEN_SHARDS = 256  # of each snapshot; AudioSet has thousands, and systems allow a process 1,024 files


@dataclass(frozen=True)
class Clips:
    """The kept clips of one split, in the order of their ids.

    Attributes:
      ids: clip ids, [clips].
      labels: of the card's classes.
      num_samples: lengths at the card's rate, int64 [clips].
      shards: file names, [clips].
      offsets: byte position of the first sample in its shard, int64 [clips].
    """

    ids: tuple[str, ...]
    labels: Labels
    num_samples: np.ndarray
    shards: tuple[str, ...]
    offsets: np.ndarray

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True)
class Origins:
    """Where the clips of a split are from, in the order of `Clips`.

    Attributes:
      groups: of the ledger, [clips]; None: the clip is a group of its own.
      sample_sha256: of the stored samples, [clips].
    """

    groups: tuple[str | None, ...]
    sample_sha256: tuple[str | None, ...]


class Snapshot:
    """A prepared corpus, opened for reading."""

    def __init__(self, folder: str | Path) -> None:
        self.folder = opened = Path(folder)
        self.card: DatasetCard = read_card(self.folder)
        self._shard = lru_cache(maxsize=_OPEN_SHARDS)(lambda name: _Shard(opened / name))

    def clips(self, split: str) -> Clips:
        """The kept clips of `split`.

        Raises:
          ValueError: no such split.
        """
        self.card.split(split)
        table = self._kept(["clip_id", "labels", "num_samples", "shard", "waveform_offset"], split)
        return Clips(
            ids=tuple(table["clip_id"].to_pylist()),
            labels=self._labels(table["labels"]),
            num_samples=table["num_samples"].to_numpy(),
            shards=tuple(map(sys.intern, table["shard"].to_pylist())),  # a few names, many times
            offsets=table["waveform_offset"].to_numpy(),
        )

    def origins(self, split: str) -> Origins:
        """Groups and hashes of the kept clips of `split`."""
        table = self._kept(["clip_id", "group", "sha256"], split)
        pairs = zip(table["clip_id"].to_pylist(), table["group"].to_pylist(), strict=True)
        return Origins(
            groups=tuple(None if group in ("", clip_id) else group for clip_id, group in pairs),
            sample_sha256=tuple(table["sha256"].to_pylist()),
        )

    def all_labels(self) -> Labels:
        """The labels of every kept clip, whatever its split, in the order of the ids."""
        return self._labels(self._kept(["clip_id", "labels"])["labels"])

    def all_ids(self) -> tuple[str, ...]:
        """The ids of every kept clip, whatever its split, sorted."""
        return tuple(self._kept(["clip_id"])["clip_id"].to_pylist())

    def window(self, clips: Clips, index: int, start: int, length: int) -> np.ndarray:
        """Samples [start, start + length) of a clip, int16 [length]; zeros behind the clip's end."""
        return self.windows(clips, [index], [start], length)[0]

    def windows(self, clips: Clips, index: Sequence[int], starts: Sequence[int], length: int) -> np.ndarray:
        """Likewise of several clips, each from a start of its own, int16 [windows, length]."""
        index, starts = np.asarray(index), np.asarray(starts)
        present = np.clip(clips.num_samples[index] - starts, 0, length).tolist()
        offsets = (clips.offsets[index] + starts * _BYTES_PER_SAMPLE).tolist()
        samples = np.empty((len(index), length), "<i2")
        for row, clip, offset, size in zip(samples, index.tolist(), offsets, present, strict=True):
            self._shard(clips.shards[clip]).read_into(row[:size], offset)
            row[size:] = 0
        return samples

    def _kept(self, columns: list[str], split: str | None = None) -> pa.Table:
        """These columns of the ledger's kept clips, in the order of their ids."""
        wanted = [("status", "=", "kept"), *([] if split is None else [("split", "=", split)])]
        ledger = self.folder / LEDGER_NAME
        return pq.read_table(ledger, columns=columns, filters=wanted, partitioning=None).sort_by("clip_id")

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


class _Shard:
    """A shard's file, open for reading by any thread; it is closed with the last reference to it."""

    def __init__(self, path: Path) -> None:
        self._path, self._descriptor = path, -1
        self._descriptor = os.open(path, os.O_RDONLY)

    def __del__(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)

    def read_into(self, samples: np.ndarray, offset: int) -> None:
        """Fills `samples` from the bytes at `offset`."""
        rest = samples
        while len(rest):
            done = os.preadv(self._descriptor, (rest,), offset)
            if not done:
                raise ValueError(f"Rule: shards are whole. Received: {self._path}, which ends early. Prepare again.")
            if done == rest.nbytes:
                return
            rest, offset = rest.view(np.uint8)[done:], offset + done


def to_float(samples: np.ndarray) -> np.ndarray:
    """int16 to float32 in [-1, 1)."""
    waveform = samples.astype(np.float32)
    waveform *= np.float32(1 / 32768)  # in place: new memory costs more than the product
    return waveform
