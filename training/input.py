"""Snapshot, split and seed to batches: the same examples in the same order on any number of workers.

What a batch holds is a pure function of (seed, epoch, step): nothing is shuffled in a buffer, so a position
is two integers and a resumed run reads on exactly where the other one stopped.
"""

import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from training.recipe.augment import Augment, Examples
from training.recipe.balance import balanced_order, clip_weights
from training.recipe.config import LoudnessConfig
from training.recipe.loudness import normalise
from training.recipe.noise import evaluation_noise, with_noise
from training.records import Clips, Snapshot, to_float

Item = TypeVar("Item")


@dataclass(frozen=True)
class Batch:
    """Windows of one global batch, or one worker's part of it.

    Attributes:
      clips: positions in the split's clips, int64 [batch].
      waveform: float32 [batch, samples] in [-1, 1).
      targets: 1 for the classes that a clip has, else 0, or what mixup makes of them; float32 [batch, classes].
      task: position of the task that all of these clips are of.
      masked: where features are silenced, bool [batch, frames, filters]; None: nowhere.
    """

    clips: np.ndarray
    waveform: np.ndarray
    targets: np.ndarray
    task: int = 0
    masked: np.ndarray | None = None


@dataclass(frozen=True)
class Part:
    """Which slice of every global batch is this worker's: the `index`-th of `count` equal ones."""

    index: int = 0
    count: int = 1

    def of(self, size: int) -> slice:
        """The slice of a global batch of `size`, which must divide evenly."""
        if size % self.count:
            raise ValueError(
                f"The global batch must divide evenly among the workers. Received: batch_size={size} "
                f"for {self.count} workers. Choose a multiple of {self.count}."
            )
        share = size // self.count
        return slice(self.index * share, (self.index + 1) * share)


