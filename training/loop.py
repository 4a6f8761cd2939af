"""One update and one prediction under a `tf.distribute` strategy.

A custom step, because Keras 3's own `fit` does not work under multi-worker strategies. Every worker runs the
same program on its part of each global batch.
"""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from training.config import TrainConfig
from training.input import Batch, Part
from training.model import FRONTEND


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
    ) -> None:
        self.model, self.part = model, part
        self._strategy, self._batch_size = strategy, config.batch_size
        frontend = model.get_layer(FRONTEND).trainable_variables
        others = [
            variable for layer in model.layers if layer.name != FRONTEND for variable in layer.trainable_variables
        ]
        steps = config.epochs * steps_per_epoch if config.schedule == "cosine" else None
        rates = ((frontend, config.frontend_learning_rate), (others, config.learning_rate))
        with strategy.scope():
            self._updates = [(_adam(rate, steps, variables), variables) for variables, rate in rates if variables]
        self.retrace()

    @property
    def variables(self) -> list[Any]:
        """All that a checkpoint must hold: weights, statistics, random state, optimizer."""
        return [*self.model.variables, *(v for optimizer, _ in self._updates for v in optimizer.variables)]

    def retrace(self) -> None:
        """Compiles the steps anew, after the front end changed its plan."""
        self._train = tf.function(self._train_step)
        self._forward = tf.function(self._forward_step)

    def train(self, batch: Batch) -> tuple[tf.Tensor, tf.Tensor]:
        """One update; returns the mean loss and the number of right answers of the global batch."""
        return self._train(self._place(batch.waveform), self._place(batch.labels))

    def predict(self, batch: Batch) -> np.ndarray:
        """Logits of the whole global batch, [batch_size, classes], from this worker's part of it."""
        logits = self._forward(self._place(batch.waveform))
        return np.asarray(self._strategy.gather(logits, axis=0))

    def _place(self, rows: np.ndarray) -> Any:
        replicas = max(1, self._strategy.num_replicas_in_sync // self.part.count)
        pieces = np.split(rows, replicas)
        return self._strategy.experimental_distribute_values_from_function(
            lambda context: tf.constant(pieces[context.replica_id_in_sync_group % replicas])
        )

    def _train_step(self, waveform: Any, labels: Any) -> tuple[Any, Any]:
        loss, correct = self._strategy.run(self._update, args=(waveform, labels))
        total = tf.distribute.ReduceOp.SUM
        return self._strategy.reduce(total, loss, axis=None), self._strategy.reduce(total, correct, axis=None)

    def _forward_step(self, waveform: Any) -> Any:
        return self._strategy.run(lambda x: self.model(x, training=False), args=(waveform,))

    def _update(self, waveform: tf.Tensor, labels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        with tf.GradientTape() as tape:
            logits = self.model(waveform, training=True)
            losses = keras.ops.sparse_categorical_crossentropy(labels, logits, from_logits=True)
            loss = tf.reduce_sum(losses) / self._batch_size
        gradients = tape.gradient(loss, [variables for _, variables in self._updates])
        for (optimizer, variables), group in zip(self._updates, gradients, strict=True):
            optimizer.apply(group, variables)
        right = tf.equal(tf.argmax(logits, axis=1, output_type=labels.dtype), labels)
        return loss, tf.reduce_sum(tf.cast(right, tf.float32))


def _adam(learning_rate: float, steps: int | None, variables: list[Any]) -> keras.optimizers.Optimizer:
    """Adam over `variables`, with a cosine from `learning_rate` to 0 over `steps`, or constant without them."""
    rate = keras.optimizers.schedules.CosineDecay(learning_rate, steps) if steps else learning_rate
    optimizer = keras.optimizers.Adam(rate)
    optimizer.build(variables)
    return optimizer
