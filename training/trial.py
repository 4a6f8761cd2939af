"""One worker of one trial: builds the parts, calls `fit`, and, as the chief, writes what came out."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from frontends import Leaf
from frontends.inspect import Inspection, inspect, physical_parameters
from infra import config, passport
from infra.files import write_atomically
from infra.memory import keep_freed_memory
from infra.passport import Data, present_session, write_passport
from infra.predictions import PREDICTIONS_NAME, noisy_test
from infra.tracking import FileRun, MemoryRun, Run
from training.artifacts import tell_results
from training.checkpoint import CheckpointStore
from training.cluster.agreement import Agreement
from training.cluster.stopping import Watch
from training.config import FIGURES_FOLDER, MODEL_NAME, RESULT_NAME, TrialConfig, TrialRequest, TrialResult
from training.export import LEARNED_NAME, write_learned
from training.figures import draw_all
from training.fit import Fitted, fit
from training.input import Part
from training.loop import Loop
from training.model import FRONTEND, build_model
from training.pictures import make_pictures
from training.progress_log import log_epoch
from training.records import Snapshot
from training.tasks.config import TaskSnapshot
from training.tasks.history import split_metrics
from training.tasks.scored import CLASSES_NAME, task_result, write_scored
from training.tasks.task import Task, common_sample_rate, open_tasks, training_batches

_DETERMINISM = "operations deterministic: equal on the same kind of processor with equal code, threads and workers"


def run_trial(request: TrialRequest, *, snapshots: Sequence[TaskSnapshot], part: Part, watch: Watch) -> None:
    """Trains, evaluates and records one trial; every worker of it calls this with its own `part`.

    Raises:
      InterruptedTraining, InterruptedEvaluation: as `fit`, when `watch` has been asked to stop.
    """
    tf.config.experimental.enable_op_determinism()
    keep_freed_memory()
    trial, chief = request.config, part.index == 0
    folders = {snapshot.task: snapshot.folder for snapshot in snapshots}
    opened = [Snapshot(folders[task.name]) for task in trial.tasks]
    run: Run = FileRun(Path(request.folder)) if chief else MemoryRun()
    run.params({"frontend_name": request.name, **_parameters(trial)})
    session = present_session(workers=part.count, determinism=_DETERMINISM, gpus=_gpus())
    run.tags({**passport.tags(session), **_data(trial, opened)})
    if chief:
        data = [Data(**dataclasses.asdict(snapshot)) for snapshot in snapshots]
        for path in write_passport(Path(request.folder), trial=request, data=data, session=session):
            run.artifact(path)

    sample_rate = common_sample_rate(trial.tasks, opened)
    window = round(trial.train.window_ms * sample_rate / 1000)
    strategy = _strategy(part)
    tasks = open_tasks(trial, opened, window=window, replicas=strategy.num_replicas_in_sync)
    with strategy.scope():
        model = build_model(
            trial.frontend,
            trial.train.encoder,
            sample_rate=sample_rate,
            window=window,
            classes={task.name: len(task.snapshot.card.labels) for task in tasks},
            seed=trial.seed,
            precision=trial.train.precision,
        )
    frontend = model.get_layer(FRONTEND)
    before = inspect(frontend)
    training = training_batches(trial, opened, window=window, features=tuple(frontend.output.shape[1:3]))
    fitted = fit(
        Loop(
            model,
            strategy=strategy,
            config=trial.train,
            steps_per_epoch=training.steps_per_epoch,
            part=part,
            objectives={task.name: task.objective for task in tasks},
        ),
        trial.train,
        training=training,
        tasks=tasks,
        checkpoints=CheckpointStore(Path(request.folder, "checkpoints"), held=watch.holds),
        run=run,
        observe=lambda: physical_parameters(frontend),
        planner=frontend if isinstance(frontend, Leaf) else None,
        chief=chief,
        stop=Agreement(watch.asked, strategy=strategy, workers=part.count),
        folder=Path(request.folder),
        on_epoch=lambda epoch, metrics: log_epoch(request, epoch, metrics),
    )
    watch.end()
    if chief:
        result = _result(request, tasks, model, fitted, workers=part.count)
        _record(Path(request.folder), run, model, fitted, before=before, result=result, tasks=tasks)


def _gpus() -> tuple[str, ...]:
    devices = tf.config.list_physical_devices("GPU")
    return tuple(tf.config.experimental.get_device_details(device).get("device_name", "GPU") for device in devices)


def _parameters(trial: TrialConfig) -> dict[str, object]:
    """The flat view of a trial's config; of the tasks, those that are several, one parameter each."""
    tasks = {f"task.{task.name}": task.objective for task in trial.tasks}
    return {**{name: value for name, value in config.flatten(trial).items() if name != "tasks"}, **tasks}


