"""The whole of training as a function given its parts: no Ray, no MLflow, no files but the checkpoints.

A custom step under `tf.distribute`, because Keras 3's own `fit` does not work under multi-worker
strategies. Every worker runs the same program on its part of each global batch.
"""

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import keras
import numpy as np
import tensorflow as tf

from infra.tracking import Run
from training.checkpoint import CheckpointStore, Progress
from training.config import TrainConfig
from training.evaluate import Scores, score
from training.input import Batch, EvaluationInput, Part, TrainingInput, prefetched
from training.model import FRONTEND
from training.records import Clips

Observe = Callable[[], Mapping[str, np.ndarray]]


class Planner(Protocol):
    """A front end whose algorithm is planned for its weights; see `frontends.gabor.GaborFilterbank`."""

    def replan(self) -> bool:
        """Plans for the present weights if they have left the plan; True: compile again."""

    def planned_for(self) -> dict[str, list[float]]:
        """What the present plan was made for."""

    def restore_plan(self, planned_for: Mapping[str, list[float]]) -> None:
        """Makes that plan again."""


@dataclass(frozen=True, kw_only=True)
class Split:
    """A split to be scored: its clips and their windows."""

    clips: Clips
    windows: EvaluationInput


@dataclass(frozen=True, kw_only=True)
class Fitted:
    """What a training ended with; the model holds the weights of the best epoch."""

    progress: Progress
    validation: Scores
    test: Scores


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


def fit(
    loop: Loop,
    config: TrainConfig,
    *,
    training: TrainingInput,
    validation: Split,
    test: Split,
    checkpoints: CheckpointStore,
    run: Run,
    observe: Observe,
    planner: Planner | None = None,
    chief: bool = True,
    on_epoch: Callable[[int, dict[str, float]], None] = lambda epoch, metrics: None,
) -> Fitted:
    """Trains to the end from wherever the last checkpoint stands.

    The validation split chooses the epoch; the test split is scored once, with the weights of that epoch.

    Args:
      loop: model, optimizer and strategy.
      config: epochs, checkpoint interval.
      training: the batches.
      validation: chooses.
      test: is scored once.
      checkpoints: the trial's store; every worker reads it, the chief writes it.
      run: gets the metrics of every epoch.
      observe: the front end's parameters in physical units, each [filters].
      planner: the front end, if it fits its algorithm to its weights.
      chief: whether this worker writes.
      on_epoch: called by the chief with the number of finished epochs and the metrics of the last one.

    Raises:
      FloatingPointError: the loss is not finite.
    """
    progress = checkpoints.restore(loop.variables)
    if planner and progress.plan:
        planner.restore_plan(progress.plan)
    _observe(progress, observe)
    for epoch, values in enumerate(progress.history, start=1):
        _announce(run, on_epoch, epoch, values, chief=chief)

    def save() -> None:
        progress.plan = planner.planned_for() if planner else {}
        if chief:
            checkpoints.save(loop.variables, progress)

    while progress.epoch < config.epochs:
        started = time.monotonic() - progress.seconds
        _run_epoch(loop, config, training, progress, planner=planner, save=save)
        scores = _score(loop, validation)
        _end_epoch(progress, scores, examples=training.steps_per_epoch * config.batch_size)
        _observe(progress, observe)
        progress.seconds = time.monotonic() - started
        if chief and progress.best_epoch == progress.epoch:
            checkpoints.save_best(loop.model.variables)
        save()
        _announce(run, on_epoch, progress.epoch, progress.history[-1], chief=chief)
    checkpoints.restore_best(loop.model.variables)
    return Fitted(progress=progress, validation=_score(loop, validation), test=_score(loop, test))


def _run_epoch(
    loop: Loop,
    config: TrainConfig,
    training: TrainingInput,
    progress: Progress,
    *,
    planner: Planner | None,
    save: Callable[[], None],
) -> None:
    """The present epoch from `progress.step` on.

    The front end re-plans wherever a checkpoint may have been read, so that a resumed run computes with
    the same algorithm as an unbroken one.
    """
    first_step = progress.step
    sums: list[tuple[tf.Tensor, tf.Tensor]] = []
    _replan(loop, planner)
    for batch in prefetched(lambda: training.batches(progress.epoch, first_step=first_step, part=loop.part)):
        sums.append(loop.train(batch))
        progress.step += 1
        if progress.step % config.checkpoint_steps == 0 and progress.step < training.steps_per_epoch:
            _settle(progress, sums)
            save()
            _replan(loop, planner)
    _settle(progress, sums)


def _replan(loop: Loop, planner: Planner | None) -> None:
    if planner and planner.replan():
        loop.retrace()


def _announce(
    run: Run,
    on_epoch: Callable[[int, dict[str, float]], None],
    epoch: int,
    metrics: dict[str, float],
    *,
    chief: bool,
) -> None:
    """Tells an epoch's metrics; on a resume also those of earlier epochs, of which some may not have been told."""
    if chief:
        run.metrics(metrics, step=epoch)
        on_epoch(epoch, metrics)


def _settle(progress: Progress, sums: list[tuple[tf.Tensor, tf.Tensor]]) -> None:
    """Adds the results of the steps since the last call, which until now were left on the device."""
    for loss, correct in sums:
        progress.loss_sum += float(loss)
        progress.correct += float(correct)
    sums.clear()
    if not math.isfinite(progress.loss_sum):
        raise FloatingPointError(
            f"The training loss must be finite. Received: {progress.loss_sum} in epoch {progress.epoch + 1}, at "
            f"or before step {progress.step}. Lower the learning rate, or look at the clips of that epoch."
        )


def _end_epoch(progress: Progress, scores: Scores, *, examples: int) -> None:
    progress.history.append(
        {
            "train.loss": progress.loss_sum / progress.step,
            "train.accuracy": progress.correct / examples,
            "validation.loss": scores.loss,
            "validation.accuracy": scores.accuracy,
        }
    )
    progress.epoch, progress.step, progress.loss_sum, progress.correct = len(progress.history), 0, 0.0, 0.0
    # The best accuracy, then the lowest loss, then the earliest epoch.
    ranks = [(-past["validation.accuracy"], past["validation.loss"]) for past in progress.history]
    progress.best_epoch = ranks.index(min(ranks)) + 1


def _score(loop: Loop, split: Split) -> Scores:
    return score(loop.predict, split.windows, split.clips, make=lambda: split.windows.batches(part=loop.part))


def _observe(progress: Progress, observe: Observe) -> None:
    """Appends the present front-end parameters, unless those of this epoch are there already."""
    for name, values in observe().items():
        epochs = progress.learned.setdefault(name, [])
        if len(epochs) == progress.epoch:
            epochs.append(np.asarray(values, np.float64).tolist())
