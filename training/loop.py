"""One update and one prediction under a `tf.distribute` strategy.

A custom step, because Keras 3's own `fit` does not work under multi-worker strategies. Every worker runs the
same program on its part of each global batch.
"""

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from training.config import TrainConfig
from training.guard.examine import Finding, examine, finite
from training.input import Batch, Part
from training.model import FRONTEND, of_one_task
from training.tasks.config import Objective
from training.tasks.objectives import losses, right


class Loop:
    """A model with its optimizer under a strategy: compiled steps over this worker's part of a batch."""

    def __init__(
        self,
        model: keras.Model,
        *,
        strategy: tf.distribute.Strategy,
        config: TrainConfig,
        steps_per_epoch: int,
        part: Part,
        objectives: Mapping[str, Objective],
    ) -> None:
        """With `objectives`: name of each task -> what its head is trained for."""
        self.model, self.part = model, part
        self._tasks = [(of_one_task(model, name), objective) for name, objective in objectives.items()]
        self._strategy, self._batch_size = strategy, config.batch_size
        frontend = model.get_layer(FRONTEND).trainable_variables
        others = [
            variable for layer in model.layers if layer.name != FRONTEND for variable in layer.trainable_variables
        ]
        steps = config.epochs * steps_per_epoch if config.schedule == "cosine" else None
        rates = ((frontend, config.frontend_learning_rate), (others, config.learning_rate))
        with strategy.scope():
            self._rate_factor = tf.Variable(1.0, trainable=False, dtype=tf.float32)
            self._updates = [
                (_adam(_Slowed(rate, steps, self._rate_factor), variables), variables)
                for variables, rate in rates
                if variables
            ]
        self._all_finite = tf.function(lambda: finite(self.variables))
        self.retrace()

    @property
    def variables(self) -> list[Any]:
        """All that a checkpoint must hold: weights, statistics, random state, optimizer."""
        return [*self.model.variables, *(v for optimizer, _ in self._updates for v in optimizer.variables)]

    def slow_down(self, factor: float) -> None:
        """Multiplies the learning rates as they are configured by `factor` from now on."""
        self._rate_factor.assign(factor)

    def finite(self) -> bool:
        """Whether all variables are."""
        return bool(self._all_finite())

    def examine(self, batch: Batch) -> Finding:
        """Finds what is not finite in the next step; statistics and random state are not what they were afterwards."""
        waveform, targets = self._place(batch.waveform), self._place(batch.targets)
        model, _ = self._tasks[batch.task]

        def gradients(x: tf.Tensor, y: tf.Tensor) -> list[tuple[Any, Any]]:
            _, _, updates, groups = self._gradients(x, y, batch.task)
            variables = [variable for _, group in updates for variable in group]
            return list(zip(variables, [gradient for group in groups for gradient in group], strict=True))

        return examine(model, self._strategy, gradients, (waveform, targets))

    def retrace(self) -> None:
        """Compiles the steps anew, after the front end changed its plan."""
        self._train = tf.function(self._train_step)  # one trace for each task, which is a Python number
        self._forward = tf.function(self._forward_step)

    def train(self, batch: Batch) -> tuple[tf.Tensor, tf.Tensor]:
        """One update; returns the mean loss and the number of right answers of the global batch.

        The head of another task than the batch's gets no gradient, and its optimizer no step.
        """
        return self._train(self._place(batch.waveform), self._place(batch.targets), task=batch.task)

    def predict(self, batch: Batch) -> np.ndarray:
        """Logits of the whole global batch, [batch_size, classes], from this worker's part of it."""
        logits = self._forward(self._place(batch.waveform), task=batch.task)
        return np.asarray(self._strategy.gather(logits, axis=0))

    def _place(self, rows: np.ndarray) -> Any:
        replicas = max(1, self._strategy.num_replicas_in_sync // self.part.count)
        pieces = np.split(rows, replicas)
        return self._strategy.experimental_distribute_values_from_function(
            lambda context: tf.constant(pieces[context.replica_id_in_sync_group % replicas])
        )

    def _train_step(self, waveform: Any, targets: Any, *, task: int) -> tuple[Any, Any]:
        loss, correct = self._strategy.run(lambda x, y: self._update(x, y, task), args=(waveform, targets))
        total = tf.distribute.ReduceOp.SUM
        return self._strategy.reduce(total, loss, axis=None), self._strategy.reduce(total, correct, axis=None)

    def _forward_step(self, waveform: Any, *, task: int) -> Any:
        model, _ = self._tasks[task]
        return self._strategy.run(lambda x: model(x, training=False), args=(waveform,))

    def _update(self, waveform: tf.Tensor, targets: tf.Tensor, task: int) -> tuple[tf.Tensor, tf.Tensor]:
        loss, logits, updates, gradients = self._gradients(waveform, targets, task)
        for (optimizer, variables), group in zip(updates, gradients, strict=True):
            optimizer.apply(group, variables)
        return loss, tf.reduce_sum(right(targets, logits))

    def _gradients(self, waveform: tf.Tensor, targets: tf.Tensor, task: int) -> tuple[Any, Any, Any, Any]:
        """Loss, logits, (optimizer, its variables in the task's model) pairs, and the gradients of each."""
        model, objective = self._tasks[task]
        with tf.GradientTape() as tape:
            logits = model(waveform, training=True)
            loss = tf.reduce_sum(losses(objective, targets, logits)) / self._batch_size
        mine = {id(variable) for variable in model.trainable_variables}
        updates = [(optimizer, [v for v in variables if id(v) in mine]) for optimizer, variables in self._updates]
        gradients = tape.gradient(loss, [variables for _, variables in updates])
        return loss, logits, updates, gradients


class _Slowed(keras.optimizers.schedules.LearningRateSchedule):
    """A cosine from `rate` to 0 over `steps`, or `rate` without them, times a variable."""

    def __init__(self, rate: float, steps: int | None, factor: tf.Variable) -> None:
        self._schedule = keras.optimizers.schedules.CosineDecay(rate, steps) if steps else lambda step: rate
        self._factor = factor

    def __call__(self, step: Any) -> Any:
        return self._factor * self._schedule(step)


def _adam(rate: keras.optimizers.schedules.LearningRateSchedule, variables: list[Any]) -> keras.optimizers.Optimizer:
    """Adam over `variables`."""
    optimizer = keras.optimizers.Adam(rate)
    optimizer.build(variables)
    return optimizer
