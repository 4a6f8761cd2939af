"""What the tasks of a trial are, which of them each step trains, and what came of each. Stdlib only."""

import re
from dataclasses import dataclass
from typing import Literal

Objective = Literal["single_label", "multi_label"]
MAIN_METRIC: dict[Objective, str] = {"single_label": "accuracy", "multi_label": "mAP"}


@dataclass(frozen=True, kw_only=True)
class TaskConfig:
    """One task of a trial: a snapshot's classes, told apart by a head of its own.

    Attributes:
      name: of the task in tables, metrics and predictions; letters, digits, "_" and "-".
      objective: "single_label": softmax and cross-entropy; accuracy. "multi_label": a sigmoid for each class and binary
        cross-entropy; mean average precision. "auto": what the snapshot's labels say: single_label where every kept
        clip has exactly one.
    """

    name: str
    objective: Literal["auto", "single_label", "multi_label"] = "auto"

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[A-Za-z0-9_-]+", self.name):
            raise ValueError(f"A task's name has letters, digits, _ and - only. Received: {self.name!r}.")


@dataclass(frozen=True, kw_only=True)
class SamplingConfig:
    """Which task each step of a trial with several tasks trains; a batch is of one task.

    Attributes:
      rule: "uniform" draws every task equally often, "proportional" in proportion to the clips of its training split,
        each step on its own; "round_robin" takes them in turn.
      temperature: of "proportional": shares are those of clips^(1 / temperature), so that small tasks are drawn more
        often than their clips say (the larger, the closer to "uniform").
    """

    rule: Literal["uniform", "proportional", "round_robin"] = "uniform"
    temperature: float = 1.0

    def __post_init__(self) -> None:
        if not self.temperature >= 1.0:
            raise ValueError(f"Rule: temperature >= 1. Received: {self.temperature!r}.")
        if self.temperature != 1.0 and self.rule != "proportional":
            raise ValueError(
                f"Rule: a temperature changes the rule 'proportional' only. Received: {self.temperature!r} with the "
                f"rule {self.rule!r}."
            )


@dataclass(frozen=True, kw_only=True)
class TaskSnapshot:
    """Where the snapshot of a task is, and the `snapshot_id` on its card."""

    task: str
    folder: str
    snapshot_id: str


@dataclass(frozen=True, kw_only=True)
class TaskResult:
    """What a finished trial came to in one of its tasks.

    Attributes:
      name: of the task.
      corpus: name of the corpus.
      snapshot_id: trained and tested on.
      objective: that was trained for; its `main_metric` is what the best epoch was chosen by.
      metrics: of the test split. "loss": cross-entropy in nats, of a multi_label task the mean over classes; "accuracy"
        of a single_label one, in [0, 1]; of a multi_label one "mAP", "AUC" and "lwlrap" in [0, 1], "d_prime" (of the
        mean AUC) and "mean_d_prime" (mean over classes of their own).
      validation_metrics: likewise, of the validation split at the best epoch.
      test_clips: scored.
      left_out: classes without a positive, or without a negative, clip in the test split; they are in no mean of a
        multi_label task.
    """

    name: str
    corpus: str
    snapshot_id: str
    objective: Objective
    metrics: dict[str, float]
    validation_metrics: dict[str, float]
    test_clips: int
    left_out: tuple[str, ...] = ()

    @property
    def main_metric(self) -> str:
        """Its name: accuracy or mAP."""
        return MAIN_METRIC[self.objective]

    @property
    def score(self) -> float:
        """The main metric of the test split."""
        return self.metrics[self.main_metric]

    @property
    def validation_score(self) -> float:
        """The main metric of the validation split at the best epoch."""
        return self.validation_metrics[self.main_metric]
