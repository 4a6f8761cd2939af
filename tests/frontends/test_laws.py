"""What is true of any correct front end: laws, finiteness, gradients at bounds."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from reference import relative
from signals import click, noise, square

from frontends import Leaf, MelFilterbank

Rng = np.random.Generator
FRONT_ENDS = [
    pytest.param(Leaf, id="leaf"),
    pytest.param(lambda **kw: Leaf(compression="log", **kw), id="leaf-log"),
    pytest.param(MelFilterbank, id="mel"),
    pytest.param(lambda **kw: MelFilterbank(compression="pcen", **kw), id="mel-pcen"),
]


@pytest.mark.parametrize("make", FRONT_ENDS)
def test_alone_as_in_a_batch(rng: Rng, make: type) -> None:
    """A clip alone equals the same clip beside a loud one."""
    layer, x = make(), noise(rng, batch=3, samples=8000)
    x[1] *= 100.0
    np.testing.assert_allclose(layer(x)[:1], layer(x[:1]), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("make", [FRONT_ENDS[1], FRONT_ENDS[2]])
def test_shift_by_a_stride_shifts_the_frames(rng: Rng, make: type) -> None:
    """Without memory between frames, a clip moved by a stride has its inner frames moved by one."""
    layer, x = make(), noise(rng, batch=1, samples=8160)
    late, early = layer(x[:, :8000]), layer(x[:, 160:])
    assert relative(np.asarray(late)[:, 5:-5], np.asarray(early)[:, 4:-6]) <= 1e-5


def test_energies_scale_with_the_square(rng: Rng) -> None:
    """Twice the waveform has four times the energies."""
    bank, x = Leaf().filterbank, noise(rng, batch=1, samples=4000)
    assert relative(bank(2.0 * x), 4.0 * np.asarray(bank(x), np.float64)) <= 1e-5


@pytest.mark.parametrize("make", FRONT_ENDS)
def test_finite_on_extreme_signals(rng: Rng, make: type) -> None:
    """Silence, a full-scale square wave, 1e-8 noise, DC and a click: finite values and gradients."""
    signals = [
        np.zeros((1, 4000), "float32"),
        np.ones((1, 4000), "float32"),
        square(batch=1, samples=4000),
        click(batch=1, samples=4000),
        1e-7 * noise(rng, batch=1, samples=4000),
    ]
    layer = make()
    waveform = tf.constant(np.concatenate(signals))
    with tf.GradientTape() as tape:
        tape.watch(waveform)
        features = layer(waveform)
        loss = tf.reduce_sum(tf.square(features))
    assert np.isfinite(features).all()
    for gradient in tape.gradient(loss, [waveform, *layer.trainable_variables]):
        assert np.isfinite(gradient).all()


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
def test_finite_after_violent_training(rng: Rng, policy: str) -> None:
    """Adam steps of 1e-1 end within the bounds, with finite features."""
    leaf = Leaf(8, dtype=policy)
    optimizer = keras.optimizers.Adam(0.1)
    x = tf.constant(np.concatenate([noise(rng, batch=2, samples=1600), square(batch=1, samples=1600)]))
    leaf.build(x.shape)
    for _ in range(30):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(tf.cast(leaf(x), tf.float32)))
        gradients = tape.gradient(loss, leaf.trainable_variables)
        optimizer.apply_gradients(zip(gradients, leaf.trainable_variables, strict=True))
    assert np.isfinite(np.asarray(leaf(x), "float32")).all()
    for weight in leaf.trainable_variables:
        np.testing.assert_array_equal(weight, weight.constraint(weight))


def test_gradients_are_alive_outside_the_bounds(rng: Rng) -> None:
    """Each parameter beyond a bound has a gradient, and a step that points inside brings it back."""
    outside = {
        "sigma": (0.5, 400.0),
        "pooling": (0.001, 0.8),
        "alpha": (1.2,),
        "root": (0.5,),
        "smooth": (-0.2, 1.2),
        "center": (-0.1, 3.3),
    }
    x = tf.constant(noise(rng, batch=1, samples=3000))
    for name, values in outside.items():
        for value in values:
            leaf = Leaf(4)
            leaf.build(x.shape)
            weight = next(w for w in leaf.trainable_variables if w.name == name)
            weight.assign(tf.fill(weight.shape, value))
            with tf.GradientTape() as tape:
                loss = tf.reduce_sum(leaf(x))
            gradient = np.asarray(tape.gradient(loss, weight.value))
            if name == "center":  # at 0 and pi the response is symmetric: its slope is nearly nothing
                continue
            assert (np.abs(gradient) > 0).all(), (name, value)


@pytest.mark.parametrize(("name", "inward"), [("smooth", -1), ("alpha", -1), ("root", 1), ("delta", 1)])
def test_a_parameter_at_its_bound_comes_back(rng: Rng, name: str, inward: int) -> None:
    """An Adam step whose gradient points inside leaves the bound; one that points outside stays."""
    x = tf.constant(noise(rng, batch=1, samples=3000))
    for sign in (1, -1):
        leaf = Leaf(4)
        leaf.build(x.shape)
        weight = getattr(leaf.compress, name)
        bound = weight.constraint.upper if inward < 0 else weight.constraint.lower
        weight.assign(tf.fill(weight.shape, bound))
        with tf.GradientTape() as tape:
            loss = sign * tf.reduce_sum(leaf(x))
        gradient = tape.gradient(loss, weight.value)
        keras.optimizers.Adam(1e-2).apply_gradients([(gradient, weight)])
        inside = np.sign(-np.asarray(gradient)) == inward
        np.testing.assert_array_equal(np.abs(weight.numpy() - np.float32(bound)) > 1e-3, inside)


def test_the_plan_survives_a_compiled_function(rng: Rng) -> None:
    """A function traced with one plan is right when the weights have left it, and after a new plan."""
    leaf, x = Leaf(6), noise(rng, batch=1, samples=3000)
    compiled = tf.function(leaf)
    before = compiled(x)
    leaf.filterbank.sigma.assign(leaf.filterbank.sigma * 0.4)
    moved = compiled(x)
    assert relative(moved, np.asarray(before)) > 1e-2
    assert leaf.replan()
    assert relative(compiled(x), np.asarray(leaf(x), np.float64)) <= 1e-5
