"""A task opened for training: its snapshot, its objective and its splits."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from training.config import TrialConfig
from training.evaluate import Split, group_windows
from training.input import EvaluationInput, TrainingInput
from training.recipe.augment import Augment
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
      noisy: the test split again, signal-to-noise ratio in dB -> with noise; each is scored once.
    """

    name: str
    objective: Objective
    snapshot: Snapshot
    validation: Split
    test: Split
    noisy: Mapping[float, Split] = field(default_factory=dict)


def open_tasks(trial: TrialConfig, snapshots: Sequence[Snapshot], *, window: int, replicas: int) -> list[Task]:
    """The tasks with their objectives resolved.

    Args:
      trial: its tasks, and how windows are prepared.
      snapshots: of each task.
      window: samples of one excerpt.
      replicas: that score together; each gets one group of every batch.

    Raises:
      ValueError: labels that do not suit the objective, or a split that says nothing about any class.
    """
    settings = {
        "window": window,
        "batch_size": group_windows(trial.train.batch_size) * replicas,
        "loudness": trial.train.loudness,
    }
    tasks = []
    for index, (config, snapshot) in enumerate(zip(trial.tasks, snapshots, strict=True)):
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
            splits[name] = Split(clips=clips, windows=EvaluationInput(snapshot, clips, **settings, task=index))
        clips = splits["test"].clips
        noisy = {
            snr_db: Split(clips=clips, windows=EvaluationInput(snapshot, clips, **settings, task=index, snr_db=snr_db))
            for snr_db in trial.train.test_snr_db
        }
        tasks.append(Task(name=config.name, objective=objective, snapshot=snapshot, **splits, noisy=noisy))
    return tasks


def training_batches(
    trial: TrialConfig, snapshots: Sequence[Snapshot], *, window: int, features: tuple[int, int]
) -> TaskBatches:
    """The batches of the training splits of a trial's tasks; `features` are the frames and filters of a window."""
    inputs = [
        TrainingInput(
            snapshot,
            snapshot.clips("train"),
            window=window,
            batch_size=trial.train.batch_size,
            seed=trial.seed,
            task=index,
            augment=Augment(
                config=trial.train.augment,
                loudness=trial.train.loudness,
                seed=trial.seed,
                task=index,
                window_ms=trial.train.window_ms,
                features=features,
            ),
            class_balanced=trial.train.class_balanced,
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
