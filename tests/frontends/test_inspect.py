"""What inspection says of a front end, against closed forms and against what the layer does to sound."""

import keras
import numpy as np
import pytest

from frontends import Leaf, MelFilterbank
from frontends.inspect import (
    Curves,
    compression_curves,
    cumulative_response,
    frame_times_s,
    frequency_responses,
    impulse_responses,
    initial_state,
    inspect,
    physical_parameters,
    pooling_windows,
)
from frontends.sinc import SincNet, SincNetPlus
from frontends.time_domain import TimeDomainFilterbank
from frontends.wavegram import Wavegram

FILTERBANKS = [Leaf, MelFilterbank, SincNet, SincNetPlus, TimeDomainFilterbank]
LEARNED = [Leaf, SincNet, SincNetPlus, TimeDomainFilterbank]


def built(layer: keras.layers.Layer) -> keras.layers.Layer:
    """The layer with its weights."""
    layer.build((None, None))
    return layer


def values(weight: keras.Variable) -> np.ndarray:
    """A weight's present value."""
    return np.asarray(keras.ops.convert_to_tensor(weight))


@pytest.mark.parametrize("kind", FILTERBANKS)
def test_responses_peak_at_the_centres(kind: type) -> None:
    """Each response has peak 1; at half the bandwidth from the centre it is half of that."""
    layer = built(kind())
    hz, magnitude = frequency_responses(layer, 8001)
    parameters = physical_parameters(layer)
    assert magnitude.shape == (40, 8001)
    np.testing.assert_array_equal(magnitude.max(axis=1), 1.0)
    for side in (-1, 1):
        edge = parameters["centre_hz"] + side * parameters["bandwidth_hz"] / 2
        inside = (edge > 60.0) & (edge < 7900.0)
        found = [np.interp(at, hz, row) for at, row in zip(edge, magnitude, strict=True)]
        # Mel bands are read off bins of 31 Hz, and below 1 kHz Leaf's kernels end before their Gaussians do.
        wide = inside & (parameters["centre_hz"] > 1500.0)
        np.testing.assert_allclose(np.array(found)[wide], 0.5, atol=0.05)


@pytest.mark.parametrize("rate", [8000, 16000, 44100])
def test_the_bandwidth_of_a_gabor_filter(rate: int) -> None:
    """FWHM is 2 sqrt(2 ln 2) / sigma in rad: 2.3548 / 20 samples at the rate, over 2 pi."""
    layer = built(Leaf(4, sample_rate=rate, max_hz=3900.0))
    layer.filterbank.sigma.assign([20.0] * 4)
    expected = 2.3548200450309493 / 20.0 * rate / 6.283185307179586
    np.testing.assert_allclose(physical_parameters(layer)["bandwidth_hz"], expected, rtol=1e-6)


def test_free_kernels_are_measured() -> None:
    """Those of Gabor filters measure what the closed form of the Gabor filters says."""
    leaf, free = built(Leaf()), built(TimeDomainFilterbank())
    expected, found = physical_parameters(leaf), physical_parameters(free)
    np.testing.assert_allclose(found["centre_hz"], expected["centre_hz"], atol=0.3)
    np.testing.assert_allclose(found["bandwidth_hz"][4:], expected["bandwidth_hz"][4:], rtol=0.005)


def test_a_tone_meets_the_response() -> None:
    """The energy of a steady tone, over its power, is proportional to the square of the response."""
    layer = built(TimeDomainFilterbank(8, compression=None, pooling="mean"))
    rng = np.random.default_rng(0)
    layer.filterbank.kernel.assign(rng.normal(size=layer.filterbank.kernel.shape))
    hz, magnitude = frequency_responses(layer, 801)
    points = [80, 333, 700]
    time = np.arange(16000) / 16000.0
    tones = np.array([np.sin(2.0 * np.pi * hz[point] * time) for point in points], "float32")
    energies = np.asarray(layer(tones))[:, 50]
    np.testing.assert_allclose(
        energies[1:] / energies[0], magnitude[:, points[1:]].T ** 2 / magnitude[:, points[0]] ** 2, rtol=0.02
    )


