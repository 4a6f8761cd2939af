"""Frequency scales and the edges spaced on them, against published values."""

import numpy as np
import pytest

from frontends.scales import SCALES, band_edges

NAMES = ["mel", "bark", "erb", "linear", "random"]
SPAN = {"count": 42, "min_hz": 60.0, "max_hz": 7800.0}
# Zwicker's critical bands [Hz] that Traunmueller's formula was made for, within 0.05 Bark from 0.27 to 5.8 kHz.
CRITICAL_BANDS = {4: 400.0, 5: 510.0, 8: 920.0, 10: 1270.0, 13: 2000.0, 15: 2700.0, 19: 5300.0}


@pytest.mark.parametrize("name", SCALES)
def test_a_scale_rises_and_inverts(name: str) -> None:
    """From DC to 24 kHz."""
    to_scale, to_hz = SCALES[name]
    hz = np.linspace(0.0, 24000.0, 997)
    assert (np.diff(to_scale(hz)) > 0).all()
    np.testing.assert_allclose(to_hz(to_scale(hz)), hz, rtol=1e-12, atol=1e-9)


@pytest.mark.parametrize(
    ("name", "hz", "wanted", "tolerance"),
    [
        ("mel", 0.0, 0.0, 0.0),
        ("mel", 700.0, 2595.0 * np.log10(2.0), 0.1),  # HTK's form: its 2595 is 1127 ln 10, rounded
        ("mel", 1000.0, 1000.0, 0.1),
        ("mel", 8000.0, 2840.0, 0.1),
        ("bark", 1000.0, 8.53, 0.005),
        *(("bark", hz, bark, 0.05) for bark, hz in CRITICAL_BANDS.items()),
        ("erb", 0.0, 0.0, 0.0),
        ("erb", 1000.0, 15.6, 0.05),
        ("erb", 4000.0, 27.1, 0.05),
        ("linear", 1234.5, 1234.5, 0.0),
    ],
)
def test_published_values(name: str, hz: float, wanted: float, tolerance: float) -> None:
    """1000 Hz are 1000 mel, 8.5 Bark and 15.6 Cams."""
    assert SCALES[name][0](hz) == pytest.approx(wanted, abs=tolerance)


@pytest.mark.parametrize("hz", [100.0, 1000.0, 5000.0])
def test_a_cam_is_an_equivalent_rectangular_bandwidth(hz: float) -> None:
    """24.7 (4.37 f / 1000 + 1) Hz (Glasberg and Moore, 1990, equation 3), whose integral equation 4 is, nearly."""
    slope = (SCALES["erb"][0](hz + 1.0) - SCALES["erb"][0](hz - 1.0)) / 2.0
    assert 1.0 / slope == pytest.approx(24.7 * (4.37 * hz / 1000.0 + 1.0), rel=5e-3)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("count", [2, 3, 42, 130])
@pytest.mark.parametrize(("min_hz", "max_hz"), [(60.0, 7800.0), (0.0, 24000.0), (50.0, 3900.0)])
def test_edges_rise_between_their_ends(name: str, count: int, min_hz: float, max_hz: float) -> None:
    """The ends are exact, for any band; no two edges coincide, random ones least of all, whatever the seed."""
    for seed in range(20 if name == "random" else 1):
        edges = band_edges(name, count=count, min_hz=min_hz, max_hz=max_hz, seed=seed)
        assert edges.shape == (count,)
        assert (edges[0], edges[-1]) == (min_hz, max_hz)
        least = 0.05 * (max_hz - min_hz) / (count - 1) if name == "random" else 0.0
        assert np.diff(edges).min() > least


@pytest.mark.parametrize("name", SCALES)
def test_edges_are_equally_spaced_on_their_scale(name: str) -> None:
    """The gaps on the scale are one."""
    gaps = np.diff(SCALES[name][0](band_edges(name, **SPAN)))
    np.testing.assert_allclose(gaps, gaps[0], rtol=1e-9)


def test_random_edges_are_those_of_their_seed() -> None:
    """The same again, on every run; others for another seed; the other scales take no notice of it."""
    for name in NAMES:
        first, again, other = (band_edges(name, **SPAN, seed=seed) for seed in (0, 0, 1))
        np.testing.assert_array_equal(first, again)
        assert (first != other).any() == (name == "random")


def test_an_unknown_scale_is_refused() -> None:
    """With its name, and those that there are."""
    with pytest.raises(ValueError, match=r"'erb', 'linear', 'random'.*scale='cents'"):
        band_edges("cents", **SPAN)
