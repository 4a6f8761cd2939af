"""Bounds of learned parameters: gradients live there, projection holds, and beyond them everything is finite."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from signals import noise, square

from frontends import Leaf, MelFilterbank

Rng = np.random.Generator
# Beyond each bound; centres have none here, as at 0 and pi responses are symmetric and slopes nearly nothing.
BEYOND = {
    "reference": {
        "sigma": (0.5, 400.0),
        "width": (0.001, 0.8),
        "alpha": (1.2, 1.1),
        "delta": (-0.5, 0.0),
        "root": (0.5, 0.9),
        "smooth": (-0.2, 1.2),
    },
    "conditioned": {"sigma": (-1.0, 6.0), "width": (-7.0, 0.0)},
}


def built(**arguments: object) -> Leaf:
    """Four filters, with weights."""
    leaf = Leaf(4, **arguments)
    leaf.build((None, None))
    return leaf


def named(leaf: Leaf, name: str) -> keras.Variable:
    """The weight of that name."""
    return next(weight for weight in leaf.trainable_variables if weight.name == name)


def gradient_of_sum(leaf: Leaf, weight: keras.Variable, x: np.ndarray, sign: int = 1) -> np.ndarray:
    """The gradient of all features together."""
    with tf.GradientTape() as tape:
        loss = sign * tf.reduce_sum(leaf(tf.constant(x)))
    return np.asarray(tape.gradient(loss, weight.value))


@pytest.mark.parametrize(
    ("parametrization", "name"), [(kind, name) for kind, names in BEYOND.items() for name in names]
)
def test_gradients_are_alive_beyond_the_bounds(rng: Rng, parametrization: str, name: str) -> None:
    """The LEAF code's clips without projection: there, and for ever, gradients are 0; a negative delta is NaN."""
    leaf, x = built(parametrization=parametrization), noise(rng, batch=1, samples=2000)
    weight = named(leaf, name)
    weight.assign(np.tile(BEYOND[parametrization][name], 2))
    assert (weight.numpy() != weight.constraint(weight).numpy()).all()
    assert np.isfinite(leaf(x)).all()
    gradient = gradient_of_sum(leaf, weight, x)
    assert (np.abs(gradient) > 0.0).all()
    assert np.isfinite(gradient).all()


@pytest.mark.parametrize("name", ["alpha", "delta", "root", "smooth", "sigma", "width"])
@pytest.mark.parametrize("sign", [1, -1])
def test_a_parameter_at_its_bound_comes_back(rng: Rng, name: str, sign: int) -> None:
    """An Adam step whose gradient points inside leaves the bound; one that points outside stays."""
    leaf, x = built(), noise(rng, batch=1, samples=2000)
    weight = named(leaf, name)
    bounds = [bound for bound in (weight.constraint.lower, weight.constraint.upper) if bound is not None]
    at = np.float32(np.resize(bounds, 4))
    weight.assign(at)
    gradient = gradient_of_sum(leaf, weight, x, sign)
    keras.optimizers.Adam(1e-3).apply_gradients([(tf.constant(gradient), weight)])
    moved = weight.numpy() != at
    inward = np.where(at == np.float32(weight.constraint.upper or np.inf), -1, 1)
    np.testing.assert_array_equal(moved, np.sign(-gradient) == inward)


@pytest.mark.parametrize(
    "layer",
    [
        Leaf(6, name="leaf"),
        Leaf(6, parametrization="conditioned", compression="power", dtype="mixed_bfloat16", name="conditioned"),
        MelFilterbank(6, compression="spcen", name="mel-pcen"),
    ],
    ids=lambda layer: layer.name,
)
def test_violent_training_ends_within_the_bounds(rng: Rng, layer: keras.layers.Layer) -> None:
    """Adam steps of 1 throw every parameter from bound to bound; features stay finite."""
    optimizer = keras.optimizers.Adam(1.0)
    x = tf.constant(np.concatenate([noise(rng, batch=1, samples=800), square(batch=1, samples=800)]))
    layer.build(x.shape)
    for step in range(8):
        with tf.GradientTape() as tape:
            loss = (-1) ** (step // 4) * tf.reduce_mean(tf.cast(layer(x), tf.float32))
        gradients = tape.gradient(loss, layer.trainable_variables)
        assert all(np.isfinite(gradient).all() for gradient in gradients)
        optimizer.apply_gradients(zip(gradients, layer.trainable_variables, strict=True))
        for weight in layer.trainable_variables:
            np.testing.assert_array_equal(weight, weight.constraint(weight))
    assert np.isfinite(np.asarray(layer(x), "float32")).all()
