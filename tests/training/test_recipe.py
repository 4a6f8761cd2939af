"""The recipe in a training: everything on, a resumed run equals an unbroken one; what each knob does to the weights."""

import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf

from frontends.config import LeafConfig, MelFilterbankConfig
from tests.training.attempts import KilledError, train
from training.config import TrainConfig
from training.encoders.config import EncoderConfig
from training.input import Batch, Part
from training.loop import Loop
from training.model import FRONTEND, build_model
from training.recipe.config import AugmentConfig, FreezeConfig, LoudnessConfig, OptimizerConfig, ScheduleConfig

SMALL = EncoderConfig(width=0.05)
MEL_PCEN = MelFilterbankConfig(num_filters=8, compression="spcen")
EVERYTHING = TrainConfig(
    encoder=SMALL,
    epochs=3,
    batch_size=16,
    checkpoint_steps=2,
    class_balanced=True,
    loudness=LoudnessConfig(rule="target"),
    augment=AugmentConfig(
        snr_db=(0.0, 20.0), mixup_alpha=0.5, gain_db=(-6.0, 6.0), time_masks=1, time_mask_ms=100.0, frequency_masks=1
    ),
    optimizer=OptimizerConfig(name="adamw", weight_decay=0.01, clip_norm=0.5, average=0.9),
    schedule=ScheduleConfig(name="plateau", warmup_steps=3, plateau_patience=1),
    freeze=FreezeConfig(first_epochs=1),
    patience=3,
    precision="bfloat16",
    test_snr_db=(10.0,),
)
SAMPLES, CLASSES = 8000, 5


def values(variables):
    """Of variables, as arrays."""
    return [np.asarray(keras.ops.convert_to_tensor(variable)) for variable in variables]


def loop_of(frontend=None, *, seed=0, **settings):
    """A loop over a small model of five classes."""
    config = TrainConfig(batch_size=4, epochs=3, encoder=EncoderConfig(width=0.05, dropout=0.0), **settings)
    frontend = frontend or MEL_PCEN
    model = build_model(
        frontend,
        config.encoder,
        sample_rate=16000,
        window=SAMPLES,
        classes=CLASSES,
        seed=seed,
        precision=config.precision,
    )
    return Loop(
        model,
        strategy=tf.distribute.get_strategy(),
        config=config,
        steps_per_epoch=10,
        part=Part(),
        objectives={"task": "single_label"},
    )


def batch_of(seed=0, *, masked=None, loudness=0.1):
    """Four windows of noise."""
    random = np.random.default_rng(seed)
    waveform = loudness * random.standard_normal((4, SAMPLES)).astype(np.float32)
    return Batch(
        clips=np.arange(4), waveform=waveform, targets=np.eye(CLASSES, dtype=np.float32)[:4], task=0, masked=masked
    )


@pytest.fixture(scope="module", autouse=True)
def _determinism():
    """As in a trial."""
    tf.config.experimental.enable_op_determinism()


@pytest.fixture(scope="module")
def unbroken(snapshot, tmp_path_factory):
    """With everything on, and nothing that disturbed it."""
    folder = tmp_path_factory.mktemp("unbroken")
    fitted, loop = train(snapshot, folder=folder, config=EVERYTHING, frontend=MEL_PCEN)
    return fitted, values(loop.variables), folder


@pytest.mark.parametrize("kill_at", [(1, 1), (2, 3)])
def test_with_everything_on_a_resumed_run_equals_an_unbroken_one(snapshot, unbroken, tmp_path, kill_at):
    """Weights, optimizers, average, history and scores, bit for bit."""
    fitted, variables, folder = unbroken
    with pytest.raises(KilledError):
        train(snapshot, folder=tmp_path, config=EVERYTHING, frontend=MEL_PCEN, kill_at=kill_at)
    again, loop = train(snapshot, folder=tmp_path, config=EVERYTHING, frontend=MEL_PCEN)
    for expected, variable in zip(variables, loop.variables, strict=True):
        np.testing.assert_array_equal(expected, values([variable])[0], err_msg=variable.path)
    with np.load(folder / "last.npz") as expected, np.load(tmp_path / "last.npz") as found:
        for name in sorted(set(expected) - {"progress"}):
            np.testing.assert_array_equal(expected[name], found[name])
    assert again.progress.history == fitted.progress.history
    for before, after in ((fitted.test, again.test), (fitted.noisy[10.0], again.noisy[10.0])):
        np.testing.assert_array_equal(before["synthetic"].logits, after["synthetic"].logits)


