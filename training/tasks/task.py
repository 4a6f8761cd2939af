"""A task opened for training: its snapshot, its objective and its splits."""

from collections.abc import Sequence
from dataclasses import dataclass

from training.config import TrialConfig
from training.evaluate import Split, group_windows
from training.input import EvaluationInput, TrainingInput
from training.records import Snapshot
from training.tasks.batches import TaskBatches
from training.tasks.config import Objective, TaskConfig
from training.tasks.objectives import left_out, resolved


@dataclass(frozen=True, kw_only=True)
class Task:
    """One task of a trial.

    Attributes:
      name: of the task.
      objective: what it is trained for.
      snapshot: its data; the outputs of its head are the classes on the card.
      validation: chooses the epoch.
      test: is scored once.
    """

    name: str
    objective: Objective
    snapshot: Snapshot
    validation: Split
    test: Split


def open_tasks(
    configs: Sequence[TaskConfig], snapshots: Sequence[Snapshot], *, window: int, batch_size: int, replicas: int
) -> list[Task]:
    """The tasks with their objectives resolved.

    Args:
      configs: of the tasks.
      snapshots: of each.
      window: samples of one excerpt.
      batch_size: of the training.
      replicas: that score together; each gets one group of every batch.

    Raises:
      ValueError: labels that do not suit the objective, or a split that says nothing about any class.
    """
    evaluation_batch = group_windows(batch_size) * replicas
    tasks = []
    for index, (config, snapshot) in enumerate(zip(configs, snapshots, strict=True)):
        objective = resolved(config, snapshot.all_labels(), snapshot.all_ids)
        splits = {}
        for name in ("validation", "test"):
            clips = snapshot.clips(name)
            if objective == "multi_label" and len(left_out(clips.labels)) == len(clips.labels.names):
                raise ValueError(
                    f"Rule: some class of a multi_label task has a clip of the {name} split, and not all of them. "
                    f"Received: no such class for the task `{config.name}` among {len(clips)} clips. Give the split "
                    "more clips."
                )
            windows = EvaluationInput(snapshot, clips, window=window, batch_size=evaluation_batch, task=index)
            splits[name] = Split(clips=clips, windows=windows)
        tasks.append(Task(name=config.name, objective=objective, snapshot=snapshot, **splits))
    return tasks


def training_batches(trial: TrialConfig, snapshots: Sequence[Snapshot], *, window: int) -> TaskBatches:
    """The batches of the training splits of a trial's tasks."""
    inputs = [
        TrainingInput(
            snapshot,
            snapshot.clips("train"),
            window=window,
            batch_size=trial.train.batch_size,
            seed=trial.seed,
            task=index,
        )
        for index, snapshot in enumerate(snapshots)
    ]
    return TaskBatches(inputs, trial.train.task_sampling, seed=trial.seed)


def common_sample_rate(configs: Sequence[TaskConfig], snapshots: Sequence[Snapshot]) -> int:
    """The one sample rate in Hz of all snapshots.

    Raises:
      ValueError: they differ.
    """
    rates = {config.name: snapshot.card.sample_rate for config, snapshot in zip(configs, snapshots, strict=True)}
    if len(set(rates.values())) != 1:
        raise ValueError(
            f"Rule: tasks that share a front end have one sample rate. Received: {rates} Hz. Prepare all corpora with "
            "the same `sample_rate`."
        )
    return next(iter(rates.values()))
