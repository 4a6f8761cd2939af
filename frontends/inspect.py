"""What a front end has learned, in physical units: parameters and frequency responses as NumPy arrays."""

import keras
import numpy as np

from frontends import filters
from frontends.compression import PCEN
from frontends.gabor import GaborFilterbank
from frontends.leaf import Leaf
from frontends.mel import MelFilterbank


def physical_parameters(layer: keras.layers.Layer) -> dict[str, np.ndarray]:
    """The parameters of a built `Leaf` or `MelFilterbank`, each (N,), as its forward pass uses them.

    Keys: centre_hz; for `Leaf` also bandwidth_hz (full width at half maximum of the magnitude response of the
    Gabor filter before truncation, 2 sqrt(2 ln 2) / sigma [rad]) and pooling_ms (standard deviation of the
    Gaussian pooling window); with PCEN also pcen_alpha, pcen_delta, pcen_root, pcen_smooth (no unit; smooth a frame).

    Example:
        >>> leaf = Leaf(); leaf.build((None, 16000))
        >>> physical_parameters(leaf)["centre_hz"][:2].round(2)
        array([ 93.75, 156.25])
    """
    if isinstance(layer, Leaf):
        return _gabor(layer.filterbank) | _pcen(layer.compress)
    if isinstance(layer, MelFilterbank):
        edges = np.linspace(filters.hz_to_mel(layer.min_hz), filters.hz_to_mel(layer.max_hz), layer.num_filters + 2)
        return {"centre_hz": filters.mel_to_hz(edges[1:-1])} | _pcen(layer.compress)
    raise _unknown(layer)


def frequency_responses(layer: keras.layers.Layer, num_points: int = 1024) -> tuple[np.ndarray, np.ndarray]:
    """Frequencies [Hz] (P,) from 0 to Nyquist, and each filter's magnitude response (N, P), peak 1.

    `Leaf`: the discrete-time Fourier transform of the truncated kernels. `MelFilterbank`: the square root of its
    triangles, which weight power, so that both are magnitudes.
    """
    if isinstance(layer, Leaf):
        hz = np.linspace(0.0, layer.filterbank.sample_rate / 2, num_points)
        return hz, _peak_one(_gabor_response(layer.filterbank, num_points))
    if isinstance(layer, MelFilterbank):
        hz = np.linspace(0.0, layer.sample_rate / 2, num_points)
        bins = np.linspace(0.0, layer.sample_rate / 2, len(layer.matrix))
        return hz, _peak_one(np.sqrt([np.interp(hz, bins, band) for band in layer.matrix.T]))
    raise _unknown(layer)


def _gabor(filterbank: GaborFilterbank) -> dict[str, np.ndarray]:
    values = filterbank.effective_parameters()
    window, rate = filterbank.framing.window, filterbank.sample_rate
    return {
        "centre_hz": values["mu"] * rate / (2.0 * np.pi),
        "bandwidth_hz": 2.0 * np.sqrt(2.0 * np.log(2.0)) / values["sigma"] * rate / (2.0 * np.pi),
        "pooling_ms": values["width"] * (window - 1) / 2.0 * 1000.0 / rate,
    }


def _pcen(compress: object) -> dict[str, np.ndarray]:
    if not isinstance(compress, PCEN):
        return {}
    return {f"pcen_{name}": value for name, value in compress.effective_parameters().items()}


def _gabor_response(filterbank: GaborFilterbank, num_points: int) -> np.ndarray:
    values, window = filterbank.effective_parameters(), filterbank.framing.window
    kernels = filters.gabor_kernels(mu=values["mu"], sigma=values["sigma"], window=window)
    omega = np.linspace(0.0, np.pi, num_points)
    return np.abs(kernels @ np.exp(-1j * np.outer(filters.gabor_taps(window), omega)))


def _peak_one(magnitude: np.ndarray) -> np.ndarray:
    return magnitude / magnitude.max(axis=1, keepdims=True)


def _unknown(layer: keras.layers.Layer) -> ValueError:
    return ValueError(f"Rule: `layer` is a Leaf or a MelFilterbank. Received: {type(layer).__name__}.")