def test_noise_at_evaluation_changes_the_scores_of_the_same_weights(unbroken):
    """The test split is scored without it and with it."""
    fitted = unbroken[0]
    assert list(fitted.noisy) == [10.0]
    assert (fitted.noisy[10.0]["synthetic"].logits != fitted.test["synthetic"].logits).any()


def test_a_frozen_front_end_stands_still(unbroken):
    """In the first epoch; then it learns."""
    learned = np.array(unbroken[0].progress.learned["pcen_alpha"])
    np.testing.assert_array_equal(learned[0], learned[1])
    assert (learned[1] != learned[2]).all()


def test_a_front_end_can_be_frozen_from_an_epoch_on():
    """Its statistics stand still too; what stands behind it goes on."""
    loop = loop_of(freeze=FreezeConfig(after_epoch=1))
    frontend = loop.model.get_layer(FRONTEND)
    states = []
    for epoch in range(2):
        loop.go_to(epoch, 0, ())
        loop.train(batch_of(epoch))
        states.append((values(frontend.variables), values(loop.model.trainable_variables[-1:])))
    for before, after in zip(states[0][0], states[1][0], strict=True):
        np.testing.assert_array_equal(before, after)
    assert (states[0][1][0] != states[1][1][0]).any()


def test_gradients_are_clipped_by_the_norm_of_all_of_them():
    """Read off Adam's first moments, a tenth of the gradient after one step; smaller gradients stay as they are."""

    def gradient(clip_norm):
        loop = loop_of(optimizer=OptimizerConfig(clip_norm=clip_norm))
        loop.train(batch_of())
        moments = [v for group in loop._groups for v in group.optimizer._momentums]
        assert len(moments) == len(loop.model.trainable_variables)
        return np.concatenate([value.ravel() for value in values(moments)]).astype(np.float64) / 0.1

    free = gradient(None)
    norm = np.linalg.norm(free)
    np.testing.assert_allclose(gradient(norm / 4), free / 4, rtol=1e-4, atol=1e-9)
    np.testing.assert_array_equal(gradient(2 * norm), free)


def test_weights_decay_only_where_they_should():
    """One step of AdamW is one of Adam, minus rate times decay times the weight of kernels behind the front end."""
    loops = [
        loop_of(optimizer=optimizer, schedule=ScheduleConfig(name="constant"))
        for optimizer in (OptimizerConfig(), OptimizerConfig(name="adamw", weight_decay=0.5))
    ]
    start = values(loops[0].model.trainable_variables)
    for loop in loops:
        loop.train(batch_of())
    plain, decayed = (values(loop.model.trainable_variables) for loop in loops)
    kinds = set()
    for before, without, found, variable in zip(start, plain, decayed, loops[0].model.trainable_variables, strict=True):
        kernel = variable.path.endswith("kernel")
        kinds.add(kernel)
        expected = without - 1e-3 * 0.5 * before if kernel else without
        np.testing.assert_allclose(found, expected, atol=1e-7, err_msg=variable.path)
    assert kinds == {True, False}


def test_the_average_is_that_of_the_weights_after_every_step():
    """Starting from the initial weights; it is in place while it is evaluated, and no longer."""
    loop = loop_of(optimizer=OptimizerConfig(average=0.75))
    expected = values(loop.model.trainable_variables)
    for step in range(4):
        loop.train(batch_of(step))
        weights = values(loop.model.trainable_variables)
        expected = [0.75 * average + 0.25 * value for average, value in zip(expected, weights, strict=True)]
    with loop.evaluated_weights():
        for average, found in zip(expected, values(loop.model.trainable_variables), strict=True):
            np.testing.assert_allclose(found, average, atol=1e-6)
    for value, found in zip(weights, values(loop.model.trainable_variables), strict=True):
        np.testing.assert_array_equal(value, found)


