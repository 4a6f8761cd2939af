"""SincNet and SincNet+: parity with the LEAF code, a float64 model elsewhere, live gradients at every bound."""

from collections.abc import Callable

import keras
import laws
import numpy as np
import pytest
import tensorflow as tf
from reference import pcen, relative, sinc_kernels, sinc_outputs
from signals import noise

from frontends import SincNet, SincNetPlus
from frontends.sinc import SincBounds

Rng = np.random.Generator
Golden = dict[str, np.ndarray]
LAYERS = [SincNet, SincNetPlus]
NYQUIST = 8000.0


def built(make: Callable[..., keras.layers.Layer] = SincNet, **arguments: object) -> keras.layers.Layer:
    """A layer with weights."""
    layer = make(**arguments)
    layer.build((None, None))
    return layer


def expected(layer: keras.layers.Layer, x: np.ndarray) -> np.ndarray:
    """What the filterbank gives, by the reference model, from the weights as they stand."""
    bank = layer.filterbank
    window, stride = bank.framing.window, bank.framing.stride
    kernels = sinc_kernels(bank.edges.numpy(), window=window, sample_rate=bank.sample_rate)
    width = bank.pooling.width.numpy() if bank.arguments["pooling"] == "gaussian" else None
    return sinc_outputs(x, kernels=kernels, stride=stride, width=width)


def test_parity(golden: Golden) -> None:
    """SincNet starts from the original's edges and kernels, and gives its outputs."""
    layer = built()
    bank, edges = layer.filterbank, layer.filterbank.effective_parameters()
    assert relative(layer(golden["inputs"]), golden["sincnet40/out"]) <= 1e-5
    assert relative(bank.kernels().T, golden["sincnet40/filters"]) <= 1e-5
    np.testing.assert_allclose(bank.edges, golden["sincnet40/param_kernel"], rtol=1e-6)
    np.testing.assert_allclose(edges["low_hz"], golden["sincnet40/left_hz"], rtol=1e-6)
    np.testing.assert_allclose(edges["high_hz"], golden["sincnet40/right_hz"], rtol=1e-6)


def test_counts(golden: Golden) -> None:
    """4 N for SincNet as in the original, 7 N for SincNet+ as in the paper; each switch freezes its part."""
    count = laws.trainable_count
    assert count(SincNet()) == golden["sincnet40/trainable_count"]
    assert count(SincNet(64)) == golden["sincnet64/trainable_count"]
    assert [count(SincNetPlus()), count(SincNetPlus(64))] == [280, 448]
    assert [count(layer(learn_filters=False)) for layer in LAYERS] == [80, 200]
    assert [count(layer(learn_pooling=False)) for layer in LAYERS] == [160, 240]
    assert [count(layer(learn_compression=False)) for layer in LAYERS] == [80, 120]
    assert count(SincNet(pooling="mean", compression="power")) == 120


def test_the_pcen_of_sincnet_plus_is_learned() -> None:
    """The original's is frozen, with other constants."""
    names = {weight.path.split("/", 1)[1] for weight in built(SincNetPlus).trainable_weights}
    pcen_names = {f"pcen/{name}" for name in ("alpha", "delta", "root", "smooth")}
    assert names == {"filterbank/edges", "filterbank/pooling/width"} | {f"s{name}" for name in pcen_names}


