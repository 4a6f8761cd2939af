"""Leaf against a float64 model of the formulas, over signals, lengths, rates, counts and parameters."""

from collections.abc import Callable

import numpy as np
import pytest
import tensorflow as tf
from reference import leaf_energies, pcen, relative
from signals import click, noise, tones

from frontends import Leaf, blocks, subbands

Rng = np.random.Generator


def expected(leaf: Leaf, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Energies and features by the reference model, from the layer's weights as they stand."""
    bank, weights = leaf.filterbank, leaf.compress
    energies = leaf_energies(
        x,
        mu=bank.center.numpy(),
        sigma=bank.sigma.numpy(),
        width=bank.pooling.width.numpy(),
        window=bank.framing.window,
        stride=bank.framing.stride,
    )
    parameters = {name: getattr(weights, name).numpy() for name in ("alpha", "delta", "root", "smooth")}
    return energies, pcen(np.maximum(energies, 1e-5), **parameters)


def assert_agrees(leaf: Leaf, x: np.ndarray) -> None:
    """Energies to 1e-5, features behind PCEN to 1e-4."""
    energies, features = expected(leaf, x)
    assert relative(leaf.filterbank(x), energies) <= 1e-5
    assert relative(leaf(x), features) <= 1e-4


def built(**arguments: float) -> Leaf:
    """A Leaf with weights."""
    leaf = Leaf(**arguments)
    leaf.build((None, None))
    return leaf


def perturbed(rng: Rng, spread: float) -> Leaf:
    """Weights within their bounds, each a random factor from its initial value."""
    leaf = built()
    for weight in leaf.trainable_variables:
        factor = np.exp(spread * rng.uniform(-1, 1, weight.shape))
        weight.assign(weight.constraint(np.float32(weight.numpy() * factor)))
    return leaf


def out_of_bounds(rng: Rng) -> Leaf:
    """Weights on both sides of their bounds, also inside."""
    leaf = built()
    bank, compress = leaf.filterbank, leaf.compress
    for weight, low, high in (
        (bank.center, -0.5, np.pi + 0.5),
        (bank.sigma, 0.1, 300.0),
        (bank.pooling.width, -0.1, 0.9),
        (compress.alpha, 0.0, 1.3),
        (compress.root, 0.3, 4.0),
        (compress.smooth, -0.3, 1.3),
    ):
        weight.assign(rng.uniform(low, high, weight.shape))
    return leaf


@pytest.mark.parametrize(
    "signal",
    [
        lambda rng: noise(rng, batch=2, samples=16000),
        lambda rng: noise(rng, batch=2, samples=16000, slope=1),
        lambda rng: noise(rng, batch=2, samples=16000, slope=2),
        lambda rng: tones(samples=16000),
        lambda rng: click(batch=1, samples=16000),
    ],
    ids=["white", "pink", "brown", "tones", "click"],
)
def test_signals(rng: Rng, signal: Callable[[Rng], np.ndarray]) -> None:
    """Spectra that fall steeply and pure tones leak nothing into weak bands."""
    assert_agrees(built(), signal(rng))


@pytest.mark.parametrize("samples", [1, 2, 159, 160, 161, 200, 401, 402, 3201, 15999, 16001, 33000, 48017, 160001])
def test_lengths(rng: Rng, samples: int) -> None:
    """Any length, shorter than a window too, and clips that need several buffers."""
    leaf, x = built(), noise(rng, batch=1, samples=samples)
    assert_agrees(leaf, x)
    assert leaf(x).shape == (1, -(-samples // 160), 40)


@pytest.mark.parametrize("samples", [401, 402, 560, 810])
@pytest.mark.parametrize("seed", [1, 12])
def test_short_clips_whose_filters_have_moved(samples: int, seed: int) -> None:
    """In a clip of a window or two a band may hold little by chance, no more than what a cut leaves out."""
    rng, leaf = np.random.default_rng(seed), built(num_filters=57, scale="linear")
    for weight in leaf.trainable_variables[:3]:
        weight.assign(weight.constraint(np.float32(weight.numpy() * np.exp(rng.uniform(-0.3, 0.3, weight.shape)))))
    assert_agrees(leaf, noise(rng, batch=1, samples=samples))


@pytest.mark.parametrize("sample_rate", [8000, 16000, 22050, 44100, 48000])
@pytest.mark.parametrize("num_filters", [20, 64, 128])
def test_rates_and_counts(rng: Rng, sample_rate: int, num_filters: int) -> None:
    """Every rate (even kernels, odd strides) and count, clipped initial bandwidths included."""
    leaf = built(num_filters=num_filters, sample_rate=sample_rate, max_hz=min(7800.0, 0.4875 * sample_rate))
    assert_agrees(leaf, noise(rng, batch=1, samples=sample_rate // 4 + 17, slope=1))


@pytest.mark.parametrize(
    "make",
    [lambda rng: perturbed(rng, 0.03), lambda rng: perturbed(rng, 0.7), out_of_bounds],
    ids=["near", "far", "out of bounds"],
)
@pytest.mark.parametrize("slope", [0, 2])
def test_parameters(rng: Rng, make: Callable[[Rng], Leaf], slope: int) -> None:
    """Weights anywhere, before and after a new plan: the fast path is left where its error would grow."""
    leaf, x = make(rng), noise(rng, batch=1, samples=8001, slope=slope)
    assert_agrees(leaf, x)
    leaf.replan()
    assert leaf.filterbank.plan.holds(**leaf.filterbank.effective_parameters()).all()
    assert_agrees(leaf, x)


@pytest.mark.parametrize("sigma", [0.1, 1000.0])
def test_both_bandwidth_bounds(rng: Rng, sigma: float) -> None:
    """All filters at their narrowest, or at their widest, whose truncated kernels have side lobes."""
    leaf = built()
    leaf.filterbank.sigma.assign(np.full(40, sigma))
    assert_agrees(leaf, noise(rng, batch=1, samples=4000, slope=2))
    assert leaf.replan()
    assert not leaf.replan()
    assert_agrees(leaf, noise(rng, batch=1, samples=4000, slope=2))


@pytest.mark.parametrize("edge", [0, 1])
def test_edges_of_the_plan(rng: Rng, edge: int) -> None:
    """The fast path is exact on the edges of its boxes, so wherever it is taken."""
    leaf = built()
    bank = leaf.filterbank
    for weight, boxes in ((bank.sigma, bank.plan.sigma), (bank.center, bank.plan.center)):
        wanted = np.array(boxes)[:, edge] * (0.9999 if edge else 1.0001)
        wanted = np.where(np.isfinite(wanted), wanted, weight.numpy())
        weight.assign(weight.constraint(np.float32(wanted)))
    assert bank.plan.holds(**bank.effective_parameters()).all()
    for slope in (0, 2):
        assert_agrees(leaf, noise(rng, batch=1, samples=8001, slope=slope))


def test_float64(rng: Rng) -> None:
    """Under the float64 policy only the algorithm's own error is left."""
    leaf = built(dtype="float64")
    x = np.float64(noise(rng, batch=1, samples=8001))
    energies, _ = expected(leaf, x)
    assert relative(leaf.filterbank(x), energies) <= 1e-6


@pytest.mark.parametrize(("samples", "sample_rate"), [(350, 16000), (2500, 16000), (50000, 16000), (3000, 22050)])
def test_gradients_against_finite_differences(rng: Rng, samples: int, sample_rate: int) -> None:
    """Gradients of all seven kinds of parameters equal central differences of the float64 model.

    At the full rate alone, by sub-bands in one buffer and in several, and with even windows.
    """
    leaf = built(num_filters=5, sample_rate=sample_rate)
    x = noise(rng, batch=1, samples=samples, slope=0.5)
    for weight in leaf.trainable_variables:
        weight.assign(weight.constraint(np.float32(weight.numpy() * np.exp(rng.uniform(-0.02, 0.02, weight.shape)))))
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(tf.square(leaf(x)))
    for weight, gradient in zip(leaf.trainable_variables, tape.gradient(loss, leaf.trainable_variables), strict=True):
        assert relative(gradient, finite_differences(leaf, weight, x)) <= 1e-3, weight.name


def finite_differences(leaf: Leaf, weight: tf.Variable, x: np.ndarray) -> np.ndarray:
    """d mean(y^2) / d weight of the reference model."""
    start, out = weight.numpy(), []
    for i, value in enumerate(start):
        losses, steps = [], []
        for sign in (1, -1):
            moved = start.copy()
            moved[i] = np.float32(value * (1 + sign * 3e-3))
            weight.assign(moved)
            losses.append(np.mean(expected(leaf, x)[1] ** 2))
            steps.append(np.float64(moved[i]))
        out.append((losses[0] - losses[1]) / (steps[0] - steps[1]))
    weight.assign(start)
    return np.array(out)


def test_gradient_of_the_waveform(rng: Rng) -> None:
    """The waveform has a gradient, and it is the directional derivative."""
    leaf = built(num_filters=5)
    x, direction = noise(rng, batch=2, samples=1000)
    with tf.GradientTape() as tape:
        waveform = tf.constant(x[None])
        tape.watch(waveform)
        loss = tf.reduce_mean(tf.square(leaf(waveform)))
    slope = np.sum(np.float64(tape.gradient(loss, waveform)) * direction)
    near = [np.mean(expected(leaf, x[None] + np.float64(step) * direction)[1] ** 2) for step in (1e-3, -1e-3)]
    assert slope == pytest.approx((near[0] - near[1]) / 2e-3, rel=1e-3)


@pytest.mark.parametrize(("precision", "num_filters", "window_ms"), [("exact", 20, 25.1), ("fast", 64, 25.0)])
def test_long_clips_are_computed_as_short_ones(
    rng: Rng, monkeypatch: pytest.MonkeyPatch, precision: str, num_filters: int, window_ms: float
) -> None:
    """In pieces, some signals computed again for the gradient: features, and all gradients in a compiled step."""
    x = tf.constant(noise(rng, batch=2, samples=48017))

    @tf.function(autograph=False)
    def step(leaf: Leaf, x: tf.Tensor) -> tuple[tf.Tensor, list[tf.Tensor]]:
        with tf.GradientTape() as tape:
            tape.watch(x)
            features = leaf(x)
            loss = tf.reduce_mean(tf.square(features))
        return features, tape.gradient(loss, [x, *leaf.trainable_variables])

    made = []
    for piece, kept, long in ((10**9, 10**9, 10**9), (30_000, 100_000, 1)):
        monkeypatch.setattr(subbands, "PIECE_SAMPLES", piece)
        monkeypatch.setattr(subbands, "MOST_KEPT", kept)
        monkeypatch.setattr(blocks, "LONG_SAMPLES", long)
        made.append(step(built(num_filters=num_filters, precision=precision, window_ms=window_ms), x))
    (features, gradients), (found, found_gradients) = made
    assert relative(np.float64(found), np.float64(features)) <= 1e-6
    for got, wanted in zip(found_gradients, gradients, strict=True):
        assert relative(np.float64(got), np.float64(wanted)) <= 1e-5


@pytest.mark.parametrize("name", ["center", "sigma", "width"])
def test_a_parameter_that_is_no_number_makes_its_filter_nan(rng: Rng, name: str) -> None:
    """Training that has diverged shows in the features, of that filter alone, and nothing else breaks."""
    leaf, x = built(num_filters=6), tf.constant(noise(rng, batch=1, samples=3000))
    weight = next(weight for weight in leaf.trainable_variables if weight.name == name)
    weight.assign([1.0 if name == "center" else 0.5 if name == "width" else 20.0] * 5 + [np.nan])
    for call in (leaf, tf.function(leaf)):
        features = np.asarray(call(x))
        assert np.isnan(features[..., 5]).all()
        assert np.isfinite(features[..., :5]).all()