def test_physical_parameters_have_units() -> None:
    """Hz, ms and PCEN units, under stable names."""
    parameters = physical_parameters(built(Leaf()))
    assert list(parameters) == [
        "centre_hz",
        "bandwidth_hz",
        "pooling_ms",
        "pcen_alpha",
        "pcen_delta",
        "pcen_root",
        "pcen_smooth",
        "pcen_smoothing_ms",
    ]
    assert parameters["centre_hz"][0] == pytest.approx(93.75)
    assert parameters["centre_hz"][-1] == pytest.approx(7312.5)
    np.testing.assert_allclose(parameters["pooling_ms"], 5.0, rtol=1e-6)
    np.testing.assert_allclose(parameters["pcen_alpha"], 0.96, rtol=1e-6)


@pytest.mark.parametrize("scale", ["mel", "bark", "erb", "linear", "random"])
def test_one_filter_moved_by_hertz(scale: str) -> None:
    """A centre moved by 37 Hz is 37 Hz higher, and nothing else changed."""
    layer = built(Leaf(scale=scale))
    before = physical_parameters(layer)
    moved = values(layer.filterbank.center).astype("float64")
    moved[7] += 2.0 * np.pi * 37.0 / 16000.0
    layer.filterbank.center.assign(moved)
    after = physical_parameters(layer)
    expected = np.where(np.arange(40) == 7, 37.0, 0.0)
    np.testing.assert_allclose(after["centre_hz"] - before["centre_hz"], expected, atol=0.002)
    for name in set(before) - {"centre_hz"}:
        np.testing.assert_array_equal(after[name], before[name])


def test_both_parametrisations_are_inspected_alike() -> None:
    """They start as the same function."""
    expected, found = (physical_parameters(built(Leaf(parametrization=name))) for name in ("reference", "conditioned"))
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, rtol=1e-5)


@pytest.mark.parametrize("kind", LEARNED)
def test_the_initial_state_forgets_training(kind: type) -> None:
    """It equals a layer that never moved, whatever the weights are now."""
    layer = built(kind(6, scale="random", seed=3))
    expected = inspect(layer)
    for weight in layer.trainable_variables:
        weight.assign(0.9 * values(weight))
    found, present = inspect(initial_state(layer)), inspect(layer)
    for name, value in expected.parameters.items():
        np.testing.assert_array_equal(found.parameters[name], value)
    np.testing.assert_array_equal(found.responses.y, expected.responses.y)
    assert any((present.parameters[name] != value).any() for name, value in expected.parameters.items())


@pytest.mark.parametrize("kind", LEARNED)
def test_impulse_responses_are_what_the_layer_uses(kind: type) -> None:
    """(N, K) over ms, 0 at the tap of the output's own sample; the largest tap of an initial filter is there."""
    time_ms, kernels = impulse_responses(built(kind(sample_rate=8000, max_hz=3900.0)))
    assert kernels.shape == (40, 201)
    assert time_ms[[0, 100, -1]].tolist() == [-12.5, 0.0, 12.5]
    np.testing.assert_array_equal(np.abs(kernels).argmax(axis=1), 100)


@pytest.mark.parametrize(("kind", "expected_ms"), [(Leaf, 5.0), (SincNetPlus, 5.0)])
def test_pooling_windows_in_ms(kind: type, expected_ms: float) -> None:
    """A Gaussian of 5 ms is exp(-1/2) at 5 ms from its centre."""
    time_ms, windows = pooling_windows(built(kind()))
    assert windows.shape == (40, 401)
    at = [np.interp(expected_ms, time_ms, window) for window in windows]
    np.testing.assert_allclose(at, np.exp(-0.5), rtol=1e-3)


def test_a_measured_window_has_the_deviation_of_its_shape() -> None:
    """A mean over 25 ms: 25 / sqrt(12)."""
    found = physical_parameters(built(Leaf(3, pooling="mean")))["pooling_ms"]
    np.testing.assert_allclose(found, 25.0 / np.sqrt(12.0), rtol=0.01)


