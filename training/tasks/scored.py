"""What is kept of a trial's scores: its result in each task, every clip's logits, a row for each class."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from infra.files import write_atomically
from infra.predictions import PREDICTIONS_NAME, TEST, PredictedTask, Predictions, noisy_test, write_predictions
from training.evaluate import Scores, Split
from training.fit import Fitted
from training.tasks.config import TaskResult
from training.tasks.objectives import class_table, left_out
from training.tasks.task import Task

CLASSES_NAME = "classes.csv"
_CLASS_COLUMNS = (
    "task",
    "class",
    "clips",
    "recall",
    "precision",
    "taken_for_it",
    "average_precision",
    "auc",
    "d_prime",
)


def task_result(task: Task, fitted: Fitted) -> TaskResult:
    """What a trial came to in one task."""
    test = fitted.test[task.name]
    card = task.snapshot.card
    return TaskResult(
        name=task.name,
        corpus=card.corpus,
        snapshot_id=card.snapshot_id,
        objective=task.objective,
        metrics=test.metrics,
        validation_metrics=fitted.validation[task.name].metrics,
        noisy_metrics={str(snr_db): scores[task.name].metrics for snr_db, scores in fitted.noisy.items()},
        test_clips=len(test.logits),
        left_out=left_out(task.test.clips.labels),
    )


def write_scored(folder: Path, trial_id: str, tasks: Sequence[Task], fitted: Fitted) -> None:
    """Writes the predictions of both splits, and of the test split with noise, and the table of the test's classes."""
    test = fitted.test
    parts = []
    for task in tasks:
        scored = {TEST: test, "validation": fitted.validation}
        scored |= {noisy_test(snr_db): scores for snr_db, scores in fitted.noisy.items()}
        for split, scores in scored.items():
            clips = task.validation if split == "validation" else task.test
            parts.append(_predictions(task, split, clips, scores[task.name]))
    write_predictions(folder / PREDICTIONS_NAME, trial_id, parts)
    text = io.StringIO()
    table = csv.DictWriter(text, _CLASS_COLUMNS, lineterminator="\n")
    table.writeheader()
    for task in tasks:
        for row in class_table(task.objective, task.test.clips.labels, test[task.name].logits):
            table.writerow({"task": task.name, **row})
    write_atomically(folder / CLASSES_NAME, text.getvalue())


def _predictions(task: Task, name: str, split: Split, scores: Scores) -> Predictions:
    card, clips = task.snapshot.card, split.clips
    # With noise the test split has another name, and the same clips.
    origins = task.snapshot.origins(name if split is task.validation else TEST)
    return Predictions(
        task=PredictedTask(
            name=task.name,
            objective=task.objective,
            corpus=card.corpus,
            snapshot_id=card.snapshot_id,
            classes=card.labels,
        ),
        split=name,
        clip_ids=clips.ids,
        groups=origins.groups,
        labels=tuple(clips.labels.of(clip) for clip in range(len(clips))),
        logits=scores.logits,
        sample_sha256=origins.sample_sha256,
    )
