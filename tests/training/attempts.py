"""A training in this process, which may be killed at a step, without Ray and without a tracker."""

import keras
import numpy as np
import tensorflow as tf

from frontends import Leaf
from frontends.config import LeafConfig
from frontends.inspect import physical_parameters
from infra.tracking import MemoryRun
from training.checkpoint import CheckpointStore
from training.cluster.stopping import NEVER
from training.config import TrialConfig
from training.fit import fit
from training.input import Part
from training.loop import Loop
from training.model import FRONTEND, build_model
from training.tasks.batches import TaskBatches
from training.tasks.config import TaskConfig
from training.tasks.task import open_tasks, training_batches

_WHOLE = Part()


class KilledError(Exception):
    """Stands for a kill in the middle of a step."""


class KilledBatches:
    """Dies when the given epoch reaches the given step."""

    def __init__(self, batches: TaskBatches, *, at):
        self._batches, self._at = batches, at
        self.steps_per_epoch = batches.steps_per_epoch

    def batches(self, epoch, *, first_step=0, part=_WHOLE):
        for step, batch in enumerate(self._batches.batches(epoch, first_step=first_step, part=part), start=first_step):
            if (epoch, step) == self._at:
                raise KilledError
            yield batch


class StopAfter:
    """Asks to stop after so many steps, or after so many batches of evaluations; counts over one attempt."""

    def __init__(self, *, steps=None, batches=None):
        self._steps, self._batches = steps, batches
        self.steps = self.batches = 0

    def after_step(self):
        self.steps += 1
        return self.steps == self._steps

    def asked(self):
        self.batches += 1
        return self.batches == self._batches


def train(*snapshots, folder, frontend=None, config, kill_at=None, run=None, stop=NEVER):
    """One attempt at a training in `folder`, with a task for each snapshot."""
    window = round(config.window_ms * 16)
    names = [snapshot.card.corpus for snapshot in snapshots]
    trial = TrialConfig(
        frontend=frontend or LeafConfig(num_filters=8),
        train=config,
        seed=7,
        tasks=tuple(TaskConfig(name=name) for name in names),
    )
    tasks = open_tasks(trial.tasks, snapshots, window=window, batch_size=config.batch_size, replicas=1)
    classes = {task.name: len(task.snapshot.card.labels) for task in tasks}
    model = build_model(
        trial.frontend, config.encoder, sample_rate=16000, window=window, classes=classes, seed=trial.seed
    )
    layer = model.get_layer(FRONTEND)
    training = training_batches(trial, snapshots, window=window)
    loop = Loop(
        model,
        strategy=tf.distribute.get_strategy(),
        config=config,
        steps_per_epoch=training.steps_per_epoch,
        part=Part(),
        objectives={task.name: task.objective for task in tasks},
    )
    fitted = fit(
        loop,
        config,
        training=training if kill_at is None else KilledBatches(training, at=kill_at),
        tasks=tasks,
        checkpoints=CheckpointStore(folder),
        run=run or MemoryRun(),
        observe=lambda: physical_parameters(layer),
        planner=layer if isinstance(layer, Leaf) else None,
        stop=stop,
    )
    return fitted, loop


def of_the_training(run):
    """Metrics without those of what it used, which no two trainings share."""
    used = ("time.", "memory.", "cpu.", "energy.")
    return {name: values for name, values in run.metric_values.items() if not name.startswith(used)}


def values_of(loop):
    """Every variable of the model and its optimizers."""
    return [np.asarray(keras.ops.convert_to_tensor(variable)) for variable in loop.variables]
