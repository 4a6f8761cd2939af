"""The whole of training as a function given its parts: no Ray, no MLflow, no files but the checkpoints."""

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import tensorflow as tf

from infra.tracking import Run
from training.checkpoint import CheckpointStore, Progress
from training.cluster.stopping import NEVER, InterruptedEvaluation, InterruptedTraining, Stop
from training.config import TrainConfig
from training.evaluate import Scores, score
from training.input import Batch, EvaluationInput, TrainingInput, prefetched
from training.loop import Loop
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
    stop: Stop = NEVER,
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
      stop: whether to stop before the end.
      on_epoch: called by the chief with the number of finished epochs and the metrics of the last one.

    Raises:
      FloatingPointError: the loss is not finite.
      InterruptedTraining: asked to stop, after a step and its checkpoint.
      InterruptedEvaluation: asked to stop in an evaluation; the checkpoint of the step before it is there.
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
        _run_epoch(loop, config, training, progress, planner=planner, save=save, stop=stop)
        scores = _score(loop, validation, stop)
        _end_epoch(progress, scores, examples=training.steps_per_epoch * config.batch_size)
        _observe(progress, observe)
        progress.seconds = time.monotonic() - started
        if chief and progress.best_epoch == progress.epoch:
            checkpoints.save_best(loop.model.variables)
        save()
        _announce(run, on_epoch, progress.epoch, progress.history[-1], chief=chief)
    checkpoints.restore_best(loop.model.variables)
    return Fitted(progress=progress, validation=_score(loop, validation, stop), test=_score(loop, test, stop))


def _run_epoch(
    loop: Loop,
    config: TrainConfig,
    training: TrainingInput,
    progress: Progress,
    *,
    planner: Planner | None,
    save: Callable[[], None],
    stop: Stop,
) -> None:
    """The present epoch from `progress.step` on; a checkpoint is written at its end, before the evaluation.

    The front end re-plans at the beginning of an epoch and after every `checkpoint_steps`, wherever the run was
    interrupted, so that a resumed run computes with the same algorithm as an unbroken one.
    """
    first_step, last_step = progress.step, training.steps_per_epoch
    sums: list[tuple[tf.Tensor, tf.Tensor]] = []
    if _at_checkpoint(progress, config, last_step):
        _replan(loop, planner)
    for batch in prefetched(lambda: training.batches(progress.epoch, first_step=first_step, part=loop.part)):
        sums.append(loop.train(batch))
        progress.step += 1
        stopping = stop.after_step()
        at_checkpoint = _at_checkpoint(progress, config, last_step)
        if stopping or at_checkpoint or progress.step == last_step:
            _settle(progress, sums)
            save()
        if stopping:
            raise InterruptedTraining
        if at_checkpoint:
            _replan(loop, planner)


def _at_checkpoint(progress: Progress, config: TrainConfig, last_step: int) -> bool:
    return progress.step % config.checkpoint_steps == 0 and progress.step < last_step


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


def _score(loop: Loop, split: Split, stop: Stop) -> Scores:
    def predict(batch: Batch) -> np.ndarray:
        if stop.asked():
            raise InterruptedEvaluation
        return loop.predict(batch)

    return score(predict, split.windows, split.clips, part=loop.part)


def _observe(progress: Progress, observe: Observe) -> None:
    """Appends the present front-end parameters, unless those of this epoch are there already."""
    for name, values in observe().items():
        epochs = progress.learned.setdefault(name, [])
        if len(epochs) == progress.epoch:
            epochs.append(np.asarray(values, np.float64).tolist())
