"""What a front end does and what it has learned, in physical units: NumPy arrays, for every front end of `frontends`.

A front end lacks what it has no notion of: a mel filterbank has no impulse responses, a Wavegram no bands at all.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import keras
import numpy as np
from keras import ops

from frontends import wavegram
from frontends.pcen import PCEN
from frontends.scales import band_edges

RESPONSE_POINTS = 1025
LEVELS_DB = np.arange(-100.0, 41.0)
_MEASURED_POINTS = 8193


class Curves(NamedTuple):
    """One curve a filter over common positions: x (P,) and y (filters, P)."""

    x: np.ndarray
    y: np.ndarray


@dataclass(frozen=True, kw_only=True)
class Inspection:
    """All that there is to show of one front end; None or an empty dictionary: it has no such thing.

    Attributes:
      parameters: see `physical_parameters`.
      responses: see `frequency_responses`.
      impulses: see `impulse_responses`.
      windows: see `pooling_windows`.
      compression: see `compression_curves`.
      scale: name of the scale that the filters start on, if they do.
    """

    parameters: dict[str, np.ndarray]
    responses: Curves | None
    impulses: Curves | None
    windows: Curves | None
    compression: Curves | None
    scale: str | None


def inspect(layer: keras.layers.Layer) -> Inspection:
    """Everything about a built front end."""
    return Inspection(
        parameters=physical_parameters(layer),
        responses=frequency_responses(layer),
        impulses=impulse_responses(layer),
        windows=pooling_windows(layer),
        compression=compression_curves(layer),
        scale=_scale(layer),
    )


def initial_state(layer: keras.layers.Layer) -> keras.layers.Layer:
    """A new layer with the arguments of `layer`, built: what a trained one started from."""
    fresh = type(layer).from_config(layer.get_config())
    fresh.build((None, None))
    return fresh


def physical_parameters(layer: keras.layers.Layer) -> dict[str, np.ndarray]:
    """The parameters of a built front end as its forward pass uses them, each (N,), float64.

    centre_hz and bandwidth_hz: centre, and full width at half maximum of the magnitude response. In closed form for
    Gabor filters before truncation (FWHM 2 sqrt(2 ln 2) / sigma [rad]), sinc filters (their two edges, where the
    response is half) and mel bands (square root of the triangles); measured from the response of other kernels.
    pooling_ms: standard deviation of the pooling window, of the Gaussian before truncation. With PCEN pcen_alpha,
    pcen_delta, pcen_root, pcen_smooth (a frame, no unit) and pcen_smoothing_ms, the time constant of its smoother,
    infinite where smooth is 0. With the learned power power_root; with layer normalisation norm_gain, norm_offset.

    Example:
        >>> from frontends import Leaf
        >>> leaf = Leaf(); leaf.build((None, 16000))
        >>> physical_parameters(leaf)["centre_hz"][:2].round(2)
        array([ 93.75, 156.25])
    """
    filterbank = getattr(layer, "filterbank", None)
    if filterbank is None:
        return {}
    centre, bandwidth = _bands(filterbank)
    pooling = _pooling_ms(filterbank)
    return {
        "centre_hz": centre,
        "bandwidth_hz": bandwidth,
        **({} if pooling is None else {"pooling_ms": pooling}),
        **_compression(layer.compress, stride_ms=1000.0 * filterbank.framing.stride / filterbank.sample_rate),
    }


def frequency_responses(layer: keras.layers.Layer, num_points: int = RESPONSE_POINTS) -> Curves | None:
    """Frequencies [Hz] (P,) from 0 to Nyquist, and each filter's magnitude response (N, P), peak 1.

    Of kernels: the root-mean-square gain for a real tone, sqrt((|G(f)|^2 + |G(-f)|^2) / 2) of the discrete-time
    Fourier transform G of the truncated kernel. Of mel bands: the square root of the triangles, which weight power,
    so that both are magnitudes.
    """
    filterbank = getattr(layer, "filterbank", None)
    if filterbank is None:
        return None
    hz = np.linspace(0.0, filterbank.sample_rate / 2.0, num_points)
    if hasattr(filterbank, "kernels"):
        magnitude = _tone_gain(filterbank.kernels(), num_points)
    else:
        bins = np.linspace(0.0, filterbank.sample_rate / 2.0, len(filterbank.matrix))
        magnitude = np.sqrt([np.interp(hz, bins, band) for band in filterbank.matrix.T])
    return Curves(hz, magnitude / magnitude.max(axis=1, keepdims=True))


def cumulative_response(responses: Curves) -> Curves:
    """Root of the summed power of all responses, (1, P), peak 1: where the filters look, and where they do not."""
    total = np.sqrt(np.sum(np.square(responses.y), axis=0, keepdims=True))
    return Curves(responses.x, total / total.max())


def impulse_responses(layer: keras.layers.Layer) -> Curves | None:
    """Time [ms] (K,), 0 at the tap that belongs to the output sample, and the kernels (N, K), complex or real."""
    filterbank = getattr(layer, "filterbank", None)
    if not hasattr(filterbank, "kernels"):
        return None
    kernels = filterbank.kernels()
    taps = np.arange(kernels.shape[1]) - kernels.shape[1] // 2
    return Curves(1000.0 * taps / filterbank.sample_rate, kernels)


def pooling_windows(layer: keras.layers.Layer) -> Curves | None:
    """Time [ms] from the centre (K,), and the pooling windows (N, K), or (1, K) where all filters share one."""
    filterbank = getattr(layer, "filterbank", None)
    pooling = getattr(filterbank, "pooling", None)
    if not hasattr(pooling, "windows"):
        return None
    windows = _array(pooling.windows())
    time = np.arange(windows.shape[1]) - (windows.shape[1] - 1) / 2.0
    return Curves(1000.0 * time / filterbank.sample_rate, windows)


def compression_curves(layer: keras.layers.Layer, levels_db: np.ndarray = LEVELS_DB) -> Curves | None:
    """Levels of a constant energy [dB re 1] (P,), and the feature that each filter makes of it (N, P).

    Static: PCEN's smoother has settled at the energy. None for a compression that mixes filters.
    """
    filterbank = getattr(layer, "filterbank", None)
    if filterbank is None or isinstance(layer.compress, keras.layers.LayerNormalization):
        return None
    energies = np.power(10.0, levels_db / 10.0)
    if layer.floor is not None:
        energies = np.maximum(energies, layer.floor)
    # One frame each: that is where the smoother starts.
    frames = np.broadcast_to(energies[:, None, None], (len(energies), 1, filterbank.num_filters))
    features = layer.compress(ops.convert_to_tensor(frames, dtype="float32"))
    return Curves(levels_db, _array(ops.cast(features, "float32"))[:, 0].T)


def frame_times_s(layer: keras.layers.Layer, *, num_frames: int, num_samples: int) -> np.ndarray:
    """Centres of the frames [s], (frames,), of a clip of that many samples."""
    frames = np.arange(num_frames)
    filterbank = getattr(layer, "filterbank", None)
    if filterbank is None:
        return (frames + 0.5) * wavegram.STRIDE / layer.sample_rate
    framing = filterbank.framing
    lead = 0 if getattr(filterbank, "alignment", "") == "start" else framing.lead(num_samples)
    return (frames * framing.stride - lead + (framing.window - 1) / 2.0) / filterbank.sample_rate


def _bands(filterbank: Any) -> tuple[np.ndarray, np.ndarray]:
    """Centres and widths [Hz]."""
    rate = filterbank.sample_rate
    known = filterbank.effective_parameters() if hasattr(filterbank, "effective_parameters") else {}
    if "sigma" in known:
        width = 2.0 * np.sqrt(2.0 * np.log(2.0)) / known["sigma"]
        return known["mu"] * rate / (2.0 * np.pi), width * rate / (2.0 * np.pi)
    if "low_hz" in known:
        return (known["low_hz"] + known["high_hz"]) / 2.0, known["high_hz"] - known["low_hz"]
    if hasattr(filterbank, "kernels"):
        return _measured_bands(filterbank.kernels(), rate)
    band = {name: filterbank.arguments[name] for name in ("min_hz", "max_hz")}
    # Four points between two centres; the root of a triangle is half at a quarter of its flank.
    points = band_edges("mel", count=4 * (filterbank.num_filters + 1) + 1, **band)
    return points[4:-4:4], points[7::4] - points[1:-7:4]


def _measured_bands(kernels: np.ndarray, rate: int) -> tuple[np.ndarray, np.ndarray]:
    """The peak, by a parabola through the logarithm at three points, and the nearest points of half of it."""
    gains = _tone_gain(kernels, _MEASURED_POINTS)
    step = rate / 2.0 / (_MEASURED_POINTS - 1)
    bands = np.array([_measured_band(gain) for gain in gains])
    return bands[:, 0] * step, bands[:, 1] * step


def _measured_band(gain: np.ndarray) -> tuple[float, float]:
    """Peak and width at half of it, in points."""
    peak, last = int(gain.argmax()), len(gain) - 1
    centre = float(peak)
    if 0 < peak < last:
        before, at, after = np.log(np.maximum(gain[peak - 1 : peak + 2], 1e-300))
        curvature = before - 2.0 * at + after
        centre += 0.5 * (before - after) / curvature if curvature else 0.0
    half = 0.5 * gain[peak]
    below = np.flatnonzero(gain < half)
    left, right = below[below < peak], below[below > peak]
    low = _crossing(gain, half, left[-1], 1) if len(left) else 0.0
    high = _crossing(gain, half, right[0], -1) if len(right) else float(last)
    return centre, high - low


def _crossing(gain: np.ndarray, half: float, outside: int, inwards: int) -> float:
    """Where the line from the first point below `half` to its neighbour inside the band has that value."""
    below, above = gain[outside], gain[outside + inwards]
    return float(outside + inwards * (half - below) / (above - below))


def _tone_gain(kernels: np.ndarray, num_points: int) -> np.ndarray:
    """sqrt((|G(f)|^2 + |G(-f)|^2) / 2) at `num_points` frequencies from 0 to Nyquist, (N, P)."""
    length = 2 * (num_points - 1)
    finer = -(-kernels.shape[1] // length)
    power = np.square(np.abs(np.fft.fft(kernels, finer * length, axis=1)[:, ::finer]))
    mirrored = np.roll(power[:, ::-1], 1, axis=1)
    return np.sqrt((power + mirrored) / 2.0)[:, :num_points]


def _pooling_ms(filterbank: Any) -> np.ndarray | None:
    pooling = getattr(filterbank, "pooling", None)
    if hasattr(pooling, "effective_width"):
        half_ms = 500.0 * (filterbank.framing.window - 1) / filterbank.sample_rate
        return _array(pooling.effective_width()) * half_ms
    if not hasattr(pooling, "windows"):
        return None
    weights = np.abs(_array(pooling.windows()))
    weights /= weights.sum(axis=1, keepdims=True)
    time = np.arange(weights.shape[1]) * 1000.0 / filterbank.sample_rate
    variance = weights @ time**2 - (weights @ time) ** 2
    return np.broadcast_to(np.sqrt(np.maximum(variance, 0.0)), (filterbank.num_filters,)).copy()


def _compression(compress: Any, *, stride_ms: float) -> dict[str, np.ndarray]:
    if isinstance(compress, PCEN):
        values = {f"pcen_{name}": value for name, value in compress.effective_parameters().items()}
        with np.errstate(divide="ignore"):
            values["pcen_smoothing_ms"] = -stride_ms / np.log1p(-values["pcen_smooth"])
        return values
    if isinstance(compress, keras.layers.LayerNormalization):
        named = {"norm_gain": compress.gamma, "norm_offset": compress.beta}
        return {name: _array(value) for name, value in named.items()}
    if hasattr(compress, "effective_parameters"):
        return {f"power_{name}": value for name, value in compress.effective_parameters().items()}
    return {}


def _scale(layer: keras.layers.Layer) -> str | None:
    if not hasattr(layer, "filterbank"):
        return None
    return str(layer.filterbank.arguments.get("scale", "mel"))


def _array(value: Any) -> np.ndarray:
    """float64, of a tensor or a weight of any backend."""
    return np.asarray(ops.convert_to_tensor(value)).astype(np.float64)