def test_what_a_front_end_has_no_notion_of_is_missing() -> None:
    """Instead of invented."""
    mel, sincnet, wavegram = inspect(built(MelFilterbank())), inspect(built(SincNet())), inspect(built(Wavegram()))
    assert set(mel.parameters) == {"centre_hz", "bandwidth_hz"}
    assert mel.impulses is None
    assert mel.windows is None
    assert sincnet.windows is None  # maxima
    assert sincnet.compression is None  # normalisation mixes the filters
    assert set(sincnet.parameters) == {"centre_hz", "bandwidth_hz", "norm_gain", "norm_offset"}
    assert wavegram.parameters == {}
    assert wavegram.responses is None
    assert wavegram.compression is None


def test_compression_is_static() -> None:
    """ln(x + 1e-5); x^(1 / 2); PCEN of a long steady energy."""
    levels = np.array([-60.0, -20.0, 0.0, 30.0])
    energies = 10.0 ** (levels / 10.0)
    curves = {
        name: compression_curves(built(MelFilterbank(2, compression=name)), levels).y[1]
        for name in ("log", "power", "spcen")
    }
    np.testing.assert_allclose(curves["log"], np.log(energies + 1e-5), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(curves["power"], np.sqrt(np.maximum(energies, 1e-5)), rtol=1e-5)
    np.testing.assert_allclose(curves["spcen"], np.sqrt(energies**0.04 + 2.0) - np.sqrt(2.0), rtol=1e-4)
    layer = built(MelFilterbank(2, compression="spcen"))
    settled = layer.compress(np.broadcast_to(energies[:, None, None], (4, 300, 2)).astype("float32"))
    np.testing.assert_allclose(curves["spcen"], np.asarray(settled)[:, -1, 1], rtol=1e-4)


def test_the_smoother_s_time_constant() -> None:
    """After that time, a step of the energy has reached 1 - 1 / e of its height."""
    tau_ms = physical_parameters(built(Leaf(1)))["pcen_smoothing_ms"][0]
    frames = round(tau_ms / 10.0)
    assert 1.0 - (1.0 - 0.04) ** frames == pytest.approx(1.0 - np.exp(-1.0), abs=0.02)
    assert tau_ms == pytest.approx(-10.0 / np.log(0.96), rel=1e-5)


def test_cumulative_response() -> None:
    """Powers add: two equal responses have the root of 2 of one that stands alone; the peak is 1."""
    alone, twice = [0.0, 0.0, 1.0], [1.0, 0.0, 0.0]
    hz, total = cumulative_response(Curves(np.arange(3.0), np.array([alone, twice, twice])))
    assert hz.tolist() == [0.0, 1.0, 2.0]
    np.testing.assert_allclose(total, [[1.0, 0.0, np.sqrt(0.5)]])


@pytest.mark.parametrize(
    "layer",
    [
        Leaf(8, compression=None),
        Leaf(8, compression=None, sample_rate=22050),
        MelFilterbank(8, compression=None),
        MelFilterbank(8, compression=None, alignment="centred"),
        TimeDomainFilterbank(8, compression=None),
        TimeDomainFilterbank(8, compression=None, padding="valid"),
        SincNetPlus(8, compression=None),
        Wavegram("reference"),
    ],
    ids=lambda layer: layer.name,
)
@pytest.mark.parametrize("samples", [16000, 16131])
def test_frame_times(layer: keras.layers.Layer, samples: int) -> None:
    """The energies of a click have their centre of gravity at the click, on average over its place in a frame."""
    filterbank = getattr(layer, "filterbank", None)
    rate, hop = (filterbank.sample_rate, filterbank.framing.stride) if filterbank else (16000, 640)
    places = 7000 + np.arange(8) * hop // 8
    energies = np.asarray(layer(np.eye(samples, dtype="float32")[places])).sum(axis=2)
    time_s = frame_times_s(layer, num_frames=energies.shape[1], num_samples=samples)
    energies = energies - energies.min(axis=1, keepdims=True)
    centres_s = energies @ time_s / energies.sum(axis=1)
    assert np.mean(centres_s - places / rate) == pytest.approx(0.0, abs=0.0002 if filterbank else 0.01)
