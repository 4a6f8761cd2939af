"""Laws that every front end obeys, as functions; `layers` lists what they are tried on."""

import doctest
import importlib
import time

import keras
import numpy as np
import pytest
import tensorflow as tf
from reference import relative
from signals import click, noise, square

Rng = np.random.Generator


def assert_examples_run(module: str) -> None:
    """What the docstrings of a module of `frontends` show is what happens."""
    results = doctest.testmod(importlib.import_module(f"frontends.{module}"), extraglobs={"np": np})
    assert results.attempted > 0
    assert results.failed == 0


def assert_config_round_trip(layer: keras.layers.Layer, arguments: dict) -> None:
    """from_config(get_config()) is the same layer, and its config says what it was made with."""
    config = layer.get_config()
    assert arguments.items() <= config.items()
    assert type(layer).from_config(config).get_config() == config


def assert_shapes_agree(layer: keras.layers.Layer) -> None:
    """The eager shape, the symbolic one and that of compute_output_shape are one, for any length."""
    for shape in [(2, 3000), (2, 3000, 1), (1, 1), (3, 0)]:
        eager = layer(np.zeros(shape, "float32"))
        assert layer.compute_output_shape(shape) == tuple(eager.shape)
        assert layer(keras.Input(batch_shape=shape)).shape == tuple(eager.shape)
        assert layer(keras.Input((None, *shape[2:]))).shape == (None, None, *eager.shape[2:])


def assert_only_mono_is_taken(make: type) -> None:
    """Stereo is refused by name, built or not."""
    built = make()
    built.build((None, None))
    for layer in (make(), built):
        for shape in [(2, 3000, 2), (3000,), (2, 3, 4, 1)]:
            with pytest.raises(ValueError, match="mono waveforms"):
                layer(np.zeros(shape, "float32"))


def assert_alone_as_in_a_batch(layer: keras.layers.Layer, rng: Rng) -> None:
    """A clip alone equals the same clip beside a loud one."""
    x = noise(rng, batch=3, samples=4000)
    x[1] *= 100.0
    np.testing.assert_allclose(layer(x)[:1], layer(x[:1]), rtol=1e-4, atol=1e-5)


def assert_shift_shifts_frames(layer: keras.layers.Layer, rng: Rng, *, stride: int, edge: int) -> None:
    """A clip moved by a stride has its frames moved by one, but for `edge` frames at both ends."""
    length = (2 * edge + 4) * stride
    x = noise(rng, batch=1, samples=length + stride)
    late, early = (np.asarray(layer(x[:, start : start + length])) for start in (0, stride))
    assert relative(late[:, edge + 1 : -edge], np.float64(early[:, edge : -edge - 1])) <= 1e-5


def extreme_signals(rng: Rng, *, samples: int) -> np.ndarray:
    """Silence first, DC, a full-scale square wave, a click, and noise of 1e-8 rms."""
    signals = [
        np.zeros((1, samples), "float32"),
        np.ones((1, samples), "float32"),
        square(batch=1, samples=samples),
        click(batch=1, samples=samples),
        1e-7 * noise(rng, batch=1, samples=samples),
    ]
    return np.concatenate(signals)


def assert_finite(layer: keras.layers.Layer, waveform: np.ndarray, *, training: bool = False) -> None:
    """Finite are the features, in the compute dtype, and the gradients of the waveform and of what is learned."""
    waveform = tf.constant(waveform)
    with tf.GradientTape() as tape:
        tape.watch(waveform)
        features = layer(waveform, training=training)
        loss = tf.reduce_sum(tf.square(tf.cast(features, tf.float32)))
    gradients = tape.gradient(loss, [waveform, *layer.trainable_variables])
    assert keras.backend.standardize_dtype(features.dtype) == layer.compute_dtype
    assert np.isfinite(np.asarray(features, "float32")).all()
    assert all(np.isfinite(gradient).all() for gradient in gradients)


def assert_finite_on_extreme_signals(make: type, rng: Rng, *, training: bool = False) -> None:
    """In float32 and bfloat16, silence alone and all of them together."""
    signals = extreme_signals(rng, samples=2000)
    for policy in ("float32", "mixed_bfloat16"):
        layer = make(dtype=policy)
        layer.build((None, 2000))
        assert_finite(layer, signals[:1], training=training)
        assert_finite(layer, signals, training=training)


def assert_precision(make: type, rng: Rng, *, policy: str, tolerance: float) -> None:
    """Features have the policy's compute dtype, and are rounded to it; weights and arithmetic stay wide."""
    x = noise(rng, batch=2, samples=2000)
    layer, full = make(dtype=policy), make()
    features = layer(x)
    assert keras.backend.standardize_dtype(features.dtype) == layer.compute_dtype
    assert relative(tf.cast(features, "float64"), np.asarray(full(x), np.float64)) <= tolerance
    assert {weight.dtype for weight in layer.weights} <= {layer.variable_dtype}


def assert_compiled_equals_eager(layer: keras.layers.Layer, rng: Rng) -> None:
    """XLA, and a graph that knows neither batch nor length, give what eager gives.

    XLA's program is made once: other weights of the same shape need no other, or every step of training would.
    """
    x, seconds = noise(rng, batch=2, samples=2000), []
    layer.build((None, 2000))
    compiled = tf.function(layer, jit_compile=True)
    for _ in range(2):
        wanted, start = np.asarray(layer(x), np.float64), time.process_time()
        assert relative(compiled(x), wanted) <= 2e-5
        seconds.append(time.process_time() - start)
        for weight in layer.trainable_weights:
            weight.assign(1.01 * weight)
    assert seconds[1] < seconds[0] / 4
    dynamic = tf.function(layer, input_signature=[tf.TensorSpec((None, None))])
    for samples in (1, 700, 2000):
        assert relative(dynamic(x[:, :samples]), np.asarray(layer(x[:, :samples]), np.float64)) <= 2e-5


def trainable_count(layer: keras.layers.Layer) -> int:
    """Numbers that learn."""
    layer.build((None, 16000))
    return sum(int(np.prod(weight.shape)) for weight in layer.trainable_weights)
