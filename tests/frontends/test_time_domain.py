"""Time-domain filterbanks: parity with the LEAF code, a float64 model elsewhere, any rate, whatever is learned."""

import laws
import numpy as np
import pytest
import tensorflow as tf
from reference import relative, time_domain_energies
from signals import noise

from frontends import Leaf, TimeDomainFilterbank, filters, fullrate

Rng = np.random.Generator
Golden = dict[str, np.ndarray]


def built(**arguments: object) -> TimeDomainFilterbank:
    """A layer with weights."""
    layer = TimeDomainFilterbank(**arguments)
    layer.build((None, None))
    return layer


def expected(layer: TimeDomainFilterbank, x: np.ndarray) -> np.ndarray:
    """Energies by the reference model, from the weights as they stand."""
    bank = layer.filterbank
    columns = np.float64(bank.kernel.numpy())
    return time_domain_energies(
        x,
        kernels=(columns[:, ::2] + 1j * columns[:, 1::2]).T,
        lowpass=bank.pooling.window.numpy(),
        stride=bank.framing.stride,
        padding=bank.arguments["padding"],
    )


def energies(log: object) -> np.ndarray:
    """What ln(E + 1e-5) came from."""
    return np.exp(np.float64(log)) - 1e-5


def test_parity(golden: Golden) -> None:
    """With valid padding, the original's initial kernels, low-pass, 98 frames, and outputs."""
    layer = built(padding="valid")
    features = layer(golden["inputs"])
    assert relative(features, golden["tdfbanks40/out"]) <= 1e-5
    assert relative(energies(features), energies(golden["tdfbanks40/out"])) <= 1e-5
    assert relative(layer.filterbank.kernel, golden["tdfbanks40/conv_kernel"][:, 0]) <= 1e-5
    np.testing.assert_allclose(
        layer.filterbank.pooling.window, golden["tdfbanks40/pool_kernel"].ravel(), rtol=1e-6, atol=1e-12
    )
    kernels = layer.filterbank.kernels()
    np.testing.assert_array_equal(kernels.real.T, layer.filterbank.kernel[:, ::2])
    np.testing.assert_array_equal(kernels.imag.T, layer.filterbank.kernel[:, 1::2])


def test_counts(golden: Golden) -> None:
    """2 N K + K as in the original; each switch freezes its part."""
    count = laws.trainable_count
    assert count(TimeDomainFilterbank()) == golden["tdfbanks40/trainable_count"]
    assert count(TimeDomainFilterbank(64)) == golden["tdfbanks64/trainable_count"] == 51729
    assert count(TimeDomainFilterbank(learn_filters=False)) == 401
    assert count(TimeDomainFilterbank(learn_pooling=False)) == 32080
    assert count(TimeDomainFilterbank(pooling="gaussian", compression="spcen")) == 32080 + 40 + 160
    assert count(TimeDomainFilterbank(pooling="max", learn_filters=False)) == 0
    frozen = {"learn_filters": False, "learn_compression": False}
    assert count(TimeDomainFilterbank(pooling="gaussian", compression="spcen", **frozen)) == 40