def test_the_best_weights_are_averages(unbroken):
    """`best.npz` of the last epoch is what the average says, not the last weights."""
    fitted, variables, folder = unbroken
    assert fitted.progress.best_epoch >= 1
    with np.load(folder / "last.npz") as last, np.load(folder / "best.npz") as best:
        averages = len(last.files) - 1 - sum("average_" in name for name in last.files)
        assert averages == len(variables)
        if fitted.progress.best_epoch == fitted.progress.epoch:
            assert any((best[name] != last[name]).any() for name in best.files)


def test_learning_rates_follow_the_schedule():
    """Both, in their proportion; a plateau lowers them at the next epoch."""
    loop = loop_of(
        learning_rate=0.01,
        frontend_learning_rate=0.001,
        schedule=ScheduleConfig(name="plateau", warmup_steps=1, plateau_patience=1, plateau_factor=0.5),
    )
    rates = []
    for losses in ((), (), (1.0,), (1.0, 1.0), (1.0, 1.0, 0.9), (1.0, 1.0, 0.9, 0.95)):
        loop.go_to(len(losses), len(rates) if not losses else 0, losses)
        loop.train(batch_of())
        rates.append([float(group.optimizer.learning_rate) for group in loop._groups])
    factors = np.array([0.5, 1.0, 1.0, 0.5, 0.5, 0.25])
    np.testing.assert_allclose(rates, factors[:, None] * [[0.001, 0.01]], rtol=1e-6)


@pytest.mark.parametrize("compression", ["log", "spcen", "layer_norm"])
def test_what_is_masked_is_silence(compression):
    """Wholly masked windows train as silent ones do, whatever they sound like; a mask of nothing changes nothing."""
    frontend = MelFilterbankConfig(num_filters=8, compression=compression)
    # Weights that stand still, so that losses can be compared.
    loop = loop_of(frontend, learning_rate=1e-30, frontend_learning_rate=1e-30)
    everywhere = np.ones((4, 50, 8), bool)

    def loss(batch):
        return float(loop.train(batch)[0])

    assert loss(batch_of(1, masked=everywhere)) == pytest.approx(loss(batch_of(loudness=0.0)), rel=1e-5)
    assert loss(batch_of(1, masked=everywhere)) == loss(batch_of(2, masked=everywhere))
    assert loss(batch_of(1, masked=~everywhere)) == pytest.approx(loss(batch_of(1)), rel=1e-6)
    assert loss(batch_of(1)) != pytest.approx(loss(batch_of(2)), rel=1e-3)


def test_training_ends_early_when_validation_stands_still(snapshot, tmp_path):
    """The first epoch stays the best; two more were given to better it."""
    config = TrainConfig(
        encoder=SMALL,
        epochs=9,
        batch_size=32,
        learning_rate=1e-30,
        frontend_learning_rate=1e-30,
        patience=2,
        schedule=ScheduleConfig(name="constant"),
    )
    frozen_statistics = dataclasses.replace(config, encoder=dataclasses.replace(SMALL, dropout=0.0))
    fitted, _ = train(snapshot, folder=tmp_path, config=frozen_statistics, frontend=MelFilterbankConfig(num_filters=8))
    progress = fitted.progress
    assert progress.epoch == progress.best_epoch + 2 < 9


def test_bfloat16_is_the_encoder_s_alone():
    """It computes in bfloat16; weights, front end and logits are float32, and the loss is near that of float32."""
    loop = loop_of(LeafConfig(num_filters=8), precision="bfloat16")
    encoder = loop.model.get_layer("conv_net")
    convolutions = [layer for layer in encoder.layers if isinstance(layer, keras.layers.Conv2D)]
    assert {layer.compute_dtype for layer in convolutions} == {"bfloat16"}
    assert {variable.dtype for variable in loop.model.trainable_variables} == {"float32"}
    assert loop.model.get_layer(FRONTEND).compute_dtype == "float32"
    assert loop.model.output.dtype == "float32"
    assert keras.config.dtype_policy().name == "float32"
    plain = loop_of(LeafConfig(num_filters=8))
    assert float(loop.train(batch_of())[0]) == pytest.approx(float(plain.train(batch_of())[0]), rel=0.05)


# Keras saves variables by NumPy's old protocol.
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_a_model_in_bfloat16_is_loaded_as_it_was_saved(tmp_path):
    """The same logits."""
    model = loop_of(LeafConfig(num_filters=8), precision="bfloat16").model
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(model(batch_of().waveform), again(batch_of().waveform))
