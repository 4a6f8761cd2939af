"""The labels of many clips, as positions in the names of the classes."""

from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Labels:
    """Which classes each clip has; two flat arrays, because AudioSet has two million clips and 527 classes.

    Attributes:
      names: of the classes.
      values: positions in `names`, one clip after another, int32 [labels of all clips].
      starts: of each clip's labels in `values`, and the end of the last one's, int64 [clips + 1].
    """

    names: tuple[str, ...]
    values: np.ndarray
    starts: np.ndarray

    def __len__(self) -> int:
        return len(self.starts) - 1

    @property
    def counts(self) -> np.ndarray:
        """Labels of each clip, int64 [clips]."""
        return np.diff(self.starts)

    def of(self, clip: int) -> tuple[str, ...]:
        """The names of one clip's classes."""
        return tuple(self.names[value] for value in self.values[self.starts[clip] : self.starts[clip + 1]])

    def targets(self, clips: Any) -> np.ndarray:
        """1 where the clip has the class, else 0; float32 [clips, classes]."""
        clips = np.asarray(clips)
        targets = np.zeros((len(clips), len(self.names)), np.float32)
        for row, clip in zip(targets, clips, strict=True):
            row[self.values[self.starts[clip] : self.starts[clip + 1]]] = 1.0
        return targets

    def all_targets(self) -> np.ndarray:
        """Whether the clip has the class, bool [clips, classes]."""
        truth = np.zeros((len(self), len(self.names)), bool)
        truth[np.repeat(np.arange(len(self)), self.counts), self.values] = True
        return truth