@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize("samples", [1, 2, 160, 161, 400, 401, 561, 3201])
def test_lengths(rng: Rng, padding: str, samples: int) -> None:
    """Any length: ceil(T / S) frames, or those of whole windows, none for a clip shorter than one."""
    layer, x = built(num_filters=5, padding=padding), noise(rng, batch=2, samples=samples)
    frames = -(-samples // 160) if padding == "same" else max((samples - 401) // 160 + 1, 0)
    assert layer(x).shape == layer.compute_output_shape(x.shape) == (2, frames, 5)
    assert relative(layer.filterbank(x), expected(layer, x)) <= 1e-5


@pytest.mark.parametrize(("padding", "frames"), [("same", 100), ("valid", 98)])
def test_padding_is_heard(padding: str, frames: int) -> None:
    """The original pools without padding whatever it is told."""
    assert TimeDomainFilterbank(padding=padding).compute_output_shape((None, 16000)) == (None, frames, 40)


@pytest.mark.parametrize(
    ("sample_rate", "window_ms", "stride_ms"),
    [
        (8000, 25.0, 10.0),
        (16000, 10.0, 20.0),
        (16000, 32.0, 7.0),
        (22050, 25.0, 10.0),
        (44100, 25.0, 10.0),
        (48000, 25, 1),
    ],
)
def test_rates_and_windows(rng: Rng, sample_rate: int, window_ms: float, stride_ms: float) -> None:
    """Any rate and window, even ones, and strides longer than the window: the original takes 16 kHz and 25 ms only."""
    arguments = {"sample_rate": sample_rate, "window_ms": window_ms, "stride_ms": stride_ms}
    x = noise(rng, batch=1, samples=sample_rate // 8 + 17, slope=1)
    for padding in ("same", "valid"):
        layer = built(num_filters=5, max_hz=min(7800.0, 0.4875 * sample_rate), padding=padding, **arguments)
        assert relative(layer.filterbank(x), expected(layer, x)) <= 1e-5


def test_learned_taps(rng: Rng) -> None:
    """Kernels and a low-pass that are no longer Gabor nor Hann."""
    layer, x = built(num_filters=5), noise(rng, batch=2, samples=3000, slope=1)
    for weight in (layer.filterbank.kernel, layer.filterbank.pooling.window):
        weight.assign(weight + 0.1 * np.abs(weight).max() * rng.standard_normal(weight.shape))
    assert relative(layer.filterbank(x), expected(layer, x)) <= 1e-5


def test_gradients_are_directional_derivatives(rng: Rng) -> None:
    """Along a random direction of the taps, the loss moves as the float64 model's does."""
    layer, x = built(num_filters=4, compression=None), noise(rng, batch=2, samples=1500, slope=0.5)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(tf.square(layer.filterbank(tf.constant(x))))
    gradients = tape.gradient(loss, layer.trainable_variables)
    for weight, gradient in zip(layer.trainable_variables, gradients, strict=True):
        start = weight.numpy()
        direction = np.float32(rng.standard_normal(start.shape) * np.abs(start).max())
        sums = []
        for step in (1e-3, -1e-3):
            weight.assign(start + np.float32(step) * direction)
            sums.append(np.sum(expected(layer, x) ** 2))
        weight.assign(start)
        assert np.sum(np.float64(gradient) * direction) == pytest.approx((sums[0] - sums[1]) / 2e-3, rel=1e-3)


@pytest.mark.parametrize("pooling", ["gaussian", "max", "mean"])
def test_other_poolings(rng: Rng, pooling: str) -> None:
    """By the definitions: a Gaussian window of width 0.4, the maximum and the mean of the same energies."""
    layer, x = built(num_filters=4, pooling=pooling), noise(rng, batch=1, samples=1600)
    window = np.exp(-0.5 * ((np.arange(401) - 200) / 80) ** 2) if pooling == "gaussian" else np.full(401, 1 / 401)
    kernels = layer.filterbank.kernels()
    if pooling == "max":  # at every sample, then over the positions of each window
        every = time_domain_energies(x, kernels=kernels, lowpass=np.ones(1), stride=1, padding="same")
        wanted = np.stack([every[:, max(i - 120, 0) : i + 281].max(axis=1) for i in range(0, 1600, 160)], axis=1)
    else:
        wanted = time_domain_energies(x, kernels=kernels, lowpass=window, stride=160, padding="same")
    assert relative(layer.filterbank(x), wanted) <= 1e-5


@pytest.mark.parametrize("sample_rate", [8000, 16000, 22050, 32000, 44100, 48000])
@pytest.mark.parametrize("num_filters", [40, 64, 128])
def test_initial_kernels_are_those_of_leaf(sample_rate: int, num_filters: int) -> None:
    """At every rate each kernel is LEAF's Gabor filter, times a gain; no band is empty."""
    band = {"num_filters": num_filters, "sample_rate": sample_rate, "min_hz": 60.0}
    band |= {"max_hz": min(7800.0, 0.4875 * sample_rate), "window": sample_rate // 40 + 1, "scale": "mel"}
    kernels = filters.time_domain_kernels(**band)
    mu, sigma = filters.initial_gabor(**band).T
    gain = kernels / filters.gabor_kernels(mu=mu, sigma=sigma, window=band["window"])
    np.testing.assert_allclose(gain, np.broadcast_to(gain[:, :1].real, gain.shape), rtol=1e-9)
    assert (gain.real > 0).all()


@pytest.mark.parametrize("scale", ["bark", "erb", "linear", "random"])
def test_initial_kernels_have_the_energies_of_their_bands(scale: str) -> None:
    """The energy of a kernel that its window does not cut is the area under its band; on mel, nearly."""
    band = {"num_filters": 20, "sample_rate": 16000, "min_hz": 60.0, "max_hz": 7800.0}
    area = np.pi * np.diff(filters.band_edges(scale, count=22, min_hz=60.0, max_hz=7800.0), 1)
    area = (area[1:] + area[:-1]) / 16000
    kernels = filters.time_domain_kernels(scale=scale, window=4001, **band)
    uncut = filters.initial_gabor(scale=scale, window=4001, **band)[:, 1] < 500
    np.testing.assert_allclose((np.abs(kernels) ** 2).sum(axis=1)[uncut], area[uncut], rtol=1e-3)
    mel = (np.abs(filters.time_domain_kernels(scale="mel", window=401, **band)) ** 2).sum(axis=1)
    wanted = filters.band_edges("mel", count=22, min_hz=60.0, max_hz=7800.0)
    np.testing.assert_allclose(mel, (wanted[2:] - wanted[:-2]) * np.pi / 16000, rtol=0.4)


def test_frames_are_centred_as_those_of_leaf() -> None:
    """A click meets the same frames in both; the low-pass is a sample late."""
    x = np.zeros((1, 16000), "float32")
    x[0, 8080] = 100.0  # where frame 50 is centred
    layers = TimeDomainFilterbank(8, compression=None), Leaf(8, compression=None, pooling="gaussian")
    peaks = [np.asarray(layer(x)).argmax(axis=1) for layer in layers]
    np.testing.assert_array_equal(peaks, 50)


def test_a_negative_lowpass_is_floored(rng: Rng) -> None:
    """Nothing keeps the low-pass positive: where it makes energies negative, features are ln(2e-5), not NaN."""
    layer, x = built(num_filters=4), tf.constant(noise(rng, batch=1, samples=2000))
    layer.filterbank.pooling.window.assign(-layer.filterbank.pooling.window)
    with tf.GradientTape() as tape:
        features = layer(x)
    np.testing.assert_allclose(features, np.log(2e-5), rtol=1e-6)
    gradients = tape.gradient(features, layer.trainable_variables)
    assert all(np.isfinite(gradient).all() for gradient in gradients)


@pytest.mark.parametrize("pooling", ["lowpass", "max"])
def test_pieces_change_nothing(rng: Rng, monkeypatch: pytest.MonkeyPatch, pooling: str) -> None:
    """A clip too large for one piece has the features and gradients that it has in one."""
    x = tf.constant(noise(rng, batch=2, samples=1501))
    results = []
    for largest in (2**25, 1):
        monkeypatch.setattr(fullrate, "LARGEST", largest)
        monkeypatch.setattr(fullrate, "PIECE", 2**12)
        layer = built(num_filters=4, pooling=pooling, window_ms=5.0, stride_ms=2.0)
        with tf.GradientTape() as tape:
            tape.watch(x)
            features = layer(x)
            loss = tf.reduce_sum(tf.square(features))
        results.append([features, *tape.gradient(loss, [x, *layer.trainable_variables])])
        compiled = tf.function(layer, jit_compile=True, input_signature=[tf.TensorSpec((None, 1501))])
        assert relative(compiled(x), np.asarray(features, np.float64)) <= 1e-5
    for whole, pieced in zip(*results, strict=True):
        assert relative(pieced, np.asarray(whole, np.float64)) <= 1e-5


def test_gradients_of_compiled_maxima(rng: Rng) -> None:
    """XLA may compute an output twice and round it differently: its maxima keep their gradients."""
    layer = built(num_filters=4, pooling="max", window_ms=5.0, stride_ms=2.0)
    x = tf.constant(noise(rng, batch=2, samples=800))

    def gradient() -> tf.Tensor:
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(tf.square(layer(x)))
        return tape.gradient(loss, layer.trainable_variables)[0]

    assert relative(tf.function(gradient, jit_compile=True)(), np.asarray(gradient(), np.float64)) <= 1e-4