def _data(trial: TrialConfig, snapshots: Sequence[Snapshot]) -> dict[str, str]:
    """Tags: which corpora and snapshots, in the order of the tasks."""
    return {
        "tasks": ", ".join(task.name for task in trial.tasks),
        "corpus": ", ".join(snapshot.card.corpus for snapshot in snapshots),
        "snapshot_id": ", ".join(snapshot.card.snapshot_id for snapshot in snapshots),
    }


def _strategy(part: Part) -> tf.distribute.Strategy:
    if part.count > 1:
        return tf.distribute.MultiWorkerMirroredStrategy()
    gpus = tf.config.list_logical_devices("GPU")
    return tf.distribute.MirroredStrategy() if len(gpus) > 1 else tf.distribute.get_strategy()


def _result(
    request: TrialRequest,
    tasks: Sequence[Task],
    model: keras.Model,
    fitted: Fitted,
    *,
    workers: int,
) -> TrialResult:
    return TrialResult(
        name=request.name,
        trial_id=request.trial_id,
        config=request.config,
        tasks=tuple(task_result(task, fitted) for task in tasks),
        best_epoch=fitted.progress.best_epoch,
        frontend_parameters=_count(model.get_layer(FRONTEND)),
        parameters=_count(model),
        train_seconds=fitted.progress.seconds,
        workers=workers,
    )


def _record(
    folder: Path,
    run: Run,
    model: keras.Model,
    fitted: Fitted,
    *,
    before: Inspection,
    result: TrialResult,
    tasks: Sequence[Task],
) -> None:
    """Writes everything that the trial leaves behind; the result last, so that it means a whole trial."""
    learned = {name: np.array(values) for name, values in fitted.progress.learned.items()}
    write_learned(folder / LEARNED_NAME, learned)
    model.save(folder / MODEL_NAME)
    after = inspect(model.get_layer(FRONTEND))
    for path in draw_all(folder / FIGURES_FOLDER, make_pictures(before, after)):
        run.artifact(path, folder=FIGURES_FOLDER)
    write_scored(folder, result.trial_id, tasks, fitted)
    tell_results(folder, run, model, tasks, progress=fitted.progress, result=result)
    run.artifact(folder / PREDICTIONS_NAME)
    run.artifact(folder / CLASSES_NAME)
    run.artifact(folder / LEARNED_NAME)
    run.artifact(folder / MODEL_NAME)
    scores = split_metrics("test", fitted.test)
    for snr_db, noisy in fitted.noisy.items():
        scores |= split_metrics(noisy_test(snr_db), noisy)
    counts = {"frontend_parameters": result.frontend_parameters, "parameters": result.parameters}
    run.metrics({**scores, **counts, "train_seconds": result.train_seconds}, step=result.best_epoch)
    # Before the result: with it the trial is finished, and nobody would close its run after a kill in between.
    run.finish()
    write_atomically(folder / RESULT_NAME, config.to_json(result))


def _count(layer: keras.Layer) -> int:
    return sum(int(np.prod(variable.shape)) for variable in layer.trainable_variables)
