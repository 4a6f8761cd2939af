"""precision="fast" against "exact": 1e-3 for energies and features, 1e-2 for gradients, wherever weights are."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
import tensorflow as tf
from reference import relative
from signals import click, noise, tones

from frontends import Leaf

Rng = np.random.Generator
SIGNALS = {
    "white": lambda rng: noise(rng, batch=2, samples=16000),
    "pink": lambda rng: noise(rng, batch=2, samples=16000, slope=1),
    "brown": lambda rng: noise(rng, batch=2, samples=16000, slope=2),
    "tones": lambda _: tones(samples=16000),
    "full-scale tones": lambda _: 2.0 * tones(samples=16000),
    "click": lambda _: click(batch=1, samples=16000),
}


def pair(**arguments: object) -> tuple[Leaf, Leaf]:
    """An exact and a fast Leaf of the same weights."""
    layers = tuple(Leaf(precision=precision, **arguments) for precision in ("exact", "fast"))
    for layer in layers:
        layer.build((None, None))
    return layers


def assert_close(exact: Leaf, fast: Leaf, x: np.ndarray, *, flat: str = "") -> None:
    """Energies and features to 1e-3, the gradient of mean(y^2) of every parameter to 1e-2.

    Where the features do not depend on the parameters named `flat`, both gradients are nothing but rounding.
    """
    x = tf.constant(x)
    assert relative(fast.filterbank(x), np.float64(exact.filterbank(x))) <= 1e-3
    assert relative(fast(x), np.float64(exact(x))) <= 1e-3
    wanted_gradients, got_gradients = gradients(exact, x), gradients(fast, x)
    for name, wanted in wanted_gradients.items():
        got = got_gradients[name]
        if name == flat:
            assert max(np.abs(got).max(), np.abs(wanted).max()) <= 1e-5
        else:
            assert relative(got, wanted) <= 1e-2, name


def gradients(leaf: Leaf, x: tf.Tensor) -> dict[str, np.ndarray]:
    """Of mean(y^2), by the name of the parameter."""
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(tf.square(leaf(x)))
    found = tape.gradient(loss, leaf.trainable_variables)
    return {weight.name: np.float64(each) for weight, each in zip(leaf.trainable_variables, found, strict=True)}


@pytest.mark.parametrize(("name", "signal"), SIGNALS.items(), ids=SIGNALS)
def test_at_the_initial_parameters(rng: Rng, name: str, signal: Callable[[Rng], np.ndarray]) -> None:
    """Noises, tones and clicks; the power of a click is that of the envelope, whatever the centre."""
    assert_close(*pair(), signal(rng), flat="center" if name == "click" else "")


@pytest.mark.parametrize("num_filters", [40, 64])
def test_on_tones_anywhere(num_filters: int) -> None:
    """Full-scale tones, every half second of another frequency: also at edges of cuts, and at beats with low rates."""
    exact, fast = pair(num_filters=num_filters)
    hz = np.array([94.0, 253.1, 500.0, 559.9, 906.5, 1000.0, 1253.1, 1500.0, 2000.0, 2292.9, 5585.6, 7000.0])
    x = np.float32(np.sin(2 * np.pi * hz[:, None] * np.arange(8000) / 16000 + 0.3))
    assert relative(fast.filterbank(x), np.float64(exact.filterbank(x))) <= 1e-3
    assert relative(fast(x), np.float64(exact(x))) <= 1e-3


def test_on_speech(shared: Path) -> None:
    """Real recordings of digits, half a second of each."""
    files = sorted((shared / "corpora").rglob("*_jackson_*.wav"))[:8] or sorted((shared / "corpora").rglob("*.wav"))[:8]
    clips = [soundfile.read(file, dtype="float32", always_2d=True)[0][:4000, 0] for file in files]
    x = np.stack([np.pad(clip, (0, 4000 - len(clip))) for clip in clips])
    assert_close(*pair(sample_rate=8000, max_hz=3900.0), x)


@pytest.mark.parametrize("num_filters", [20, 64])
@pytest.mark.parametrize("sample_rate", [22050, 44100])
def test_at_other_rates(rng: Rng, num_filters: int, sample_rate: int) -> None:
    """Even windows and other strides."""
    x = noise(rng, batch=1, samples=sample_rate // 3, slope=1)
    assert_close(*pair(num_filters=num_filters, sample_rate=sample_rate), x)


@pytest.mark.parametrize("replan", [False, True])
@pytest.mark.parametrize("spread", [0.05, 0.7, 10.0])
def test_at_random_parameters(rng: Rng, spread: float, replan: bool) -> None:
    """Weights drawn near the initial ones, far, and most of them at their bounds; as planned or planned anew."""
    exact, fast = pair()
    for one, other in zip(exact.trainable_variables[:3], fast.trainable_variables[:3], strict=True):
        drawn = one.constraint(np.float32(one.numpy() * np.exp(rng.uniform(-spread, spread, one.shape))))
        one.assign(drawn)
        other.assign(drawn)
    if replan:
        fast.replan()
        exact.replan()
    for slope in (0, 2):
        assert_close(exact, fast, noise(rng, batch=1, samples=8001, slope=slope))


@pytest.mark.parametrize("bound", ["lower", "upper"])
@pytest.mark.parametrize("name", ["center", "sigma", "width"])
def test_at_both_bounds(rng: Rng, name: str, bound: str) -> None:
    """Every weight of one kind at a bound, and a new plan for it; at 0 and at pi the response is even in the centre."""
    exact, fast = pair(num_filters=16)
    for layer in (exact, fast):
        weight = next(weight for weight in layer.trainable_variables if weight.name == name)
        weight.assign(np.full(16, getattr(weight.constraint, bound)))
        layer.replan()
    assert_close(exact, fast, noise(rng, batch=1, samples=8001, slope=1), flat=name if name == "center" else "")


def test_nothing_at_the_full_rate() -> None:
    """Filters that hear every frequency are cut too, but for even windows, whose response is not real."""
    for sample_rate, rates in ((16000, False), (22050, True)):
        _, fast = pair(num_filters=64, sample_rate=sample_rate)
        assert (1 in fast.filterbank.plan.decimations) == rates
        assert any(fast.filterbank.plan.leaky) != rates


def test_fast_needs_fewer_samples() -> None:
    """At the initial parameters the fast plan computes less than two thirds of the exact one's low-rate samples."""
    exact, fast = (np.sum(1.0 / np.array(layer.filterbank.plan.decimations)) for layer in pair())
    assert fast < 0.67 * exact
