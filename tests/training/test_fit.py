"""Training: a killed and resumed run equals an unbroken one, bit for bit; the validation split chooses."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from frontends.config import LeafConfig, MelFilterbankConfig
from infra.tracking import MemoryRun
from tests.training.attempts import KilledError, StopAfter, of_the_training, train, values_of
from training.checkpoint import CheckpointStore, Progress
from training.cluster.stopping import InterruptedEvaluation, InterruptedTraining
from training.config import TrainConfig
from training.encoders.config import EncoderConfig

CONFIG = TrainConfig(epochs=2, batch_size=16, checkpoint_steps=2, encoder=EncoderConfig(width=0.05))
# So fast a front end leaves its first plan, and the plan becomes part of what must be resumed.
REPLANNING = dataclasses.replace(CONFIG, frontend_learning_rate=0.1)


@pytest.fixture(scope="module", autouse=True)
def _determinism():
    """As in a trial."""
    tf.config.experimental.enable_op_determinism()


@pytest.fixture(scope="module")
def unbroken(snapshot, tmp_path_factory):
    """Weights, history and last checkpoint of a run that nothing disturbed."""
    folder, run = tmp_path_factory.mktemp("unbroken"), MemoryRun()
    fitted, loop = train(snapshot, folder=folder, config=CONFIG, run=run)
    return fitted, values_of(loop), run, folder


@pytest.mark.parametrize("kill_at", [(0, 1), (1, 0)])
def test_a_resumed_run_equals_an_unbroken_one(snapshot, unbroken, tmp_path, kill_at):
    """Weights, optimizer, random state, history, learned parameters and test scores: bit for bit."""
    fitted, variables, run, folder = unbroken
    broken_run = MemoryRun()
    with pytest.raises(KilledError):
        train(snapshot, folder=tmp_path, config=CONFIG, kill_at=kill_at, run=broken_run)
    again, loop = train(snapshot, folder=tmp_path, config=CONFIG, run=broken_run)
    assert_same_variables(variables, loop)
    with np.load(folder / "last.npz") as expected, np.load(tmp_path / "last.npz") as found:
        for name in sorted(set(expected) - {"progress"}):
            np.testing.assert_array_equal(expected[name], found[name])
    assert again.progress.history == fitted.progress.history
    assert again.progress.learned == fitted.progress.learned
    assert of_the_training(broken_run) == of_the_training(run)
    np.testing.assert_array_equal(fitted.test["synthetic"].logits, again.test["synthetic"].logits)


@pytest.mark.parametrize(
    ("stop", "interruption"),
    [
        ({"steps": 1}, InterruptedTraining),  # no checkpoint was due
        ({"steps": 4}, InterruptedTraining),  # the last of an epoch
        ({"batches": 1}, InterruptedEvaluation),
    ],
)
def test_a_stopped_run_goes_on_from_that_very_step(snapshot, unbroken, tmp_path, stop, interruption):
    """Nothing is computed twice but an evaluation, and all bits are those of the unbroken run."""
    _, variables, _, _ = unbroken
    every_step = CONFIG.epochs * (len(snapshot.clips("train")) // CONFIG.batch_size)
    first, second = StopAfter(**stop), StopAfter()
    with pytest.raises(interruption):
        train(snapshot, folder=tmp_path, config=CONFIG, stop=first)
    _, loop = train(snapshot, folder=tmp_path, config=CONFIG, stop=second)
    assert_same_variables(variables, loop)
    assert first.steps + second.steps == every_step


def test_a_damaged_checkpoint_is_left_aside(snapshot, unbroken, tmp_path):
    """The one before it is taken, and the bits are the same; a torn file is never half taken."""
    _, variables, _, _ = unbroken
    with pytest.raises(KilledError):
        train(snapshot, folder=tmp_path, config=CONFIG, kill_at=(1, 3))
    last = tmp_path / "last.npz"
    last.write_bytes(last.read_bytes()[:-100])
    second = StopAfter()
    _, loop = train(snapshot, folder=tmp_path, config=CONFIG, stop=second)
    assert second.steps > 1 + 1  # not from (1, 2), where the torn one stood
    assert_same_variables(variables, loop)


def test_who_lost_the_trial_writes_no_checkpoint(tmp_path):
    """The file that is there stays."""
    held = [True]
    store = CheckpointStore(tmp_path, held=lambda: held[0])
    store.save([], Progress(epoch=1))
    before = (tmp_path / "last.npz").read_bytes()
    held[0] = False
    for save in (lambda: store.save([], Progress(epoch=2)), lambda: store.save_best([])):
        with pytest.raises(InterruptedTraining, match="another attempt"):
            save()
    assert (tmp_path / "last.npz").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["last.npz"]


def test_a_resumed_run_computes_with_the_same_plan(snapshot, tmp_path):
    """Also where the front end planned its algorithm anew before the kill."""
    settings = {"frontend": LeafConfig(num_filters=16), "config": REPLANNING}
    fitted, loop = train(snapshot, folder=tmp_path / "unbroken", **settings)
    start = np.array(fitted.progress.learned["centre_hz"][0])
    planned = np.array(fitted.progress.plan["mu"]) * 16000 / (2 * np.pi)
    assert np.abs(planned - start).max() > 1.0
    variables = values_of(loop)
    with pytest.raises(KilledError):
        train(snapshot, folder=tmp_path / "killed", kill_at=(1, 3), **settings)
    again, loop = train(snapshot, folder=tmp_path / "killed", **settings)
    assert_same_variables(variables, loop)
    assert again.progress.plan == fitted.progress.plan


def assert_same_variables(expected, loop):
    """Every variable of the model and its optimizers, bit for bit."""
    for value, found, variable in zip(expected, values_of(loop), loop.variables, strict=True):
        np.testing.assert_array_equal(value, found, err_msg=variable.path)


def test_a_finished_run_is_not_trained_again(snapshot, unbroken):
    """Calling once more scores the same weights."""
    fitted, _, _, folder = unbroken
    before = (folder / "last.npz").read_bytes()
    again, _ = train(snapshot, folder=folder, config=CONFIG)
    assert again.test["synthetic"].metrics == fitted.test["synthetic"].metrics
    assert (folder / "last.npz").read_bytes() == before


def test_the_validation_split_chooses(unbroken):
    """The best accuracy, then the lowest loss; its scores are those of the returned weights."""
    fitted, _, _, _ = unbroken
    history = fitted.progress.history
    best = history[fitted.progress.best_epoch - 1]
    assert best["validation.accuracy"] == max(epoch["validation.accuracy"] for epoch in history)
    validation = fitted.validation["synthetic"].metrics
    assert validation["accuracy"] == best["validation.accuracy"]
    assert validation["loss"] == pytest.approx(best["validation.loss"], rel=1e-6)


def test_learned_parameters_are_kept_for_every_epoch(unbroken):
    """The start and each epoch; LEAF's do move."""
    learned = {name: np.array(values) for name, values in unbroken[0].progress.learned.items()}
    assert {"centre_hz", "bandwidth_hz", "pooling_ms", "pcen_alpha"} <= set(learned)
    assert all(values.shape == (CONFIG.epochs + 1, 8) for values in learned.values())
    assert all((values[0] != values[-1]).any() for values in learned.values())


