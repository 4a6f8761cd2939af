"""Wavegram in both forms against a float64 model, its size, its statistics, and the laws of a front end."""

from functools import partial

import keras
import laws
import numpy as np
import pytest
import tensorflow as tf
from reference import relative, wavegram
from signals import noise

from frontends import Wavegram

Rng = np.random.Generator
FORMS = ["panns", "reference"]


def trained(form: str, rng: Rng, **arguments: object) -> Wavegram:
    """A layer whose normalisations have statistics, gains and offsets."""
    layer = Wavegram(form, **arguments)
    layer.build((None, None))
    for weight in layer.weights:
        if weight.name != "kernel":
            weight.assign(weight.numpy() + 0.2 * rng.random(weight.shape))
    return layer


def weights_of(layer: Wavegram) -> list[dict[str, np.ndarray]]:
    """Those of the nine convolutions in order, as the reference model takes them."""
    names = ("kernel", "gamma", "beta", "moving_mean", "moving_variance")
    values = [dict(zip(names, group, strict=True)) for group in zip(*[_named(layer, n) for n in names], strict=True)]
    return [value | {"epsilon": 1e-5 if layer.form == "panns" else 1e-3} for value in values]


def _named(layer: Wavegram, name: str) -> list[np.ndarray]:
    return [weight.numpy() for weight in layer.weights if weight.name == name]


def test_counts(golden: dict[str, np.ndarray]) -> None:
    """309,568 in the reference's form; the original's 2-D block sees 4 maps, not 128: 124 x 9 x 64 fewer."""
    assert laws.trainable_count(Wavegram("reference")) == golden["wavegram/trainable_count"] == 309_568
    assert laws.trainable_count(Wavegram()) == 309_568 - 124 * 9 * 64 == 238_144
    for form, total in (("reference", 311_232), ("panns", 239_808)):
        layer = Wavegram(form)
        layer.build((None, None))
        assert layer.count_params() == total


def test_shapes(golden: dict[str, np.ndarray]) -> None:
    """25 frames a second at 16 kHz; 64 bins as the LEAF code's, or 32 bins and 64 maps as those of PANNs."""
    assert Wavegram("reference").compute_output_shape((5, 16000)) == tuple(golden["wavegram/out_shape"][:3])
    assert Wavegram().compute_output_shape((None, 32000)) == (None, 50, 32, 64)
    assert [Wavegram(form).num_filters for form in FORMS] == [32, 64]


@pytest.mark.parametrize("samples", [1, 640, 641, 1900])
@pytest.mark.parametrize("form", FORMS)
def test_values(rng: Rng, form: str, samples: int) -> None:
    """Both forms are the formula; a clip of any length is as if zeros followed to a multiple of 640."""
    layer, x = trained(form, rng), noise(rng, batch=2, samples=samples)
    filled = np.pad(x, ((0, 0), (0, -samples % 640)))
    wanted = wavegram(filled, weights_of(layer), form=form)
    assert wanted.shape == layer.compute_output_shape(x.shape)
    assert relative(layer(x), wanted) <= 1e-5


@pytest.mark.parametrize("form", FORMS)
def test_statistics(rng: Rng, form: str) -> None:
    """Training normalises by the batch and moves the statistics of all workers; inference uses and keeps them."""
    layer, x = trained(form, rng), noise(rng, batch=4, samples=3200)
    statistics = [w for w in layer.weights if w.name.startswith("moving")]
    before = [weight.numpy() for weight in statistics]
    inference = layer(x, training=False)
    np.testing.assert_array_equal(layer(x), inference)
    assert all((old == new.numpy()).all() for old, new in zip(before, statistics, strict=True))
    assert relative(layer(x, training=True), np.asarray(inference, np.float64)) > 1e-2
    assert all((old != new.numpy()).any() for old, new in zip(before, statistics, strict=True))
    kinds = [each for each in layer._flatten_layers() if isinstance(each, keras.layers.BatchNormalization)]
    assert len(kinds) == 9
    assert all(each.synchronized and each.momentum == 0.9 for each in kinds)


@pytest.mark.parametrize(("form", "inert"), [("panns", False), ("reference", True)])
def test_what_learns(rng: Rng, form: str, inert: bool) -> None:
    """Every weight has a gradient; in the reference's form two thirds of the last kernels have none, as said."""
    layer = Wavegram(form)
    x = tf.constant(noise(rng, batch=2, samples=1280))
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(tf.square(layer(x, training=False)))
    gradients = tape.gradient(loss, layer.trainable_variables)
    assert all(np.abs(gradient).max() > 0 for gradient in gradients)
    kernels = [np.asarray(gradient) for gradient in gradients if len(gradient.shape) == 4]
    assert [(kernel[:, ::2] == 0).all() for kernel in kernels] == [inert] * 2


def test_errors_say_what_was_received() -> None:
    """An unknown form is refused with its name."""
    with pytest.raises(ValueError, match="form='leaf'"):
        Wavegram("leaf")


@pytest.mark.parametrize(("policy", "tolerance"), [("mixed_bfloat16", 3e-2), ("mixed_float16", 4e-3)])
@pytest.mark.parametrize("form", FORMS)
def test_mixed_precision(rng: Rng, form: str, policy: str, tolerance: float) -> None:
    """Behind the first convolution the arithmetic is the compute dtype's; the weights stay float32."""
    full, low = trained(form, rng), Wavegram(form, dtype=policy)
    low.build((None, None))
    low.set_weights(full.get_weights())
    x = noise(rng, batch=2, samples=1280)
    features = low(x)
    assert keras.backend.standardize_dtype(features.dtype) == low.compute_dtype
    assert relative(tf.cast(features, tf.float32), np.asarray(full(x), np.float64)) <= tolerance
    assert {weight.dtype for weight in low.weights} == {"float32"}


@pytest.mark.parametrize("form", FORMS)
def test_extreme_signals_in_training(rng: Rng, form: str) -> None:
    """Statistics of a batch of silence, too."""
    laws.assert_finite_on_extreme_signals(partial(Wavegram, form), rng, training=True)
