"""The metrics of an epoch by name, and which epoch is the best.

Of one task they are called "validation.accuracy", of several "validation.TASK.accuracy"; "validation.score" is then
the mean of the tasks' main metrics (accuracy or mAP), which chooses the epoch.
"""

import math
from collections.abc import Mapping, Sequence

from training.evaluate import Scores
from training.tasks.config import MAIN_METRIC

# Of the steps of an epoch: task -> sum of the losses, right answers, examples, steps.
Sums = dict[str, list[float]]


def training_metrics(sums: Sums, objectives: Mapping[str, str]) -> dict[str, float]:
    """Mean loss, and accuracy of single_label tasks, over the steps of an epoch; of tasks that were drawn in it.

    The loss is NaN where the guard left out every step.
    """
    steps = sum(values[3] for values in sums.values())
    found = {"train.loss": sum(values[0] for values in sums.values()) / steps if steps else math.nan}
    for name, (loss, right, examples, own_steps) in sums.items():
        prefix = _prefix("train", name, objectives)
        found[f"{prefix}.loss"] = loss / own_steps
        if objectives[name] == "single_label":
            found[f"{prefix}.accuracy"] = right / examples
    return found


def split_metrics(split: str, scores: Mapping[str, Scores]) -> dict[str, float]:
    """All metrics of all tasks on a split."""
    found = {
        f"{_prefix(split, name, scores)}.{metric}": value
        for name, own in scores.items()
        for metric, value in own.metrics.items()
    }
    if len(scores) > 1:
        found[f"{split}.loss"] = sum(own.metrics["loss"] for own in scores.values()) / len(scores)
        found[f"{split}.score"] = sum(own.main for own in scores.values()) / len(scores)
    return found


def best_epoch(history: Sequence[Mapping[str, float]], objectives: Mapping[str, str]) -> int:
    """1-based: the best main metric (of several tasks their mean), then the lowest loss, then the earliest."""
    (first, *others) = objectives.values()
    main = "score" if others else MAIN_METRIC[first]  # type: ignore[index]
    ranks = [(-past[f"validation.{main}"], past["validation.loss"]) for past in history]
    return ranks.index(min(ranks)) + 1


def _prefix(split: str, name: str, tasks: Mapping[str, object]) -> str:
    return f"{split}.{name}" if len(tasks) > 1 else split
