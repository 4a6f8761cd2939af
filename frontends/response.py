"""Truncated Gabor kernels: their taps, and their frequency responses at the bins of a cut.

E(w) is the response of the envelope exp(-t^2 / (2 sigma^2)) / (sqrt(2 pi) sigma), t = -(K // 2) ... ceil(K / 2) - 1;
a filter of centre mu has E(w - mu).
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import keras
import numpy as np
from keras import ops

RUN = 128  # bins that share a rotation of the taps
TURNS = 64


def constant(values: np.ndarray, like: Any) -> Any:
    """`values` as a tensor of the dtype of `like`."""
    return ops.convert_to_tensor(np.asarray(values, keras.backend.standardize_dtype(like.dtype)))


def envelope(sigma: Any, half: int) -> Any:
    """exp(-t^2 / (2 sigma^2)) / (sqrt(2 pi) sigma), (N, half + 1) for t = 0 ... half."""
    sigma = sigma[:, None]
    squares = constant(-0.5 * np.arange(half + 1) ** 2, sigma)
    return ops.exp(squares / ops.square(sigma)) * (1.0 / np.sqrt(2.0 * np.pi)) / sigma


def minus_bins(omega: Any, count: Any, *, length: int) -> Any:
    """omega - count 2 pi / length [rad/sample], for whole |count| < 2^15, without float32's rounding of pi.

    2 pi / length is taken in two parts, the first so short that its product is exact (Cody and Waite).
    """
    step = 2.0 * np.pi / length
    unit = 2.0 ** (np.floor(np.log2(step)) - 8)
    high = np.round(step / unit) * unit
    count = ops.cast(count, omega.dtype)
    return (omega - count * high) - count * (step - high)


def turned(omega: Any, half: int) -> tuple[Any, Any]:
    """cos and sin of omega t, (N, half + 1) for t = 0 ... half: float32 is not enough for the product itself."""
    coarse = ops.round(ops.stop_gradient(omega) * (TURNS / (2.0 * np.pi)))
    t = constant(np.arange(half + 1), omega)
    rest = minus_bins(omega, coarse, length=TURNS)[:, None] * t
    rows = ops.take(constant(_table(half), omega), ops.cast(coarse, "int32") % TURNS, axis=1)
    cosine, sine = ops.cos(rest), ops.sin(rest)
    return rows[0] * cosine - rows[1] * sine, rows[1] * cosine + rows[0] * sine


@lru_cache(maxsize=16)
def _table(half: int) -> np.ndarray:
    """cos and sin of 2 pi r t / TURNS, (2, TURNS, half + 1)."""
    angle = np.outer(np.arange(TURNS), np.arange(half + 1)) % TURNS * (2.0 * np.pi / TURNS)
    return np.stack([np.cos(angle), np.sin(angle)])


def baseband_taps(offset: Any, sigma: Any, *, window: int) -> Any:
    """Twofold taps times cos and sin of offset t, (N, 2, half + 1): what `Waves.response` needs of a kernel.

    offset [rad/sample] is how far the centre lies above the middle bin.
    """
    half = window // 2
    count = np.full(half + 1, 2.0)
    count[0] = 1.0
    if window % 2 == 0:
        count[-1] = 1.0
    taps = envelope(sigma, half) * constant(count, sigma)
    return ops.stack(turned(offset, half), axis=1) * taps[:, None]


@dataclass(frozen=True)
class Waves:
    """cos and sin of 2 pi m t / length, t = 0 ... half, for bins m in runs around zero.

    Attributes:
      start: at the first bin of each run, (2, runs, half + 1); an even number of runs, half of them below zero.
      within: at the bins of one run, (2 half + 2, RUN).
    """

    start: Any
    within: Any

    @classmethod
    def of(cls, *, half: int, length: int, bins: int, like: Any) -> "Waves":
        """For cuts of at most `bins` bins, in the dtype of `like`."""
        start, within = _waves(half, length, bins)
        return cls(constant(start, like), constant(within, like))

    def response(self, taps: Any, *, bins: int) -> Any:
        """E(2 pi m / length - offset) for m = -(bins // 2) ..., (N, bins): real; see `lone_tap` for even windows.

        The phase of a run's first bin is rotated into the taps, what is left is one constant matrix.
        """
        filters, _, count = taps.shape
        start_cosine, start_sine = ops.unstack(self._start(bins))
        cosine, sine = ops.split(taps, 2, axis=1)
        rotated = [cosine * start_cosine + sine * start_sine, sine * start_cosine - cosine * start_sine]
        columns = ops.reshape(ops.concatenate(rotated, axis=-1), (-1, 2 * count))
        first = _runs(bins) // 2 * RUN - bins // 2
        return ops.reshape(ops.matmul(columns, self.within), (filters, -1))[:, first : first + bins]

    def gradient(self, d_response: Any, taps: Any) -> Any:
        """The transpose of `response`, (N, 2, half + 1)."""
        filters, _, count = taps.shape
        bins = d_response.shape[1]
        start_cosine, start_sine = ops.unstack(self._start(bins))
        runs = _runs(bins)
        before = runs // 2 * RUN - bins // 2
        padded = ops.pad(d_response, ((0, 0), (before, runs * RUN - before - bins)))
        d_columns = ops.matmul(ops.reshape(padded, (-1, RUN)), ops.transpose(self.within))
        d_columns = ops.reshape(d_columns, (filters, runs, 2, count))
        first, second = ops.unstack(d_columns, axis=2)
        d_cosine = ops.sum(first * start_cosine - second * start_sine, axis=1)
        d_sine = ops.sum(first * start_sine + second * start_cosine, axis=1)
        return ops.stack([d_cosine, d_sine], axis=1)

    def _start(self, bins: int) -> Any:
        middle, runs = self.start.shape[1] // 2, _runs(bins)
        return self.start[:, middle - runs // 2 : middle + runs // 2]


def _runs(bins: int) -> int:
    return 2 * -(-(bins - bins // 2) // RUN)


@lru_cache(maxsize=64)
def _waves(half: int, length: int, bins: int) -> tuple[np.ndarray, np.ndarray]:
    first = RUN * (np.arange(_runs(bins)) - _runs(bins) // 2)

    def waves(phase: np.ndarray) -> list[np.ndarray]:
        angle = phase % length * (2.0 * np.pi / length)
        return [np.cos(angle), np.sin(angle)]

    t = np.arange(half + 1)
    return np.stack(waves(np.outer(first, t))), np.concatenate(waves(np.outer(t, np.arange(RUN))), axis=0)


def lone_tap(offset: Any, sigma: Any, *, window: int, length: int, bins: int) -> Any:
    """The imaginary part of an even window's response, (N, bins): that of its lone tap at t = -K / 2."""
    middle = constant((np.arange(bins) - bins // 2) * (2.0 * np.pi / length), sigma)
    return -envelope(sigma, window // 2)[:, -1:] * ops.sin((middle - offset[:, None]) * (window // 2))
