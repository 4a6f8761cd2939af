"""Several tasks on one front end and encoder: a head each, a batch of one at a time, resumed bit for bit."""

import dataclasses
from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf

from frontends.config import MelFilterbankConfig
from infra.tracking import MemoryRun
from tests.training.attempts import KilledError, of_the_training, train, values_of
from training.config import TrainConfig
from training.encoders.config import EncoderConfig
from training.input import Batch, Part, TrainingInput
from training.loop import Loop
from training.model import FRONTEND
from training.tasks.batches import TaskBatches
from training.tasks.config import SamplingConfig, TaskConfig
from training.tasks.task import common_sample_rate

WINDOW = 2000
MEL = MelFilterbankConfig(num_filters=8)
CONFIG = TrainConfig(epochs=2, batch_size=12, window_ms=125.0, checkpoint_steps=3, encoder=EncoderConfig(width=0.02))
OBJECTIVES = {"sounds": "single_label", "chords": "multi_label"}


@pytest.fixture(scope="module")
def unbroken(snapshot, chords, tmp_path_factory):
    """A training on both corpora that nothing disturbed."""
    run = MemoryRun()
    fitted, loop = train(
        snapshot, chords, folder=tmp_path_factory.mktemp("unbroken"), frontend=MEL, config=CONFIG, run=run
    )
    return fitted, values_of(loop), run


@pytest.mark.parametrize("kill_at", [(0, 4), (1, 7)])
def test_a_resumed_run_equals_an_unbroken_one(snapshot, chords, unbroken, tmp_path, kill_at):
    """Weights of every head, optimizer, history, scores of every task: bit for bit, on the same sequence of tasks."""
    fitted, values, run = unbroken
    settings = {"folder": tmp_path, "frontend": MEL, "config": CONFIG}
    with pytest.raises(KilledError):
        train(snapshot, chords, **settings, kill_at=kill_at)
    again_run = MemoryRun()
    again, loop = train(snapshot, chords, **settings, run=again_run)
    for expected, found in zip(values, values_of(loop), strict=True):
        np.testing.assert_array_equal(expected, found)
    assert again.progress.history == fitted.progress.history
    assert of_the_training(again_run) == of_the_training(run)
    for task, scores in fitted.test.items():
        np.testing.assert_array_equal(scores.logits, again.test[task].logits)


def test_every_task_has_its_own_metrics(unbroken):
    """The objective is what the labels say; the mean of the main metrics chooses the epoch."""
    fitted, _, run = unbroken
    history = fitted.progress.history
    for epoch in history:
        mains = epoch["validation.synthetic.accuracy"], epoch["validation.folder.mAP"]
        assert epoch["validation.score"] == pytest.approx(sum(mains) / 2)
        others = ("AUC", "d_prime", "mean_d_prime", "lwlrap", "loss")
        assert {f"validation.folder.{name}" for name in others} <= set(epoch)
        assert "train.synthetic.accuracy" in epoch
        assert "train.folder.accuracy" not in epoch
    best = max(epoch["validation.score"] for epoch in history)
    assert history[fitted.progress.best_epoch - 1]["validation.score"] == best
    assert fitted.test["synthetic"].logits.shape[1] == 11
    assert fitted.test["folder"].logits.shape == (7, 3)
    assert set(run.metric_values) >= set(history[0])


def tiny_loop() -> Loop:
    """A dense layer for the front end, one for the encoder, two heads of 3 and 2 classes."""
    waveform = keras.Input((4,))
    shared = keras.layers.Dense(6, name="encoder", activation="relu")(keras.layers.Dense(5, name=FRONTEND)(waveform))
    sizes = {"sounds": 3, "chords": 2}
    heads = {name: keras.layers.Dense(size, name=f"head_{name}")(shared) for name, size in sizes.items()}
    return Loop(
        keras.Model(waveform, heads),
        strategy=tf.distribute.get_strategy(),
        config=dataclasses.replace(CONFIG, batch_size=2),
        steps_per_epoch=9,
        part=Part(),
        objectives=OBJECTIVES,
    )


