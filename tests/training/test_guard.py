"""Numbers that are not finite: step, clips and layer are named, and the training goes on as configured, or fails."""

import dataclasses
import json
import re

import keras
import numpy as np
import pytest
import tensorflow as tf

from frontends.config import MelFilterbankConfig
from infra.tracking import MemoryRun
from training.checkpoint import CheckpointStore
from training.config import TrainConfig, TrialConfig
from training.encoders.config import EncoderConfig
from training.fit import fit
from training.guard.config import GuardConfig
from training.guard.examine import examine
from training.guard.guard import REPORT_NAME, TAG, NotFiniteError
from training.input import Part
from training.loop import Loop
from training.model import build_model
from training.tasks.config import TaskConfig
from training.tasks.task import open_tasks, training_batches

_WHOLE = Part()
WINDOW = 4000
CONFIG = TrainConfig(
    epochs=2,
    batch_size=16,
    window_ms=250.0,
    checkpoint_steps=2,
    encoder=EncoderConfig(width=0.05),
    guard=GuardConfig(action="skip"),
)


class KilledError(Exception):
    """Stands for a kill."""


class DoubledBatches:
    """The batches, of which some are not numbers, and one kills."""

    def __init__(self, batches, *, poisoned=(), kill_at=None):
        self._batches, self._poisoned, self._kill_at = batches, poisoned, kill_at
        self.steps_per_epoch = batches.steps_per_epoch

    def batches(self, epoch, *, first_step=0, part=_WHOLE):
        for step, batch in enumerate(self._batches.batches(epoch, first_step=first_step, part=part), start=first_step):
            if (epoch, step) == self._kill_at:
                raise KilledError
            bad = (epoch, step) in self._poisoned
            yield dataclasses.replace(batch, waveform=batch.waveform * np.float32("nan")) if bad else batch


@dataclasses.dataclass
class Parts:
    """What a training is made of."""

    loop: Loop
    tasks: list
    batches: object


def parts(snapshot, config) -> Parts:
    """With a small front end that learns nothing; layers have the names that they have in a process of their own."""
    keras.utils.clear_session(free_memory=False)
    trial = TrialConfig(
        frontend=MelFilterbankConfig(num_filters=8), train=config, seed=7, tasks=(TaskConfig(name="synthetic"),)
    )
    tasks = open_tasks(trial.tasks, [snapshot], window=WINDOW, batch_size=config.batch_size, replicas=1)
    classes = {task.name: len(task.snapshot.card.labels) for task in tasks}
    model = build_model(
        trial.frontend, config.encoder, sample_rate=16000, window=WINDOW, classes=classes, seed=trial.seed
    )
    batches = training_batches(trial, [snapshot], window=WINDOW)
    loop = Loop(
        model,
        strategy=tf.distribute.get_strategy(),
        config=config,
        steps_per_epoch=batches.steps_per_epoch,
        part=Part(),
        objectives={task.name: task.objective for task in tasks},
    )
    return Parts(loop=loop, tasks=tasks, batches=batches)


def train(snapshot, folder, *, config=CONFIG, poisoned=(), kill_at=None, run=None):
    """One attempt; returns what it ended with."""
    made = parts(snapshot, config)
    return fit(
        made.loop,
        config,
        training=DoubledBatches(made.batches, poisoned=poisoned, kill_at=kill_at),
        tasks=made.tasks,
        checkpoints=CheckpointStore(folder),
        run=run or MemoryRun(),
        observe=dict,
        folder=folder,
    )


def last(folder):
    """The variables of the last checkpoint."""
    with np.load(folder / "last.npz") as arrays:
        return [arrays[key] for key in sorted(arrays) if key != "progress"]


