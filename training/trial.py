"""One worker of one trial: builds the parts, calls `fit`, and, as the chief, writes what came out."""

from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from frontends import Leaf
from frontends.inspect import Inspection, inspect, physical_parameters
from infra import config
from infra.files import write_atomically
from infra.predictions import PREDICTIONS_NAME, Predictions, write_predictions
from infra.tracking import FileRun, MemoryRun, Run
from training.checkpoint import CheckpointStore
from training.cluster.agreement import Agreement
from training.cluster.stopping import Watch
from training.config import FIGURES_FOLDER, MODEL_NAME, RESULT_NAME, TrialRequest, TrialResult
from training.export import LEARNED_NAME, write_learned
from training.figures import draw_all
from training.fit import Fitted, Split, fit
from training.input import EvaluationInput, Part, TrainingInput
from training.loop import Loop
from training.model import FRONTEND, build_model
from training.pictures import make_pictures
from training.predictions import predicted
from training.progress_log import log_epoch
from training.records import Snapshot
from training.versions import versions


def run_trial(request: TrialRequest, *, snapshot_folder: str, part: Part, watch: Watch) -> None:
    """Trains, evaluates and records one trial; every worker of it calls this with its own `part`.

    Raises:
      InterruptedTraining, InterruptedEvaluation: as `fit`, when `watch` has been asked to stop.
    """
    tf.config.experimental.enable_op_determinism()
    snapshot, trial = Snapshot(snapshot_folder), request.config
    chief = part.index == 0
    run: Run = FileRun(Path(request.folder)) if chief else MemoryRun()
    run.params({"frontend_name": request.name, **config.flatten(trial)})
    run.tags({**versions(), "snapshot_id": snapshot.card.snapshot_id, "corpus": snapshot.card.corpus})

    window = round(trial.train.window_ms * snapshot.card.sample_rate / 1000)
    strategy = _strategy(part)
    with strategy.scope():
        model = build_model(
            trial.frontend,
            trial.train.encoder,
            sample_rate=snapshot.card.sample_rate,
            window=window,
            classes=len(snapshot.card.labels),
            seed=trial.seed,
        )
    frontend = model.get_layer(FRONTEND)
    before = inspect(frontend)
    batch_size = trial.train.batch_size
    training = TrainingInput(snapshot, snapshot.clips("train"), window=window, batch_size=batch_size, seed=trial.seed)
    validation, test = (_split(snapshot, name, window=window, batch_size=batch_size) for name in ("validation", "test"))
    fitted = fit(
        Loop(
            model,
            strategy=strategy,
            config=trial.train,
            steps_per_epoch=training.steps_per_epoch,
            part=part,
        ),
        trial.train,
        training=training,
        validation=validation,
        test=test,
        checkpoints=CheckpointStore(Path(request.folder, "checkpoints"), held=watch.holds),
        run=run,
        observe=lambda: physical_parameters(frontend),
        planner=frontend if isinstance(frontend, Leaf) else None,
        chief=chief,
        stop=Agreement(watch.asked, strategy=strategy, workers=part.count),
        on_epoch=lambda epoch, metrics: log_epoch(request, epoch, metrics),
    )
    watch.end()
    if chief:
        result = _result(request, snapshot, model, fitted, workers=part.count)
        predictions = (
            predicted(snapshot, "test", test.clips, fitted.test),
            predicted(snapshot, "validation", validation.clips, fitted.validation),
        )
        _record(Path(request.folder), run, model, fitted, before=before, result=result, predictions=predictions)


def _strategy(part: Part) -> tf.distribute.Strategy:
    if part.count > 1:
        return tf.distribute.MultiWorkerMirroredStrategy()
    gpus = tf.config.list_logical_devices("GPU")
    return tf.distribute.MirroredStrategy() if len(gpus) > 1 else tf.distribute.get_strategy()


def _split(snapshot: Snapshot, name: str, *, window: int, batch_size: int) -> Split:
    clips = snapshot.clips(name)
    return Split(clips=clips, windows=EvaluationInput(snapshot, clips, window=window, batch_size=batch_size))


def _result(
    request: TrialRequest,
    snapshot: Snapshot,
    model: keras.Model,
    fitted: Fitted,
    *,
    workers: int,
) -> TrialResult:
    best = fitted.progress.best_epoch
    return TrialResult(
        name=request.name,
        trial_id=request.trial_id,
        config=request.config,
        corpus=snapshot.card.corpus,
        snapshot_id=snapshot.card.snapshot_id,
        accuracy=fitted.test.accuracy,
        loss=fitted.test.loss,
        test_clips=len(fitted.test.logits),
        validation_accuracy=fitted.progress.history[best - 1]["validation.accuracy"],
        best_epoch=best,
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
    predictions: Sequence[Predictions],
) -> None:
    """Writes everything that the trial leaves behind; the result last, so that it means a whole trial."""
    learned = {name: np.array(values) for name, values in fitted.progress.learned.items()}
    write_learned(folder / LEARNED_NAME, learned)
    model.save(folder / MODEL_NAME)
    after = inspect(model.get_layer(FRONTEND))
    for path in draw_all(folder / FIGURES_FOLDER, make_pictures(before, after)):
        run.artifact(path, folder=FIGURES_FOLDER)
    write_predictions(folder / PREDICTIONS_NAME, result.trial_id, predictions)
    run.artifact(folder / PREDICTIONS_NAME)
    run.artifact(folder / LEARNED_NAME)
    run.artifact(folder / MODEL_NAME)
    scores = {"test.accuracy": result.accuracy, "test.loss": result.loss}
    counts = {"frontend_parameters": result.frontend_parameters, "parameters": result.parameters}
    run.metrics({**scores, **counts, "train_seconds": result.train_seconds}, step=result.best_epoch)
    # Before the result: with it the trial is finished, and nobody would close its run after a kill in between.
    run.finish()
    write_atomically(folder / RESULT_NAME, config.to_json(result))


def _count(layer: keras.Layer) -> int:
    return sum(int(np.prod(variable.shape)) for variable in layer.trainable_variables)
