"""Initial filters and mel matrices: right at every rate, on every scale, in any number."""

from collections.abc import Callable

import keras
import numpy as np
import pytest

from frontends import Leaf, SincNet, TimeDomainFilterbank, filters
from frontends.framing import Framing

RATES = [8000, 16000, 22050, 32000, 44100, 48000]
COUNTS = [40, 64, 128]
SCALES = ["mel", "bark", "erb", "linear", "random"]


def framing(sample_rate: int) -> Framing:
    """The default framing at a rate."""
    return Framing.from_ms(sample_rate=sample_rate, window_ms=25.0, stride_ms=10.0)


def highest(sample_rate: int) -> float:
    """The default upper edge [Hz], or one below Nyquist."""
    return min(7800.0, 0.4875 * sample_rate)


@pytest.mark.parametrize(
    ("sample_rate", "window", "stride"),
    [(8000, 201, 80), (16000, 401, 160), (22050, 552, 220), (44100, 1103, 441), (48000, 1201, 480)],
)
def test_milliseconds_become_samples(sample_rate: int, window: int, stride: int) -> None:
    """K and S are rounded as LEAF rounds them."""
    assert framing(sample_rate) == Framing(window, stride)


@pytest.mark.parametrize("sample_rate", RATES)
@pytest.mark.parametrize("num_filters", COUNTS)
@pytest.mark.parametrize("scale", SCALES)
def test_no_initial_gabor_filter_is_degenerate(scale: str, num_filters: int, sample_rate: int) -> None:
    """Centres rise within the band; no filter is all-pass, at DC, or its neighbour's copy.

    The LEAF code at 44.1 kHz has 64 filters of which 10 share their centres, and two at DC that pass everything.
    """
    window, max_hz = framing(sample_rate).window, highest(sample_rate)
    mu, sigma = filters.initial_gabor(
        scale=scale, num_filters=num_filters, sample_rate=sample_rate, window=window, min_hz=60.0, max_hz=max_hz
    ).T
    hz = mu * sample_rate / (2 * np.pi)
    assert (np.diff(hz) > 0).all()
    assert hz[0] >= 60.0
    assert hz[-1] <= max_hz
    lower, upper = filters.sigma_bounds(window)
    assert (sigma > 1.4 * lower).all()
    kernels = filters.gabor_kernels(mu=mu, sigma=np.minimum(sigma, upper), window=window)
    kernels /= np.linalg.norm(kernels, axis=1, keepdims=True)
    likeness = np.abs((kernels[1:] * kernels[:-1].conj()).sum(axis=1))
    assert likeness.max() < 0.999


@pytest.mark.parametrize("sample_rate", RATES)
@pytest.mark.parametrize("num_filters", COUNTS)
@pytest.mark.parametrize("scale", SCALES)
def test_no_initial_sinc_filter_is_degenerate(scale: str, num_filters: int, sample_rate: int) -> None:
    """Lower edges rise, bands are at least 50 Hz wide, end below Nyquist, and their kernels peak inside them."""
    layer = SincNet(num_filters, sample_rate=sample_rate, max_hz=highest(sample_rate), scale=scale)
    layer.build((None, None))
    low, high = layer.filterbank.effective_parameters().values()
    assert (np.diff(low) > 0).all()
    assert (high - low >= 50.0).all()
    assert high.max() <= sample_rate / 2
    hz = np.fft.rfftfreq(8192, 1 / sample_rate)
    peak = hz[np.abs(np.fft.rfft(layer.filterbank.kernels(), 8192)).argmax(axis=1)]
    assert ((low - 4 < peak) & (peak < high + 4)).all()


@pytest.mark.parametrize("sample_rate", RATES)
@pytest.mark.parametrize("num_filters", COUNTS)
def test_no_mel_band_is_empty(num_filters: int, sample_rate: int) -> None:
    """The FFT is as long as the narrowest band needs, and as short as that."""
    band = {"num_filters": num_filters, "sample_rate": sample_rate, "min_hz": 60.0, "max_hz": highest(sample_rate)}
    window = framing(sample_rate).window
    num_fft = filters.mel_fft_length(window=window, **band)
    assert filters.mel_matrix(num_fft=num_fft, **band).any(axis=0).all()
    assert num_fft // 2 < window or not filters.mel_matrix(num_fft=num_fft // 2, **band).any(axis=0).all()


@pytest.mark.parametrize("make", [Leaf, TimeDomainFilterbank, SincNet])
@pytest.mark.parametrize("scale", ["mel", "erb"])
@pytest.mark.parametrize("sample_rate", [8000, 22050, 44100, 48000])
def test_the_rate_reaches_the_filters(make: Callable[..., keras.layers.Layer], scale: str, sample_rate: int) -> None:
    """The same bands in Hz at every rate: the LEAF code's at 44.1 kHz begin at 258 Hz and end at 20 kHz."""

    def centres(rate: int) -> np.ndarray:
        layer = make(20, sample_rate=rate, min_hz=60.0, max_hz=3900.0, scale=scale)
        layer.build((None, None))
        power = np.abs(np.fft.fft(layer.filterbank.kernels(), 8192)[:, :4096]) ** 2
        return power @ np.arange(4096) / power.sum(axis=1) * rate / 8192

    # On the mel scale centres are bins of an FFT, of 512 points at the least.
    bins = (sample_rate + 16000) / 512 if scale == "mel" and make is not SincNet else 0.0
    np.testing.assert_allclose(centres(sample_rate), centres(16000), atol=10.0 + bins)


@pytest.mark.parametrize(
    ("rate", "count", "num_fft"), [(8000, 40, 512), (16000, 40, 512), (16000, 64, 512), (44100, 40, 2048)]
)
def test_initial_filters_are_the_reference_s(
    golden: dict[str, np.ndarray], rate: int, count: int, num_fft: int
) -> None:
    """Where the reference's 512 points serve, they are used; else the shortest FFT that does."""
    parameters = filters.initial_gabor(
        scale="mel",
        num_filters=count,
        sample_rate=rate,
        window=framing(rate).window,
        min_hz=60.0,
        max_hz=3900.0 if rate == 8000 else 7800.0,
    )
    np.testing.assert_allclose(parameters, golden[f"gabor_init/sr{rate}_n{count}_fft{num_fft}"], rtol=1e-6)


@pytest.mark.parametrize("scale", SCALES)
def test_filters_are_as_wide_as_their_bands(scale: str) -> None:
    """At half its maximum a filter spans 3 / 4 of the distance of its neighbours, also where it is read off bins."""
    arguments = {"scale": scale, "num_filters": 40, "sample_rate": 16000, "min_hz": 60.0, "max_hz": 7800.0}
    mu, sigma = filters.initial_gabor(window=4001, **arguments).T
    hz = mu * 16000 / (2 * np.pi)
    width = 2.0 * np.sqrt(2.0 * np.log(2.0)) / sigma * 16000 / (2 * np.pi)
    bins = 2 * 31.25 if scale == "mel" else 1e-6
    np.testing.assert_allclose(width[1:-1], 0.75 * (hz[2:] - hz[:-2]), rtol=0.05 if scale == "mel" else 1e-9, atol=bins)
