"""The whole of training as a function given its parts: no Ray, no MLflow, no files but the checkpoints."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import tensorflow as tf

from infra.tracking import Run
from training.checkpoint import CheckpointStore, Progress
from training.cluster.stopping import NEVER, InterruptedEvaluation, InterruptedTraining, Stop
from training.config import TrainConfig
from training.evaluate import Scores, Split, score
from training.guard.guard import DivergedError, Guard, is_skipped
from training.input import Batch, prefetched
from training.learned import learned_metrics
from training.loop import Loop
from training.resources import Meter, visible_gpus
from training.tasks.batches import TaskBatches
from training.tasks.history import best_epoch, split_metrics, training_metrics
from training.tasks.task import Task

_Step = tuple[str, tf.Tensor, tf.Tensor]  # task, loss, right answers
Observe = Callable[[], Mapping[str, np.ndarray]]
OnEpoch = Callable[[int, dict[str, float]], None]


class Planner(Protocol):
    """A front end whose algorithm is planned for its weights; see `frontends.gabor.GaborFilterbank`."""

    def replan(self) -> bool:
        """Plans for the present weights if they have left the plan; True: compile again."""

    def planned_for(self) -> dict[str, list[float]]:
        """What the present plan was made for."""

    def restore_plan(self, planned_for: Mapping[str, list[float]]) -> None:
        """Makes that plan again."""


@dataclass(frozen=True, kw_only=True)
class Fitted:
    """What a training ended with, task -> scores; the model holds the weights of the best epoch.

    `noisy` has the test splits with noise, by their signal-to-noise ratio in dB.
    """

    progress: Progress
    validation: dict[str, Scores]
    test: dict[str, Scores]
    noisy: dict[float, dict[str, Scores]]


def fit(
    loop: Loop,
    config: TrainConfig,
    *,
    training: TaskBatches,
    tasks: Sequence[Task],
    checkpoints: CheckpointStore,
    run: Run,
    observe: Observe,
    planner: Planner | None = None,
    chief: bool = True,
    stop: Stop = NEVER,
    folder: Path | None = None,
    on_epoch: Callable[[int, dict[str, float]], None] = lambda epoch, metrics: None,
) -> Fitted:
    """Trains to the end, or until patience is at its end, from wherever the last checkpoint stands.

    The validation splits choose the epoch; the test splits are scored once, with the weights of that epoch.

    Args:
      loop: model, optimizer and strategy.
      config: epochs, checkpoint interval.
      training: the batches.
      tasks: that are trained, in the order of the batches' `task`.
      checkpoints: the trial's store; every worker reads it, the chief writes it.
      run: gets the metrics of every epoch.
      observe: the front end's parameters in physical units, each [filters].
      planner: the front end, if it fits its algorithm to its weights.
      chief: whether this worker writes.
      stop: whether to stop before the end.
      folder: gets the report of what was not finite; None: nowhere.
      on_epoch: called by the chief with the number of finished epochs and the metrics of the last one.

    Raises:
      FloatingPointError: something is not finite, and the trial ends for it; see `training.guard`.
      InterruptedTraining: asked to stop, after a step and its checkpoint.
      InterruptedEvaluation: asked to stop in an evaluation; the checkpoint of the step before it is there.
    """
    progress = _restored(loop, checkpoints, planner)
    _observe(progress, observe)
    for epoch in range(1, progress.epoch + 1):
        _announce(run, on_epoch, progress, epoch, chief=chief)

    def save(present: Progress) -> None:
        present.plan = planner.planned_for() if planner else {}
        if chief:
            checkpoints.save(loop.variables, present)

    guard = Guard(
        config.guard,
        loop=loop,
        batches=lambda epoch, first: training.batches(epoch, first_step=first, part=loop.part),
        clip_ids=lambda epoch, step: _clip_ids(training, tasks, epoch, step),
        steps_per_epoch=training.steps_per_epoch,
        restore=lambda: _restored(loop, checkpoints, planner),
        save=save,
        run=run,
        folder=folder if chief else None,
    )
    meter = Meter(workers=loop.part.count, gpus=visible_gpus())
    if not checkpoints.exists:
        save(progress)  # what the guard goes back to
    while progress.epoch < config.epochs and not _hopeless(progress, config.patience):
        started = time.monotonic() - progress.seconds
        try:
            _run_epoch(
                loop,
                config,
                training,
                progress,
                tasks=tasks,
                planner=planner,
                save=save,
                guard=guard,
                meter=meter,
                stop=stop,
            )
        except DivergedError:
            progress = guard.recover()
            continue
        with loop.evaluated_weights():
            _end_epoch(progress, _score(loop, tasks, lambda task: task.validation, stop), tasks)
            _observe(progress, observe)
            progress.seconds = time.monotonic() - started
            if chief and progress.best_epoch == progress.epoch:
                checkpoints.save_best(loop.model.variables)
        used = meter.read(batch_size=config.batch_size)
        progress.energy_kwh += used["energy.kwh_estimate"]
        save(progress)
        _announce(run, on_epoch, progress, progress.epoch, chief=chief)
        _tell_use(run, progress, used, chief=chief)
    return _with_best_weights(loop, config, tasks, checkpoints=checkpoints, progress=progress, stop=stop)


def _with_best_weights(
    loop: Loop,
    config: TrainConfig,
    tasks: Sequence[Task],
    *,
    checkpoints: CheckpointStore,
    progress: Progress,
    stop: Stop,
) -> Fitted:
    """Scores every split with the weights of the best epoch, which the model then holds."""
    # Another worker would find no best weights yet, or those of an earlier epoch.
    loop.wait_for_all()
    checkpoints.restore_best(loop.model.variables)
    return Fitted(
        progress=progress,
        validation=_score(loop, tasks, lambda task: task.validation, stop),
        test=_score(loop, tasks, lambda task: task.test, stop),
        noisy={
            snr_db: _score(loop, tasks, lambda task, at=snr_db: task.noisy[at], stop) for snr_db in config.test_snr_db
        },
    )


def _run_epoch(
    loop: Loop,
    config: TrainConfig,
    training: TaskBatches,
    progress: Progress,
    *,
    tasks: Sequence[Task],
    planner: Planner | None,
    save: Callable[[Progress], None],
    guard: Guard,
    meter: Meter,
    stop: Stop,
) -> None:
    """The present epoch from `progress.step` on; a checkpoint is written at its end, before the evaluation.

    The front end re-plans at the beginning of an epoch and after every `checkpoint_steps`, wherever the run was
    interrupted, so that a resumed run computes with the same algorithm as an unbroken one.
    """
    first_step, last_step = progress.step, training.steps_per_epoch
    steps: list[_Step] = []
    _go_to(loop, progress)
    if _at_checkpoint(progress, config, last_step):
        _replan(loop, planner)
    batches = prefetched(lambda: training.batches(progress.epoch, first_step=first_step, part=loop.part))
    for batch in meter.timed(batches):
        if is_skipped(progress, progress.step):
            loop.skip()
        else:
            steps.append((tasks[batch.task].name, *loop.train(batch)))
        progress.step += 1
        stopping = stop.after_step()
        at_checkpoint = _at_checkpoint(progress, config, last_step)
        if stopping or at_checkpoint or progress.step == last_step:
            _settle(progress, steps, batch_size=config.batch_size, guard=guard)
            save(progress)
        if stopping:
            raise InterruptedTraining
        if at_checkpoint:
            _replan(loop, planner)


def _at_checkpoint(progress: Progress, config: TrainConfig, last_step: int) -> bool:
    return progress.step % config.checkpoint_steps == 0 and progress.step < last_step


def _go_to(loop: Loop, progress: Progress) -> None:
    loop.go_to(progress.epoch, progress.step, [past["validation.loss"] for past in progress.history])


def _hopeless(progress: Progress, patience: int | None) -> bool:
    return patience is not None and progress.epoch - progress.best_epoch >= patience


def _replan(loop: Loop, planner: Planner | None) -> None:
    if planner and planner.replan():
        loop.retrace()


def _announce(run: Run, on_epoch: OnEpoch, progress: Progress, epoch: int, *, chief: bool) -> None:
    """Tells an epoch's metrics; on a resume also those of earlier epochs, of which some may not have been told."""
    if chief:
        metrics = progress.history[epoch - 1]
        run.metrics({**metrics, **learned_metrics(progress.learned, epoch)}, step=epoch)
        on_epoch(epoch, metrics)


