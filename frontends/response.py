"""Truncated Gabor kernels: their taps, and their frequency responses at the bins of a cut.

E(w) is the response of the envelope exp(-t^2 / (2 sigma^2)) / (sqrt(2 pi) sigma), t = -(K // 2) ... ceil(K / 2) - 1;
a filter of centre mu has E(w - mu).
"""

from collections.abc import Callable
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
    """Twofold taps times cos and sin of offset t, (N, 2, half + 1): what `responses` needs of a kernel.

    offset [rad/sample] is how far the centre lies above the middle bin.
    """
    half = window // 2
    count = np.full(half + 1, 2.0)
    count[0] = 1.0
    if window % 2 == 0:
        count[-1] = 1.0
    taps = envelope(sigma, half) * constant(count, sigma)
    return ops.stack(turned(offset, half), axis=1) * taps[:, None]


def responses(taps: Any, *, length: int, bins: list[int], counts: list[int]) -> list[Any]:
    """E(2 pi m / length - offset) for m = -(bins // 2) ..., (counts[i], bins[i]): real but for the `lone_tap`.

    Taps are those of `baseband_taps`, of all groups of filters one behind the other: counts[i] filters of bins[i] bins.
    The bins of a filter are computed in runs. The phase of a run's first bin is rotated into the taps, what is left is
    one constant matrix for all.
    """
    num_filters, half = taps.shape[0], taps.shape[2] - 1
    runs = [_runs(size) for size in bins]
    most = max(runs)
    start, within = (constant(each, taps) for each in _waves(half, length, most))
    members = np.repeat(np.arange(num_filters), np.repeat(runs, counts)).astype("int32")
    places = np.concatenate(
        [np.tile(np.arange(n) + (most - n) // 2, count) for n, count in zip(runs, counts, strict=True)]
    )

    # Of each group: its rows, and the columns of its bins in them.
    ends = np.cumsum(np.multiply(runs, counts)).tolist()
    wholes = [(end - n * count, end, count) for end, n, count in zip(ends, runs, counts, strict=True)]
    margins = [
        (n // 2 * RUN - size // 2, (n - n // 2) * RUN - (size - size // 2)) for n, size in zip(runs, bins, strict=True)
    ]

    @ops.custom_gradient
    def groups(taps_: Any) -> tuple[Any, Callable[..., Any]]:
        start_cosine, start_sine = ops.unstack(ops.take(start, places, axis=1))
        cosine, sine = ops.unstack(ops.take(taps_, members, axis=0), axis=1)
        turned_taps = [cosine * start_cosine + sine * start_sine, sine * start_cosine - cosine * start_sine]
        rows = ops.matmul(ops.concatenate(turned_taps, axis=1), within)

        def gradient(*upstreams: Any, upstream: Any = None) -> Any:
            given = upstreams if upstream is None else upstream
            given = given[0] if isinstance(given[0], tuple | list) else given  # JAX gives all as one
            padded = [ops.pad(each, ((0, 0), margin)) for each, margin in zip(given, margins, strict=True)]
            d_rows = ops.concatenate([ops.reshape(each, (-1, RUN)) for each in padded], axis=0)
            first, second = ops.split(ops.matmul(d_rows, ops.transpose(within)), 2, axis=1)
            d_taps = [first * start_cosine - second * start_sine, first * start_sine + second * start_cosine]
            d_taps = ops.segment_sum(ops.concatenate(d_taps, axis=1), members, num_segments=num_filters)
            return ops.reshape(d_taps, (num_filters, 2, half + 1))

        found = [ops.reshape(rows[begin:end], (count, -1)) for begin, end, count in wholes]
        return tuple(
            each[:, before : each.shape[1] - after] for each, (before, after) in zip(found, margins, strict=True)
        ), gradient

    return list(groups(taps))


def _runs(bins: int) -> int:
    return 2 * -(-(bins - bins // 2) // RUN)


@lru_cache(maxsize=64)
def _waves(half: int, length: int, runs: int) -> tuple[np.ndarray, np.ndarray]:
    """cos and sin of 2 pi m t / length, t = 0 ... half, for bins m in runs around zero.

    At the first bin of each run, (2, runs, half + 1), half of them below zero; and inside a run, (2 half + 2, RUN).
    """
    first = RUN * (np.arange(runs) - runs // 2)

    def waves(phase: np.ndarray) -> list[np.ndarray]:
        angle = phase % length * (2.0 * np.pi / length)
        return [np.cos(angle), np.sin(angle)]

    t = np.arange(half + 1)
    return np.stack(waves(np.outer(first, t))), np.concatenate(waves(np.outer(t, np.arange(RUN))), axis=0)


def lone_tap(offset: Any, sigma: Any, *, window: int, length: int, bins: int) -> Any:
    """The imaginary part of an even window's response, (N, bins): that of its lone tap at t = -K / 2."""
    middle = constant((np.arange(bins) - bins // 2) * (2.0 * np.pi / length), sigma)
    return -envelope(sigma, window // 2)[:, -1:] * ops.sin((middle - offset[:, None]) * (window // 2))