def same(expected, found):
    """Bit for bit."""
    assert len(expected) == len(found)
    for one, other in zip(expected, found, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.fixture(scope="module", autouse=True)
def _determinism():
    """As in a trial."""
    tf.config.experimental.enable_op_determinism()


@pytest.fixture(scope="module")
def skipped(snapshot, tmp_path_factory):
    """A training whose fourth and last-but-one batches were not numbers."""
    folder, run = tmp_path_factory.mktemp("skipped"), MemoryRun()
    poisoned = ((0, 3), (1, 1))
    return train(snapshot, folder, poisoned=poisoned, run=run), folder, run, poisoned


def test_a_skipped_batch_leaves_no_trace(snapshot, skipped):
    """The weights are those of a bare loop over the other batches."""
    _, folder, _, poisoned = skipped
    made = parts(snapshot, CONFIG)
    for epoch in range(CONFIG.epochs):
        for step, batch in enumerate(made.batches.batches(epoch)):
            if (epoch, step) not in poisoned:
                made.loop.train(batch)
    same([np.asarray(keras.ops.convert_to_tensor(variable)) for variable in made.loop.variables], last(folder))


def test_step_clips_and_layer_are_named(snapshot, skipped):
    """In the report, in the checkpoint and in a tag."""
    fitted, folder, run, poisoned = skipped
    report = json.loads((folder / REPORT_NAME).read_text())
    assert report == fitted.progress.incidents
    assert [(incident["epoch"], incident["step"]) for incident in report] == list(poisoned)
    for (epoch, step), incident in zip(poisoned, report, strict=True):
        batch = next(parts(snapshot, CONFIG).batches.batches(epoch, first_step=step))
        ids = snapshot.clips("train").ids
        assert incident["clips"] == [ids[clip] for clip in batch.clips]
        assert incident["what"] == "output"
        assert incident["layer"].startswith("frontend")
        assert incident["action"] == "skip"
    assert re.search(r"epoch 2, step 2 \(loss \S+\): the output of `frontend", run.tag_values[TAG])
    assert REPORT_NAME in run.artifacts


@pytest.mark.parametrize("kill_at", [(0, 2), (1, 0), (1, 3)])
def test_a_resumed_training_skips_the_same(snapshot, skipped, tmp_path, kill_at):
    """Killed before, between and behind what was skipped: the same weights, the same incidents."""
    fitted, folder, _, poisoned = skipped
    with pytest.raises(KilledError):
        train(snapshot, tmp_path, poisoned=poisoned, kill_at=kill_at)
    again = train(snapshot, tmp_path, poisoned=poisoned)
    same(last(folder), last(tmp_path))
    assert again.progress.history == fitted.progress.history
    assert again.progress.incidents == fitted.progress.incidents


def test_lower_learning_rates_from_the_checkpoint_on(snapshot, tmp_path):
    """Bit for bit the training that had begun with the lower rate; powers of 2 make no rounding."""
    guard = GuardConfig(action="lower", rate_factor=2.0**-110)
    config = dataclasses.replace(CONFIG, learning_rate=2.0**100, guard=guard, checkpoint_steps=1000)
    fitted = train(snapshot, tmp_path / "lowered", config=config)
    assert [incident["action"] for incident in fitted.progress.incidents] == ["lower"]
    expected = train(snapshot, tmp_path / "low", config=dataclasses.replace(config, learning_rate=2.0**-10))
    assert expected.progress.incidents == []
    assert fitted.progress.history == expected.progress.history
    same(last(tmp_path / "low"), last(tmp_path / "lowered"))


def test_too_many_incidents_end_the_trial_with_the_report(snapshot, tmp_path):
    """Also when the trial is called once more."""
    config = dataclasses.replace(CONFIG, guard=GuardConfig(action="skip", limit=2))
    poisoned = [(0, step) for step in (0, 1, 3)]
    for _ in range(2):
        with pytest.raises(NotFiniteError, match=r"epoch 1, step 4 \(loss .*\): the output of `frontend.*incident 3"):
            train(snapshot, tmp_path, config=config, poisoned=poisoned)
        actions = [incident["action"] for incident in json.loads((tmp_path / REPORT_NAME).read_text())]
        assert actions == ["skip", "skip", "fail"]


def test_an_epoch_is_not_skipped_as_a_whole(snapshot, tmp_path):
    """There would be no loss to tell."""
    steps = parts(snapshot, CONFIG).batches.steps_per_epoch
    config = dataclasses.replace(CONFIG, guard=GuardConfig(action="skip", limit=100))
    with pytest.raises(NotFiniteError, match=f"incident {steps}"):
        train(snapshot, tmp_path, config=config, poisoned=[(0, step) for step in range(steps)])


@keras.saving.register_keras_serializable("tests")
class Root(keras.layers.Layer):
    """x times the root of a weight, whose gradient at 0 is infinite."""

    def build(self, input_shape):
        self.radicand = self.add_weight(shape=(), initializer="ones", name="radicand")

    def call(self, x):
        return x * keras.ops.sqrt(self.radicand)


@pytest.fixture
def model():
    """Dense, root, dense."""
    x = keras.Input((3,))
    return keras.Model(x, keras.layers.Dense(1, name="end")(Root(name="root")(keras.layers.Dense(4, name="start")(x))))


def found(model, x):
    """What is not finite in one step on `x`."""

    def gradients(x):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(model(x, training=True))
        variables = model.trainable_variables
        return list(zip(variables, tape.gradient(loss, variables), strict=True))

    return examine(model, tf.distribute.get_strategy(), gradients, (tf.constant(x, tf.float32),))


def test_the_first_of_each_kind_is_found(model):
    """A weight before an output, an output before a gradient."""
    x = np.ones((2, 3))
    assert found(model, x).what == "update"
    finding = found(model, x * np.nan)
    assert (finding.what, finding.layer, finding.others) == ("output", "start", ("root", "end"))
    layer = model.get_layer("root")
    layer.radicand.assign(0.0)
    finding = found(model, x)
    assert (finding.what, finding.layer) == ("gradient", "root")
    layer.radicand.assign(-1.0)
    assert (found(model, x).what, found(model, x).layer) == ("output", "root")
    layer.radicand.assign(np.inf)
    assert (found(model, x).what, found(model, x).layer) == ("weight", "root")
    assert "call" not in vars(layer)


@pytest.mark.parametrize(
    "values", [{"limit": -1}, {"rate_factor": 1.0}, {"rate_factor": 0.0}, {"rate_factor": float("nan")}]
)
def test_a_guard_that_makes_no_sense_is_refused(values):
    """With the rule."""
    with pytest.raises(ValueError, match="Rule"):
        GuardConfig(**values)