def _tell_use(run: Run, progress: Progress, used: dict[str, float], *, chief: bool) -> None:
    """Tells what the last epoch used, and hours and energy over all of them and all attempts."""
    if chief:
        totals = {"energy.kwh_estimate": progress.energy_kwh, "time.hours": progress.seconds / 3600}
        run.metrics({**used, **totals}, step=progress.epoch)


def _settle(progress: Progress, steps: list[_Step], *, batch_size: int, guard: Guard) -> None:
    """Adds the results of the steps since the last call, which until now were left on the device."""
    settled = [(task, float(loss), float(right)) for task, loss, right in steps]
    guard.check([loss for _, loss, _ in settled])
    for task, loss, right in settled:
        so_far = progress.sums.get(task, [0.0] * 4)
        progress.sums[task] = [a + b for a, b in zip(so_far, (loss, right, float(batch_size), 1.0), strict=True)]
    steps.clear()


def _restored(loop: Loop, checkpoints: CheckpointStore, planner: Planner | None) -> Progress:
    """Everything as the last checkpoint has it."""
    progress = checkpoints.restore(loop.variables)
    _go_to(loop, progress)
    loop.slow_down(progress.rate_factor)
    if planner and progress.plan:
        planner.restore_plan(progress.plan)
        loop.retrace()
    return progress


def _clip_ids(training: TaskBatches, tasks: Sequence[Task], epoch: int, step: int) -> list[str]:
    """Of the clips in a whole batch."""
    batch = next(training.batches(epoch, first_step=step))
    ids = tasks[batch.task].snapshot.clips("train").ids
    return [ids[clip] for clip in batch.clips]


def _end_epoch(progress: Progress, scores: dict[str, Scores], tasks: Sequence[Task]) -> None:
    objectives = {task.name: task.objective for task in tasks}
    progress.history.append({**training_metrics(progress.sums, objectives), **split_metrics("validation", scores)})
    progress.epoch, progress.step, progress.sums = len(progress.history), 0, {}
    progress.best_epoch = best_epoch(progress.history, objectives)


def _score(loop: Loop, tasks: Sequence[Task], split: Callable[[Task], Split], stop: Stop) -> dict[str, Scores]:
    def predict(batch: Batch) -> np.ndarray:
        if stop.asked():
            raise InterruptedEvaluation
        return loop.predict(batch)

    return {task.name: score(predict, split(task), objective=task.objective, part=loop.part) for task in tasks}


def _observe(progress: Progress, observe: Observe) -> None:
    """Appends the present front-end parameters, unless those of this epoch are there already."""
    for name, values in observe().items():
        epochs = progress.learned.setdefault(name, [])
        if len(epochs) == progress.epoch:
            epochs.append(np.asarray(values, np.float64).tolist())