def batch(task: int) -> Batch:
    """Two examples of one task."""
    waveform = np.random.default_rng(task).normal(size=(2, 4)).astype(np.float32)
    return Batch(clips=np.arange(2), waveform=waveform, targets=np.eye(2, 3 - task, dtype=np.float32), task=task)


def test_a_step_leaves_the_other_heads_alone():
    """Neither their weights nor their moments in the optimizer move, also once they have some; all else does."""
    loop = tiny_loop()
    loop.train(batch(1))
    names = [variable.path for variable in loop.variables]
    before = values_of(loop)
    loop.train(batch(0))
    moved = [name for name, old, new in zip(names, before, values_of(loop), strict=True) if (old != new).any()]
    assert not [name for name in moved if "chords" in name]
    for part in ("frontend", "encoder", "head_sounds"):
        assert [name for name in moved if part in name and "momentum" not in name and "velocity" not in name]


def test_each_head_learns_its_own_objective():
    """After some steps in turn both losses have fallen; the logits have each task's classes."""
    loop = tiny_loop()
    first = [float(loop.train(batch(task))[0]) for task in (0, 1)]
    for _ in range(60):
        for task in (0, 1):
            loop.train(batch(task))
    last = [float(loop.train(batch(task))[0]) for task in (0, 1)]
    assert all(after < before for before, after in zip(first, last, strict=True))
    assert [loop.predict(batch(task)).shape for task in (0, 1)] == [(2, 3), (2, 2)]


@pytest.fixture(scope="module")
def inputs(snapshot, chords):
    """The training splits of both tasks."""
    return [
        TrainingInput(data, data.clips("train"), window=WINDOW, batch_size=8, seed=5, task=task)
        for task, data in enumerate((snapshot, chords))
    ]


@pytest.mark.parametrize("rule", ["uniform", "proportional", "round_robin"])
def test_a_batch_is_of_one_task(inputs, rule):
    """The next of the task's own batches, whole, in the task's own order; over two epochs none is left out."""
    mixed = TaskBatches(inputs, SamplingConfig(rule=rule), seed=5)
    assert mixed.steps_per_epoch == sum(own.steps_per_epoch for own in inputs)
    position = [0, 0]
    for found in (batch for epoch in range(2) for batch in mixed.batches(epoch)):
        own_epoch, own_step = divmod(position[found.task], inputs[found.task].steps_per_epoch)
        expected = next(inputs[found.task].batches(own_epoch, first_step=own_step))
        np.testing.assert_array_equal(expected.clips, found.clips)
        np.testing.assert_array_equal(expected.waveform, found.waveform)
        np.testing.assert_array_equal(expected.targets, found.targets)
        position[found.task] += 1
    assert sum(position) == 2 * mixed.steps_per_epoch
    assert min(position) > 0


def test_a_position_is_all_that_a_resume_needs(inputs):
    """Also on two workers: their parts side by side, read from the middle of the second epoch on."""
    whole = list(TaskBatches(inputs, SamplingConfig(), seed=5).batches(1))[7:]
    parts = [TaskBatches(inputs, SamplingConfig(), seed=5).batches(1, first_step=7, part=Part(i, 2)) for i in range(2)]
    for expected, *halves in zip(whole, *parts, strict=True):
        assert {half.task for half in halves} == {expected.task}
        np.testing.assert_array_equal(expected.waveform, np.concatenate([half.waveform for half in halves]))


def test_one_task_alone_has_its_own_batches(inputs):
    """Whatever the rule: nothing is drawn."""
    for rule in ("uniform", "round_robin"):
        alone = TaskBatches(inputs[:1], SamplingConfig(rule=rule), seed=5)
        for expected, found in zip(inputs[0].batches(3), alone.batches(3), strict=True):
            np.testing.assert_array_equal(expected.waveform, found.waveform)


def test_tasks_have_one_sample_rate():
    """Else they are refused, with the rates."""
    tasks = [TaskConfig(name="a"), TaskConfig(name="b")]
    snapshots = [SimpleNamespace(card=SimpleNamespace(sample_rate=rate)) for rate in (16000, 8000)]
    with pytest.raises(ValueError, match=r"one sample rate.*'a': 16000, 'b': 8000"):
        common_sample_rate(tasks, snapshots)
    assert common_sample_rate(tasks[:1], snapshots[:1]) == 16000
