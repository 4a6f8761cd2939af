"""Frequency scales in NumPy float64: mel, Bark, ERB-rate, linear, and seeded random band edges."""

from collections.abc import Callable
from typing import Literal

import numpy as np

ScaleName = Literal["mel", "bark", "erb", "linear", "random"]
MEL_PER_NEPER, MEL_BREAK_HZ = 1127.0, 700.0
Hz = np.ndarray | float


def hz_to_mel(hz: Hz) -> np.ndarray:
    """HTK mel: 1127 ln(1 + f / 700)."""
    return MEL_PER_NEPER * np.log1p(np.asarray(hz, np.float64) / MEL_BREAK_HZ)


def mel_to_hz(mel: Hz) -> np.ndarray:
    """Inverse of `hz_to_mel`: 700 (exp(m / 1127) - 1)."""
    return MEL_BREAK_HZ * np.expm1(np.asarray(mel, np.float64) / MEL_PER_NEPER)


def hz_to_bark(hz: Hz) -> np.ndarray:
    """Bark: 26.81 f / (1960 + f) - 0.53 (Traunmueller, 1990, equation 6), without its corrections at the ends."""
    hz = np.asarray(hz, np.float64)
    return 26.81 * hz / (1960.0 + hz) - 0.53


def bark_to_hz(bark: Hz) -> np.ndarray:
    """Inverse of `hz_to_bark`: 1960 (z + 0.53) / (26.28 - z)."""
    bark = np.asarray(bark, np.float64)
    return 1960.0 * (bark + 0.53) / (26.28 - bark)


def hz_to_erb(hz: Hz) -> np.ndarray:
    """ERB-rate [Cams]: 21.4 log10(1 + 0.00437 f) (Glasberg and Moore, 1990, equation 4)."""
    return 21.4 * np.log10(1.0 + 0.00437 * np.asarray(hz, np.float64))


def erb_to_hz(erb: Hz) -> np.ndarray:
    """Inverse of `hz_to_erb`: (10^(E / 21.4) - 1) / 0.00437."""
    return (10.0 ** (np.asarray(erb, np.float64) / 21.4) - 1.0) / 0.00437


def _same(hz: Hz) -> np.ndarray:
    return np.asarray(hz, np.float64)


SCALES: dict[str, tuple[Callable[[Hz], np.ndarray], Callable[[Hz], np.ndarray]]] = {
    "mel": (hz_to_mel, mel_to_hz),
    "bark": (hz_to_bark, bark_to_hz),
    "erb": (hz_to_erb, erb_to_hz),
    "linear": (_same, _same),
}


def band_edges(scale: ScaleName, *, count: int, min_hz: float, max_hz: float, seed: int = 0) -> np.ndarray:
    """`count` >= 2 rising frequencies [Hz] from min_hz to max_hz, equally spaced on `scale`, (count,).

    "random" draws the gaps between them [Hz] from `seed`, each at least a tenth of their mean, so that no two edges
    coincide. Raises ValueError for an unknown scale.
    """
    if scale == "random":
        gaps = 0.1 + 0.9 * np.random.default_rng(seed).exponential(size=count - 1)
        edges = min_hz + (max_hz - min_hz) * np.concatenate([[0.0], np.cumsum(gaps) / gaps.sum()])
    elif scale in SCALES:
        to_scale, to_hz = SCALES[scale]
        edges = to_hz(np.linspace(to_scale(min_hz), to_scale(max_hz), count))
    else:
        raise ValueError(f"Rule: `scale` is one of {[*SCALES, 'random']}. Received: scale={scale!r}.")
    edges[0], edges[-1] = min_hz, max_hz
    return edges
