"""Long training: whatever parameters it leads to, features and gradients are finite."""

from collections.abc import Callable

import keras
import numpy as np
import pytest
import tensorflow as tf
from laws import assert_finite, extreme_signals
from signals import noise, square

from frontends import Leaf, MelFilterbank, SincNet, SincNetPlus, TimeDomainFilterbank, Wavegram

Rng = np.random.Generator
Make = Callable[..., keras.layers.Layer]
SCALES = ["mel", "bark", "erb", "linear", "random"]
EACH = 4  # filters of a scale


def built(layer: keras.layers.Layer) -> keras.layers.Layer:
    """The layer with its weights."""
    layer.build((None, None))
    return layer


def of_all_scales(make: Make, **arguments: object) -> keras.layers.Layer:
    """One layer with the filters that layers of every scale begin with: filters do not know of each other."""
    layers = [built(make(EACH, scale=scale, **arguments)) for scale in SCALES]
    whole = built(make(EACH * len(SCALES), **arguments))
    for weight, *parts in zip(whole.weights, *(layer.weights for layer in layers), strict=True):
        by_filter = np.flatnonzero(np.array(weight.shape) != parts[0].shape)
        if by_filter.size:
            weight.assign(np.concatenate(parts, axis=by_filter[0]))
    return whole


FRONT_ENDS = {
    "leaf": lambda dtype: of_all_scales(Leaf, dtype=dtype),
    "leaf-conditioned": lambda dtype: of_all_scales(Leaf, parametrization="conditioned", dtype=dtype),
    "time-domain": lambda dtype: of_all_scales(TimeDomainFilterbank, dtype=dtype),
    "sincnet": lambda dtype: of_all_scales(SincNet, dtype=dtype),
    "sincnet-plus": lambda dtype: of_all_scales(SincNetPlus, dtype=dtype),
    "mel-pcen": lambda dtype: built(MelFilterbank(EACH, compression="spcen", dtype=dtype)),
    "wavegram": lambda dtype: built(Wavegram(dtype=dtype)),
}


def trained(layer: keras.layers.Layer, rng: Rng) -> keras.layers.Layer:
    """After 200 Adam steps at 1e-2 that push some features up and others down, as far as they go."""
    x = tf.constant(np.concatenate([noise(rng, batch=1, samples=800), square(batch=1, samples=800)]))
    signs = tf.constant(rng.choice([-1.0, 1.0], size=layer.compute_output_shape(x.shape)[2:]), "float32")
    optimizer = keras.optimizers.Adam(1e-2)
    optimizer.build(layer.trainable_variables)

    @tf.function
    def steps(count: tf.Tensor) -> None:
        for _ in tf.range(count):
            with tf.GradientTape() as tape:
                loss = tf.reduce_mean(signs * tf.cast(layer(x, training=True), tf.float32))
            gradients = tape.gradient(loss, layer.trainable_variables)
            optimizer.apply_gradients(zip(gradients, layer.trainable_variables, strict=True))

    steps(tf.constant(200))
    return layer


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
@pytest.mark.parametrize("name", FRONT_ENDS)
def test_finite_after_200_steps_from_every_scale(rng: Rng, name: str, policy: str) -> None:
    """Silence, a full-scale square wave, 1e-8 noise, DC and a click, alone and together."""
    layer = FRONT_ENDS[name](policy)
    before = [weight.numpy() for weight in layer.trainable_weights]
    trained(layer, rng)
    assert all((old != new.numpy()).any() for old, new in zip(before, layer.trainable_weights, strict=True))
    signals = extreme_signals(rng, samples=1600)
    assert_finite(layer, signals[:1])
    assert_finite(layer, signals)


@pytest.mark.parametrize(("parametrization", "policy"), [("reference", "float32"), ("conditioned", "mixed_bfloat16")])
def test_finite_on_a_minute(rng: Rng, parametrization: str, policy: str) -> None:
    """Of speech-like noise with silence in it, after training."""
    layer = trained(built(Leaf(EACH, parametrization=parametrization, dtype=policy)), rng)
    layer.replan()
    minute = noise(rng, batch=1, samples=60 * 16000, slope=1)
    minute[:, 100_000:500_000] = 0.0
    assert_finite(layer, minute)