def test_metrics_have_their_step(unbroken):
    """One value per epoch, the first at step 1."""
    _, _, run, _ = unbroken
    assert set(of_the_training(run)) >= {"train.loss", "train.accuracy", "validation.loss", "validation.accuracy"}
    assert {"learned.centre_hz.median", "learned.centre_hz.moved"} <= set(of_the_training(run))
    assert set(run.metric_values) - set(of_the_training(run)) == {
        "time.input_wait_ms",
        "time.step_ms",
        "time.input_wait_share",
        "time.examples_per_second",
        "time.hours",
        "memory.peak_gb",
        "cpu.cores_used",
        "energy.kwh_estimate",
    }
    assert all(sorted(values) == [1, 2] for values in run.metric_values.values())


def test_a_loss_that_is_not_finite_stops_the_run(snapshot, tmp_path):
    """With epoch and step."""
    config = TrainConfig(epochs=1, batch_size=16, learning_rate=1e30, encoder=EncoderConfig(width=0.05))
    with pytest.raises(FloatingPointError, match="epoch 1"):
        train(snapshot, folder=tmp_path, config=config, frontend=MelFilterbankConfig(num_filters=8))


def test_a_checkpoint_of_another_model_is_refused(snapshot, unbroken):
    """Rather than loaded in part."""
    with pytest.raises(ValueError, match="belongs to one model"):
        train(snapshot, folder=unbroken[3], config=CONFIG, frontend=MelFilterbankConfig(num_filters=8))
