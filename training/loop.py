"""One update and one prediction under a `tf.distribute` strategy.

A custom step, because Keras 3's own `fit` does not work under multi-worker strategies. Every worker runs the
same program on its part of each global batch.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from training.config import TrainConfig
from training.guard.examine import Finding, examine, finite
from training.input import Batch, Part
from training.model import FRONTEND, behind_frontend, of_one_task
from training.recipe.average import Average
from training.recipe.optimizer import Group, clipped, make_groups
from training.recipe.schedule import rate_factor
from training.tasks.config import Objective
from training.tasks.objectives import losses, right


class Loop:
    """A model with its optimizers under a strategy: compiled steps over this worker's part of a batch."""

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
        self._frontend = model.get_layer(FRONTEND)
        self._tasks = [(of_one_task(model, name), objective) for name, objective in objectives.items()]
        self._behind = [behind_frontend(own) for own, _ in self._tasks]
        self._strategy, self._config, self._steps_per_epoch = strategy, config, steps_per_epoch
        with strategy.scope():
            self._groups = make_groups(config, frontend=self._frontend, model=model)
            momentum = config.optimizer.average
            weights = model.trainable_variables
            self._average = Average(weights, momentum=momentum, strategy=strategy) if momentum else None
        self._frozen, self._slowed = False, 1.0
        self._all_finite = tf.function(lambda: finite(self.variables))
        self.go_to(0, 0, ())
        self.retrace()

    @property
    def variables(self) -> list[Any]:
        """All that a checkpoint must hold: weights, statistics, random state, optimizers, average."""
        optimizers = [variable for group in self._groups for variable in group.optimizer.variables]
        return [*self.model.variables, *optimizers, *(self._average.variables if self._average else ())]

    def slow_down(self, factor: float) -> None:
        """Multiplies the learning rates as they are configured by `factor` from now on."""
        self._slowed = factor

    def finite(self) -> bool:
        """Whether all variables are."""
        return bool(self._all_finite())

    def examine(self, batch: Batch) -> Finding:
        """Finds what is not finite in the next step; statistics and random state are not what they were afterwards."""
        model, _ = self._tasks[batch.task]

        def gradients(*inputs: Any) -> list[tuple[Any, Any]]:
            _, _, variables, groups = self._gradients(*inputs, batch.task)
            pairs = zip(variables, groups, strict=True)
            return [pair for own, found in pairs for pair in zip(own, found, strict=True)]

        return examine(model, self._strategy, gradients, self._inputs(batch))

    def retrace(self) -> None:
        """Compiles the steps anew, after the front end changed its plan."""
        self._train = tf.function(self._train_step)  # one trace for each task, which is a Python number
        self._forward = tf.function(self._forward_step)

    def go_to(self, epoch: int, step: int, validation_losses: Sequence[float]) -> None:
        """The next update is `step` of `epoch`, both from 0, after epochs with these validation losses.

        To be called at the beginning of every epoch and wherever a checkpoint was read; updates count on by themselves.
        """
        self._step, self._validation_losses = epoch * self._steps_per_epoch + step, validation_losses
        frozen = self._config.freeze.frozen(epoch + 1)
        if frozen != self._frozen:
            self._frozen = frozen
            self.retrace()

    def skip(self) -> None:
        """Leaves one update out."""
        self._step += 1

    def train(self, batch: Batch) -> tuple[tf.Tensor, tf.Tensor]:
        """One update; returns the mean loss and the number of right answers of the global batch.

        The head of another task than the batch's gets no gradient, and its optimizer no step.
        """
        factor = rate_factor(
            self._config.schedule,
            step=self._step,
            steps=self._config.epochs * self._steps_per_epoch,
            validation_losses=self._validation_losses,
        )
        for group in self._groups:
            group.optimizer.learning_rate = group.learning_rate * factor * self._slowed
        self._step += 1
        return self._train(*self._inputs(batch), task=batch.task)

    def predict(self, batch: Batch) -> np.ndarray:
        """Logits of the whole global batch, [batch_size, classes], from this worker's part of it."""
        logits = self._forward(self._place(batch.waveform), task=batch.task)
        return np.asarray(self._strategy.gather(logits, axis=0))

    def wait_for_all(self) -> None:
        """Returns once every worker has come here: what the chief wrote before, all can read."""
        if self.part.count > 1:
            here = self._strategy.experimental_distribute_values_from_function(lambda _: tf.zeros(1))
            np.asarray(self._strategy.gather(here, axis=0))

    @contextmanager
    def evaluated_weights(self) -> Iterator[None]:
        """While the block runs, the model has the weights that are evaluated and saved: the average, if there is."""
        if self._average is None:
            yield
            return
        with self._average.in_place():
            yield

    def _inputs(self, batch: Batch) -> tuple[Any, Any, Any]:
        masked = None if batch.masked is None else self._place(batch.masked)
        return self._place(batch.waveform), self._place(batch.targets), masked

    def _place(self, rows: np.ndarray) -> Any:
        replicas = max(1, self._strategy.num_replicas_in_sync // self.part.count)
        pieces = np.split(rows, replicas)
        return self._strategy.experimental_distribute_values_from_function(
            lambda context: tf.constant(pieces[context.replica_id_in_sync_group % replicas])
        )

    def _train_step(self, waveform: Any, targets: Any, masked: Any, *, task: int) -> tuple[Any, Any]:
        loss, correct = self._strategy.run(
            lambda x, y, m: self._update(x, y, m, task), args=(waveform, targets, masked)
        )
        if self._average:
            self._average.update()
        total = tf.distribute.ReduceOp.SUM
        return self._strategy.reduce(total, loss, axis=None), self._strategy.reduce(total, correct, axis=None)

    def _forward_step(self, waveform: Any, *, task: int) -> Any:
        model, _ = self._tasks[task]
        return self._strategy.run(lambda x: model(x, training=False), args=(waveform,))

    def _update(
        self, waveform: tf.Tensor, targets: tf.Tensor, masked: tf.Tensor | None, task: int
    ) -> tuple[tf.Tensor, tf.Tensor]:
        loss, logits, variables, gradients = self._gradients(waveform, targets, masked, task)
        gradients = clipped(gradients, self._config.optimizer.clip_norm)
        for group, own, found in zip(self._learning(), variables, gradients, strict=True):
            group.optimizer.apply(found, own)
        return loss, tf.reduce_sum(right(targets, logits))

    def _gradients(
        self, waveform: tf.Tensor, targets: tf.Tensor, masked: tf.Tensor | None, task: int
    ) -> tuple[Any, Any, Any, Any]:
        """Loss, logits, the variables in the task's model of each group that learns, and their gradients."""
        model, objective = self._tasks[task]
        with tf.GradientTape() as tape:
            logits = self._behind[task](self._features(waveform, masked), training=True)
            loss = tf.reduce_sum(losses(objective, targets, logits)) / self._config.batch_size
        mine = {id(variable) for variable in model.trainable_variables}
        variables = [[variable for variable in group.variables if id(variable) in mine] for group in self._learning()]
        return loss, logits, variables, tape.gradient(loss, variables)

    def _learning(self) -> list[Group]:
        return [group for group in self._groups if not (self._frozen and group.frontend)]

    def _features(self, waveform: tf.Tensor, masked: tf.Tensor | None) -> tf.Tensor:
        """What the front end gives, silenced where it is masked; of a frozen one without a way back for gradients."""
        features = self._frontend(waveform, training=not self._frozen)
        if self._frozen:
            features = tf.stop_gradient(features)
        if masked is None:
            return features
        # Silence is what this front end makes of it now: with PCEN or a normalisation it is not 0, and it moves.
        silence = tf.stop_gradient(self._frontend(tf.zeros_like(waveform[:1]), training=False))
        return tf.where(masked if len(features.shape) == 3 else masked[..., None], silence, features)
