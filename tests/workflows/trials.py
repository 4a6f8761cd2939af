"""Finished trials laid down as files, so that tables and plans can be tested without training."""

from collections.abc import Sequence

import numpy as np

from infra import config
from infra.predictions import PREDICTIONS_NAME, PredictedTask, Predictions, write_predictions
from training.config import RESULT_NAME, TrialConfig, TrialResult
from training.tasks.config import TaskResult
from workflows.places import Places


def predictions(
    right: Sequence[bool],
    *,
    task: str = "digits",
    snapshot_id: str = "s",
    prefix: str = "",
    group_size: int | None = None,
) -> Predictions:
    """Of clips with two classes, each answered as `right` says; groups of `group_size` clips each."""
    count = len(right)
    labels = ["ab"[index % 2] for index in range(count)]
    said = [label if fine else "ba"["ab".index(label)] for label, fine in zip(labels, right, strict=True)]
    logits = np.array([[1.0, 0.0] if name == "a" else [0.0, 1.0] for name in said], np.float32)
    return Predictions(
        task=PredictedTask(
            name=task, objective="single_label", corpus="corpus", snapshot_id=snapshot_id, classes=("a", "b")
        ),
        split="test",
        clip_ids=tuple(f"{prefix}{index:04}" for index in range(count)),
        groups=tuple(None if group_size is None else f"g{index // group_size:03}" for index in range(count)),
        labels=tuple((label,) for label in labels),
        logits=logits,
        sample_sha256=tuple(f"sha of {prefix}{index}" for index in range(count)),
    )


def task_result(part: Predictions) -> TaskResult:
    """Of a trial with these predictions; the metrics are no one's."""
    return TaskResult(
        name=part.task.name,
        corpus=part.task.corpus,
        snapshot_id=part.task.snapshot_id,
        objective=part.task.objective,
        metrics={"accuracy": 0.0, "loss": 0.0},
        validation_metrics={"accuracy": 0.0, "loss": 0.0},
        test_clips=len(part.clip_ids),
    )


def lay_down(
    places: Places, trial_id: str, name: str, trial: TrialConfig, parts: Sequence[Predictions], *, seconds: float = 10.0
) -> None:
    """What a finished trial leaves that a report reads."""
    folder = places.trial(trial_id)
    folder.mkdir(parents=True)
    write_predictions(folder / PREDICTIONS_NAME, trial_id, parts)
    result = TrialResult(
        name=name,
        trial_id=trial_id,
        config=trial,
        tasks=(),
        best_epoch=1,
        frontend_parameters=0,
        parameters=10,
        train_seconds=seconds,
        workers=1,
    )
    (folder / RESULT_NAME).write_text(config.to_json(result))