class TrainingInput:
    """Random windows of the clips of one split, each clip once an epoch.

    A split smaller than a batch is repeated to fill one; otherwise the incomplete last batch of an epoch
    is left out, so that a different few clips miss each epoch. Class-balanced, rare clips come more than
    once and frequent ones miss. Clips shorter than a window are padded with zeros behind their end, as in
    the original LEAF code.
    """

    def __init__(
        self,
        snapshot: Snapshot,
        clips: Clips,
        *,
        window: int,
        batch_size: int,
        seed: int,
        task: int = 0,
        augment: Augment | None = None,
        class_balanced: bool = False,
    ) -> None:
        self._snapshot, self._clips = snapshot, clips
        self._window, self._batch_size, self._seed, self._task = window, batch_size, seed, task
        self._augment = augment or Augment(seed=seed, task=task)
        self._weights = clip_weights(clips.labels.values, clips.labels.starts) if class_balanced else None
        self.num_clips = len(clips)
        self.steps_per_epoch = max(1, len(clips) // batch_size)

    def order(self, epoch: int) -> tuple[np.ndarray, np.ndarray]:
        """Clip positions int64 and window starts in samples int64 of every example of an epoch."""
        # Only `random` is used: its doubles are promised to stay the same from NumPy to NumPy.
        uniform = np.random.Generator(np.random.PCG64([self._seed, epoch, self._task])).random((2, len(self._clips)))
        count = self.steps_per_epoch * self._batch_size
        clips = np.resize(np.argsort(uniform[0], kind="stable"), count)
        if self._weights is not None:
            clips = balanced_order(self._weights, count, seed=self._seed, task=self._task, epoch=epoch)
        room = np.maximum(self._clips.num_samples[clips] - self._window, 0) + 1
        return clips, (np.resize(uniform[1], len(clips)) * room).astype(np.int64)

    def batches(self, epoch: int, *, first_step: int = 0, part: Part = Part()) -> Iterator[Batch]:
        """This worker's part of every batch of `epoch` from `first_step` on."""
        clips, starts = self.order(epoch)
        for step in range(first_step, self.steps_per_epoch):
            rows = np.arange(step * self._batch_size, (step + 1) * self._batch_size)[part.of(self._batch_size)]
            waveform, targets = self._augment.examples(
                lambda rows: _read(self._snapshot, self._clips, clips[rows], starts[rows], self._window),
                rows,
                epoch=epoch,
                batch_size=self._batch_size,
            )
            masked = self._augment.masks(rows, epoch=epoch)
            yield Batch(clips=clips[rows], waveform=waveform, targets=targets, task=self._task, masked=masked)


class EvaluationInput:
    """Consecutive, non-overlapping windows of every clip of one split, in batches of one size.

    The last window of a clip is padded with zeros and counts by the share of it that the clip fills.
    The last batch repeats window 0 behind its end with weight 0, so that all shapes are equal.

    With `snr_db` every window gets Gaussian noise at that ratio in dB, always the same noise; see `evaluation_noise`.
    """

    def __init__(
        self,
        snapshot: Snapshot,
        clips: Clips,
        *,
        window: int,
        batch_size: int,
        task: int = 0,
        loudness: LoudnessConfig | None = None,
        snr_db: float | None = None,
    ) -> None:
        self._snapshot, self._clips = snapshot, clips
        self._window, self._batch_size, self._task = window, batch_size, task
        self._loudness, self._snr_db = loudness or LoudnessConfig(), snr_db
        counts = np.maximum(1, -(-clips.num_samples // window))
        index = np.concatenate([np.arange(count) for count in counts])
        self.clips = np.repeat(np.arange(len(clips)), counts)
        self.starts = index * window
        self.weights = np.minimum(clips.num_samples[self.clips] - self.starts, window) / window

    def batches(self, *, part: Part = Part()) -> Iterator[Batch]:
        """This worker's part of every batch."""
        total = -(-len(self.clips) // self._batch_size) * self._batch_size
        rows = np.where(np.arange(total) < len(self.clips), np.arange(total), 0)
        for first in range(0, total, self._batch_size):
            mine = rows[first : first + self._batch_size][part.of(self._batch_size)]
            read = _read(self._snapshot, self._clips, self.clips[mine], self.starts[mine], self._window)
            waveform = normalise(self._noisy(read, mine), self._loudness)
            yield Batch(clips=self.clips[mine], waveform=waveform, targets=read.targets, task=self._task)

    def _noisy(self, read: Examples, rows: np.ndarray) -> np.ndarray:
        if self._snr_db is None:
            return read.waveform
        noisy = [
            with_noise(
                window,
                present=int(present),
                snr_db=self._snr_db,
                generator=evaluation_noise(self._clips.ids[self.clips[row]], int(self.starts[row])),
            )
            for window, present, row in zip(read.waveform, read.present, rows, strict=True)
        ]
        return np.stack(noisy)

    def average(self, outputs: Iterable[np.ndarray], *, classes: int) -> np.ndarray:
        """Weighted mean over the windows of each clip.

        Args:
          outputs: of every batch in order, [batch, classes]; not kept, as those of all windows may be many.
          classes: columns.

        Returns:
          float64 [clips, classes].
        """
        sums, first = np.zeros((len(self._clips), classes)), 0
        for output in outputs:
            rows = slice(first, min(first + len(output), len(self.clips)))
            weighted = output[: rows.stop - rows.start].astype(np.float64) * self.weights[rows, None]
            np.add.at(sums, self.clips[rows], weighted)  # one after another: the sizes of batches change no sum
            first = rows.stop
        return sums / np.bincount(self.clips, self.weights, minlength=len(self._clips))[:, None]


def prefetched(make: Callable[[], Iterable[Item]], *, depth: int = 2) -> Iterator[Item]:
    """Reads ahead in a thread; an exception of the reader is raised here."""
    items: queue.Queue[tuple[str, object]] = queue.Queue(depth)
    stopped = threading.Event()

    def put(kind: str, item: object) -> None:
        while not stopped.is_set():
            try:
                items.put((kind, item), timeout=0.2)
            except queue.Full:
                continue
            return

    def read() -> None:
        try:
            for item in make():
                put("item", item)
            put("end", None)
        except Exception as error:
            put("error", error)

    threading.Thread(target=read, daemon=True).start()
    try:
        while True:
            kind, item = items.get()
            if kind == "error":
                raise item  # type: ignore[misc]
            if kind == "end":
                return
            yield item  # type: ignore[misc]
    finally:
        stopped.set()


def _read(snapshot: Snapshot, clips: Clips, index: np.ndarray, starts: np.ndarray, window: int) -> Examples:
    waveform = to_float(snapshot.windows(clips, index, starts, window))
    present = np.clip(clips.num_samples[index] - starts, 1, window)
    return Examples(waveform=waveform, targets=clips.labels.targets(index), present=present)
