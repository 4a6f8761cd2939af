"""Every clip scored once: logits averaged over its windows."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from training.input import Batch, EvaluationInput, Part, prefetched
from training.records import Clips

Predict = Callable[[Batch], np.ndarray]


@dataclass(frozen=True)
class Scores:
    """Of one split: mean cross-entropy in nats, accuracy in [0, 1], logits float32 [clips, classes].

    Loss and accuracy are those of the float32 logits, so that the predictions that are kept give them again.
    """

    loss: float
    accuracy: float
    logits: np.ndarray


def score(predict: Predict, windows: EvaluationInput, clips: Clips, *, part: Part) -> Scores:
    """Scores a split.

    Args:
      predict: this worker's part of a batch -> logits [batch, classes] of the whole batch.
      windows: of the split.
      clips: the split.
      part: this worker's.
    """
    outputs = np.concatenate([predict(batch) for batch in prefetched(lambda: windows.batches(part=part))])
    logits = windows.average(outputs).astype(np.float32)
    exact = logits.astype(np.float64)
    shifted = exact - exact.max(axis=1, keepdims=True)
    log_probabilities = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return Scores(
        loss=float(-log_probabilities[np.arange(len(clips)), clips.labels].mean()),
        accuracy=float((logits.argmax(axis=1) == clips.labels).mean()),
        logits=logits,
    )