@pytest.mark.parametrize("samples", [1, 2, 160, 161, 401, 3201])
@pytest.mark.parametrize("make", LAYERS)
def test_lengths(rng: Rng, make: type, samples: int) -> None:
    """Any length, shorter than a window too."""
    layer, x = built(make, num_filters=7), noise(rng, batch=2, samples=samples)
    assert relative(layer.filterbank(x), expected(layer, x)) <= 1e-5
    assert layer(x).shape == (2, -(-samples // 160), 7)


@pytest.mark.parametrize("sample_rate", [8000, 22050, 44100, 48000])
@pytest.mark.parametrize("make", LAYERS)
def test_rates(rng: Rng, make: type, sample_rate: int) -> None:
    """The rate reaches kernels, even ones too, and bounds: the original takes 16 kHz always and odd kernels only."""
    layer = built(make, num_filters=9, sample_rate=sample_rate, max_hz=min(7900.0, 0.4875 * sample_rate))
    x = noise(rng, batch=1, samples=sample_rate // 10 + 17, slope=1)
    assert relative(layer.filterbank(x), expected(layer, x)) <= 1e-5


@pytest.mark.parametrize("scale", ["mel", "bark", "erb", "linear", "random"])
def test_scales(scale: str) -> None:
    """On every scale bands rise from min_hz + 50 to max_hz + 100; a seed gives the same random ones."""
    low, high = built(scale=scale).filterbank.effective_parameters().values()
    assert (np.diff(low) > 0).all()
    assert [low[0], high[-1]] == pytest.approx([100.0, NYQUIST])
    again, other = (built(scale=scale, seed=seed).filterbank.effective_parameters()["low_hz"] for seed in (0, 1))
    np.testing.assert_array_equal(again, low)
    assert (other == low).all() == (scale != "random")


@pytest.mark.parametrize("make", LAYERS)
def test_edges_anywhere(rng: Rng, make: type) -> None:
    """Negative edges count by their magnitude; bands that reach above Nyquist end there, 50 Hz wide at least."""
    layer, x = built(make, num_filters=30), noise(rng, batch=1, samples=2000)
    weight = layer.filterbank.edges
    weight.assign(np.stack([rng.uniform(-9000, 9000, 30), rng.uniform(-6000, 6000, 30)], axis=1))
    assert relative(layer.filterbank(x), expected(layer, x)) <= 2e-5


def test_features_behind_pcen(rng: Rng) -> None:
    """SincNet+ is floor and sPCEN of its pooled outputs."""
    layer, x = built(SincNetPlus), noise(rng, batch=2, samples=5000, slope=1)
    parameters = {name: getattr(layer.compress, name).numpy() for name in ("alpha", "delta", "root", "smooth")}
    assert relative(layer(x), pcen(np.maximum(expected(layer, x), 1e-5), **parameters)) <= 1e-4


def test_bands_at_nyquist_are_finite() -> None:
    """The original divides 0 by 0 where the lower edge is Nyquist."""
    bank = built(num_filters=3).filterbank
    bank.edges.assign([[NYQUIST - 50, 0], [NYQUIST, 100], [0, NYQUIST]])
    low, high = bank.effective_parameters().values()
    np.testing.assert_array_equal(low, [NYQUIST - 50, NYQUIST - 50, 50])
    np.testing.assert_array_equal(high, NYQUIST)
    assert np.isfinite(bank.kernels()).all()


def gradient_of_edges(layer: keras.layers.Layer, x: np.ndarray) -> np.ndarray:
    """d sum(features) / d edges, (N, 2)."""
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(layer(tf.constant(x)))
    return np.asarray(tape.gradient(loss, layer.filterbank.edges.value))


@pytest.mark.parametrize(
    "edges",
    [(0.0, 0.0), (0.0, 300.0), (1000.0, 0.0), (-0.0, -0.0), (5000.0, 9000.0), (9000.0, 10.0), (-9000.0, -9000.0)],
)
def test_gradients_are_alive_at_the_bounds(rng: Rng, edges: tuple[float, float]) -> None:
    """|w| at 0, and edges beyond Nyquist: the original's clip and sign cut the gradient there."""
    layer, x = built(SincNetPlus, num_filters=3, compression="log"), noise(rng, batch=1, samples=1000)
    layer.filterbank.edges.assign(np.tile(edges, (3, 1)))
    # With all of both edges beyond, low and high move as at their bounds.
    assert (np.abs(gradient_of_edges(layer, x)) > 1e-9).all()


def test_gradients_against_finite_differences(rng: Rng) -> None:
    """Gradients of the edges equal central differences of the float64 model, its kinks crossed by small steps."""
    layer, x = built(SincNetPlus, num_filters=3, dtype="float64"), noise(rng, batch=1, samples=1500, slope=0.5)
    layer.filterbank.edges.assign([[100.0, 200.0], [-900.0, 400.0], [3000.0, -800.0]])
    start, wanted = layer.filterbank.edges.numpy(), np.zeros((3, 2))
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(layer.filterbank(tf.constant(x, tf.float64)))
    got = tape.gradient(loss, layer.filterbank.edges.value)
    for place in np.ndindex(3, 2):
        sums = []
        for step in (1e-3, -1e-3):
            moved = start.copy()
            moved[place] += step
            layer.filterbank.edges.assign(moved)
            sums.append(expected(layer, x).sum())
        wanted[place] = (sums[0] - sums[1]) / 2e-3
    assert relative(got, wanted) <= 1e-3


def test_projection() -> None:
    """No bound cuts what is projected, signs are kept, and what lies within stays."""
    edges = np.float32([[100, 200], [-9000, 50], [7000, -5000], [-3000, -4900]])
    projected = np.asarray(SincBounds(16000)(edges))
    np.testing.assert_array_equal(projected, np.float32([[100, 200], [-7900, 0], [7000, -900], [-3000, -4900]]))
    np.testing.assert_array_equal(SincBounds(16000)(projected), projected)


@pytest.mark.parametrize("sign", [1, -1])
def test_an_edge_at_its_bound_comes_back(rng: Rng, sign: int) -> None:
    """An Adam step whose gradient points inside leaves Nyquist; one that points outside stays at it."""
    layer, x = built(SincNetPlus, num_filters=3, compression="log"), noise(rng, batch=1, samples=1000)
    weight = layer.filterbank.edges
    weight.assign([[1000.0, 6900.0], [3000.0, 4900.0], [5000.0, 2900.0]])
    gradient = sign * gradient_of_edges(layer, x)
    gradient[:, 0] = 0.0
    keras.optimizers.Adam(10.0).apply_gradients([(tf.constant(gradient), weight)])
    moved = 8000.0 - layer.filterbank.effective_parameters()["high_hz"] > 1.0
    np.testing.assert_array_equal(moved, gradient[:, 1] > 0)


@pytest.mark.parametrize("make", LAYERS)
def test_violent_training_ends_within_the_bounds(rng: Rng, make: type) -> None:
    """Adam steps of 500 Hz leave bands that no bound cuts, and finite features."""
    layer, x = built(make, num_filters=6), tf.constant(noise(rng, batch=2, samples=1600))
    optimizer = keras.optimizers.Adam(500.0)
    for _ in range(10):
        gradient = gradient_of_edges(layer, x)
        optimizer.apply_gradients([(tf.constant(gradient), layer.filterbank.edges)])
    np.testing.assert_allclose(layer.filterbank.edges, SincBounds(16000)(layer.filterbank.edges), rtol=1e-6)
    assert np.isfinite(layer(x)).all()
