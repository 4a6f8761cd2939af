"""Initial filters, mel matrices, and what inspection says of them."""

import numpy as np
import pytest

from frontends import Leaf, MelFilterbank, filters, frequency_responses, physical_parameters
from frontends.framing import Framing

RATES = [8000, 16000, 22050, 32000, 44100, 48000]


def framing(sample_rate: int) -> Framing:
    """The default framing at a rate."""
    return Framing.from_ms(sample_rate=sample_rate, window_ms=25.0, stride_ms=10.0)


@pytest.mark.parametrize(
    ("sample_rate", "window", "stride"),
    [(8000, 201, 80), (16000, 401, 160), (22050, 552, 220), (44100, 1103, 441), (48000, 1201, 480)],
)
def test_milliseconds_become_samples(sample_rate: int, window: int, stride: int) -> None:
    """K and S are rounded as LEAF rounds them."""
    assert framing(sample_rate) == Framing(window, stride)


@pytest.mark.parametrize("sample_rate", RATES)
@pytest.mark.parametrize("num_filters", [40, 64, 128])
def test_no_initial_filter_is_degenerate(sample_rate: int, num_filters: int) -> None:
    """Centres rise strictly, start within the band, and no bandwidth is near all-pass; no mel band is empty."""
    band = {"num_filters": num_filters, "sample_rate": sample_rate, "min_hz": 60.0}
    band["max_hz"] = min(7800.0, 0.4875 * sample_rate)
    window = framing(sample_rate).window
    mu, sigma = filters.gabor_from_mel(window=window, **band).T
    hz = mu * sample_rate / (2 * np.pi)
    assert (np.diff(mu) > 0).all()
    assert hz[0] >= 60.0
    assert hz[-1] <= band["max_hz"]
    assert (sigma > 4 * filters.sigma_bounds(window)[0]).all()
    num_fft = filters.mel_fft_length(window=window, **band)
    assert filters.mel_matrix(num_fft=num_fft, **band).any(axis=0).all()


@pytest.mark.parametrize(
    ("rate", "count", "num_fft"), [(8000, 40, 512), (16000, 40, 512), (16000, 64, 512), (44100, 40, 2048)]
)
def test_initial_filters_are_the_reference_s(
    golden: dict[str, np.ndarray], rate: int, count: int, num_fft: int
) -> None:
    """Where the reference's 512 points serve, they are used; else the shortest FFT that does."""
    parameters = filters.gabor_from_mel(
        num_filters=count,
        sample_rate=rate,
        window=framing(rate).window,
        min_hz=60.0,
        max_hz=3900.0 if rate == 8000 else 7800.0,
    )
    np.testing.assert_allclose(parameters, golden[f"gabor_init/sr{rate}_n{count}_fft{num_fft}"], rtol=1e-6)


def test_mel_scale() -> None:
    """1000 Hz is 1000 mel, near enough, and the scale inverts."""
    assert filters.hz_to_mel(1000.0) == pytest.approx(1000.0, abs=0.1)
    hz = np.linspace(0.0, 8000.0, 50)
    np.testing.assert_allclose(filters.mel_to_hz(filters.hz_to_mel(hz)), hz, atol=1e-9)


@pytest.mark.parametrize("layer", [Leaf, MelFilterbank])
def test_responses_peak_at_the_centres(layer: type) -> None:
    """Each response has peak 1 within a bin or two of its centre, and half of it at half the bandwidth."""
    front_end = layer()
    front_end.build((None, 16000))
    hz, magnitude = frequency_responses(front_end, 4001)
    parameters = physical_parameters(front_end)
    assert magnitude.shape == (40, 4001)
    np.testing.assert_array_equal(magnitude.max(axis=1), 1.0)
    assert np.abs(hz[magnitude.argmax(axis=1)] - parameters["centre_hz"]).max() <= 16.0
    if layer is Leaf:
        half = [
            np.interp(c + b / 2, hz, row)
            for c, b, row in zip(parameters["centre_hz"], parameters["bandwidth_hz"], magnitude, strict=True)
        ]
        np.testing.assert_allclose(half[10:], 0.5, atol=0.01)


def test_physical_parameters_have_units() -> None:
    """Hz, ms and PCEN units, under stable names."""
    leaf = Leaf()
    leaf.build((None, 16000))
    parameters = physical_parameters(leaf)
    assert list(parameters) == [
        "centre_hz",
        "bandwidth_hz",
        "pooling_ms",
        "pcen_alpha",
        "pcen_delta",
        "pcen_root",
        "pcen_smooth",
    ]
    assert parameters["centre_hz"][0] == pytest.approx(93.75)
    assert parameters["centre_hz"][-1] == pytest.approx(7312.5)
    np.testing.assert_allclose(parameters["pooling_ms"], 5.0, rtol=1e-6)
    np.testing.assert_allclose(parameters["pcen_alpha"], 0.96, rtol=1e-6)
    assert set(physical_parameters(MelFilterbank())) == {"centre_hz"}
