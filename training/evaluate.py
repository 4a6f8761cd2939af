"""Every clip scored once: logits averaged over its windows, metrics over all clips.

Windows are scored in groups of a size that the number of workers does not change, in an order that it does not change;
the groups are dealt to the workers. A product of matrices may round differently for another number of rows, so that
shares of one batch would give a clip other logits on two workers than on one.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from training.input import Batch, EvaluationInput, Part, prefetched
from training.records import Clips
from training.tasks.config import MAIN_METRIC, Objective
from training.tasks.objectives import metrics

Predict = Callable[[Batch], np.ndarray]
_LARGEST_GROUP = 32


@dataclass(frozen=True, kw_only=True)
class Split:
    """A split to be scored: its clips and their windows."""

    clips: Clips
    windows: EvaluationInput


@dataclass(frozen=True, kw_only=True)
class Scores:
    """Of one split of one task.

    Attributes:
      objective: of the task.
      metrics: see `TaskResult.metrics`; they are those of the float32 logits, so that the predictions that are kept
        give them again.
      logits: float32 [clips, classes].
    """

    objective: Objective
    metrics: dict[str, float]
    logits: np.ndarray

    @property
    def main(self) -> float:
        """The main metric: accuracy or mAP."""
        return self.metrics[MAIN_METRIC[self.objective]]


def group_windows(batch_size: int) -> int:
    """Windows that one replica scores together; a function of the trial's config alone.

    Not more than a batch of the training, which is chosen for the memory there is, and not more than 32.
    """
    return min(batch_size, _LARGEST_GROUP)


def score(predict: Predict, split: Split, *, objective: Objective, part: Part) -> Scores:
    """Scores a split.

    Args:
      predict: this worker's part of a batch -> logits [batch, classes] of the whole batch.
      split: its batches hold one group for every replica.
      objective: of the task.
      part: this worker's.

    Raises:
      FloatingPointError: a logit is not finite.
    """
    labels = split.clips.labels
    outputs = (predict(batch) for batch in prefetched(lambda: split.windows.batches(part=part)))
    logits = split.windows.average(outputs, classes=len(labels.names)).astype(np.float32)
    broken = np.flatnonzero(~np.isfinite(logits).all(axis=1))
    if len(broken):
        raise FloatingPointError(
            f"The logits of every clip must be finite. Received: others for {len(broken)} of {len(logits)} clips, "
            f"first `{split.clips.ids[broken[0]]}`. Lower the learning rate."
        )
    return Scores(objective=objective, metrics=metrics(objective, labels.all_targets(), logits), logits=logits)
