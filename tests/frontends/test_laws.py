"""What is true of any correct front end, whatever its parameters: batches, shifts, loudness, edges, finiteness."""

from collections.abc import Callable
from functools import partial

import keras
import laws
import numpy as np
import pytest
from layers import FILTERBANKS, FRONT_ENDS
from reference import relative
from signals import noise

from frontends import Leaf, MelFilterbank, SincNet, SincNetPlus, TimeDomainFilterbank, Wavegram

Rng = np.random.Generator
Make = Callable[..., keras.layers.Layer]


def filterbank(make: Make, arguments: dict) -> keras.layers.Layer:
    """The part before floor and compression, with weights."""
    bank = make(**arguments).filterbank
    bank.build((None, None))
    return bank


@pytest.mark.parametrize(("make", "arguments"), FRONT_ENDS)
def test_alone_as_in_a_batch(rng: Rng, make: Make, arguments: dict) -> None:
    """A clip alone equals the same clip beside a loud one."""
    laws.assert_alone_as_in_a_batch(make(**arguments), rng)


@pytest.mark.parametrize(("make", "arguments"), FILTERBANKS)
def test_shift_by_a_stride_shifts_the_frames(rng: Rng, make: Make, arguments: dict) -> None:
    """Before the compression, which may remember, inner frames move with the sound."""
    bank = filterbank(make, arguments)
    laws.assert_shift_shifts_frames(bank, rng, stride=bank.framing.stride, edge=4)


@pytest.mark.parametrize("form", ["panns", "reference"])
def test_shift_by_a_stride_shifts_the_frames_of_wavegram(rng: Rng, form: str) -> None:
    """Its stride is 640 samples."""
    laws.assert_shift_shifts_frames(Wavegram(form), rng, stride=640, edge=3)


@pytest.mark.parametrize(("make", "arguments"), FRONT_ENDS)
def test_finite_on_extreme_signals(rng: Rng, make: Make, arguments: dict) -> None:
    """At its initial values; `test_training` has those that training leads to."""
    laws.assert_finite_on_extreme_signals(partial(make, **arguments), rng)


@pytest.mark.parametrize(("make", "arguments"), FILTERBANKS)
def test_energies_scale_with_the_square(rng: Rng, make: Make, arguments: dict) -> None:
    """Three times the waveform has nine times the energies, and three times the outputs of rectified sinc filters."""
    bank, x = filterbank(make, arguments), noise(rng, batch=1, samples=2000)
    degree = 1 if make in {SincNet, SincNetPlus} else 2
    assert relative(bank(3.0 * x), 3.0**degree * np.asarray(bank(x), np.float64)) <= 1e-5


def of_pcen(features: np.ndarray, gain: float) -> np.ndarray:
    """(u + 2)^(1/2) - 2^(1/2), u = x / M^0.96: of a gain of x, its 0.04th power is left."""
    return np.sqrt(((features + np.sqrt(2.0)) ** 2 - 2.0) * gain**0.04 + 2.0) - np.sqrt(2.0)


@pytest.mark.parametrize(
    ("compression", "rescaled"),
    [
        (None, lambda features, gain: features * gain),
        ("log", lambda features, gain: features + np.log(gain)),
        ("power", lambda features, gain: features * np.sqrt(gain)),
        ("pcen", of_pcen),
        ("spcen", of_pcen),
        ("layer_norm", lambda features, gain: features),
    ],
)
@pytest.mark.parametrize(("make", "degree"), [(Leaf, 2), (MelFilterbank, 2), (TimeDomainFilterbank, 2), (SincNet, 1)])
def test_scaling_behaves_as_the_compression_says(
    rng: Rng, make: Make, degree: int, compression: str | None, rescaled: Callable[[np.ndarray, float], np.ndarray]
) -> None:
    """Far above the floor a gain is added, multiplies, or is normalised away."""
    layer, x = make(5, compression=compression), 10.0 * noise(rng, batch=1, samples=3000)
    wanted = rescaled(np.asarray(layer(x), np.float64), 3.0**degree)
    assert relative(layer(3.0 * x), wanted) <= 2e-4


@pytest.mark.parametrize(
    ("make", "arguments"),
    [
        (Leaf, {"num_filters": 40}),
        (Leaf, {"num_filters": 40, "precision": "fast"}),
        (Leaf, {"num_filters": 8, "pooling": "mean"}),
        (Leaf, {"num_filters": 8, "pooling": "max"}),
        (TimeDomainFilterbank, {"num_filters": 8, "pooling": "gaussian"}),
        (MelFilterbank, {"num_filters": 8, "alignment": "centred"}),
    ],
)
def test_backwards_is_backwards(rng: Rng, make: Make, arguments: dict) -> None:
    """Symmetric windows, frames and kernels: a clip of 10 strides and a sample, reversed, has its frames reversed.

    A convolution that is off by a sample fails, as the LEAF code's by FFT is for odd kernels.
    """
    bank, x = filterbank(make, arguments), noise(rng, batch=1, samples=1601, slope=1)
    forwards = np.asarray(bank(x), np.float64)
    assert relative(np.asarray(bank(x[:, ::-1]))[:, ::-1], forwards) <= 1e-5


@pytest.mark.parametrize(("make", "arguments"), FILTERBANKS)
@pytest.mark.parametrize("samples", [3895, 4096])
def test_no_sound_wraps_around(make: Make, arguments: dict, samples: int) -> None:
    """A click at one end is not heard at the other, whatever the FFT: the LEAF code's wraps near powers of two."""
    bank = filterbank(make, arguments)
    framing, clicks = bank.framing, np.zeros((2, samples), "float32")
    clicks[[0, 1], [0, -1]] = 1.0
    first, last = np.asarray(bank(clicks), np.float64)
    far = np.arange(len(first)) * framing.stride > 2 * framing.window
    assert far.sum() > 5
    for heard in (first, last[::-1]):
        assert np.abs(heard[far]).max() <= 1e-6 * np.abs(heard).max()
