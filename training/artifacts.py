"""What a finished trial shows of itself: its history, confusions, worst clips, and its model for the registry."""

import json
import re
from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np

from infra.files import write_atomically
from infra.mlflow_model import save_mlflow_model
from infra.predictions import PREDICTIONS_NAME, read_predictions
from infra.tracking import Run
from training.checkpoint import Progress
from training.config import HISTORY_NAME, RESULTS_FOLDER, TrialResult
from training.confusion import write_confusion
from training.model import FRONTEND
from training.tasks.task import Task
from training.worst_clips import write_worst_clips

MODEL_FOLDER = "registered_model"


def tell_results(
    folder: Path, run: Run, model: keras.Model, tasks: Sequence[Task], *, progress: Progress, result: TrialResult
) -> None:
    """Writes all of it into the trial's folder, where the predictions are already, and tells the run."""
    history = {
        "epochs": progress.history,
        "test": {f"{task.name}.{key}": value for task in result.tasks for key, value in task.metrics.items()},
        "incidents": progress.incidents,
    }
    write_atomically(folder / HISTORY_NAME, json.dumps(history, indent=2, sort_keys=True) + "\n")
    run.artifact(folder / HISTORY_NAME)
    for path in _results(folder, model, tasks, title=f"{result.name}, seed {result.config.seed}"):
        run.artifact(path, folder=RESULTS_FOLDER)
    outputs = {task.name: len(task.snapshot.card.labels) for task in tasks}
    save_mlflow_model(
        model, folder / MODEL_FOLDER, inputs=model.input_shape, outputs=outputs, loader="training.registered"
    )
    run.model(folder / MODEL_FOLDER, name=registered_name([task.name for task in tasks], result.name))


def registered_name(tasks: Sequence[str], frontend: str) -> str:
    """The name in the registry, the same for all seeds; MLflow does not take "/" and ":"."""
    return re.sub(r"[^A-Za-z0-9_.+-]+", "_", f"leafworks-{'+'.join(tasks)}-{frontend}")


def _results(folder: Path, model: keras.Model, tasks: Sequence[Task], *, title: str) -> list[Path]:
    _, parts = read_predictions(folder / PREDICTIONS_NAME)
    tested = {part.task.name: part for part in parts if part.split == "test"}
    (folder / RESULTS_FOLDER).mkdir(exist_ok=True)
    written = []
    for task in tasks:
        if task.objective == "single_label":
            written += write_confusion(folder / RESULTS_FOLDER, tested[task.name])
        page = folder / RESULTS_FOLDER / f"worst_clips_{task.name}.html"
        write_worst_clips(
            page,
            tested[task.name],
            read=lambda clip_id, most, task=task: _samples(task, clip_id, most),
            frontend=model.get_layer(FRONTEND),
            sample_rate=task.snapshot.card.sample_rate,
            title=f"{title}, {task.name}",
        )
        written.append(page)
    return written


def _samples(task: Task, clip_id: str, most: int) -> np.ndarray:
    clips = task.test.clips
    index = clips.ids.index(clip_id)
    return task.snapshot.window(clips, index, 0, min(most, int(clips.num_samples[index])))
