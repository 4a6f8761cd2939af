"""Power at a low rate of what a cut leaves outside: for kernels truncated near their top, which hear every frequency.

At 1 / h of the rate the bins k, k + L / h, k + 2 L / h ... of a spectrum coincide, and are summed: a fold. That gives
every h-th sample of the signal as it is, if too few of them: the power of a tone is exact and that of noise is right on
the average, which is enough for a power that is small beside that of the cut. Positive frequencies and negative ones
are folded apart, and their powers added, like that of the cut: the products beat faster than windows follow, but at a
low rate the beat of a tone's two halves might not. At the edge of the cut one fades into the other at constant power,
so that a tone there has its power too.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from keras import ops

from frontends.pairs import Pair, square, swapped
from frontends.response import constant

FADE = 0.25  # of half a cut's width


def inner_share(bins: int) -> np.ndarray:
    """What the cut itself is multiplied by, (bins,): 1, and at its edges a quarter of a cosine."""
    return np.cos(_angle(np.arange(bins) - bins // 2, bins, np))


def _angle(distance: Any, bins: Any, numpy: Any) -> Any:
    """0 inside the cut, pi / 2 outside, rising between; `numpy` is NumPy or `keras.ops`."""
    position = (numpy.abs(distance) * (2.0 / bins) - (1.0 - FADE)) / FADE
    return np.pi / 2.0 * numpy.clip(position, 0.0, 1.0)


def outside_power(circle: Pair, response: Any, *, middle: Any, bins: np.ndarray, decimation: int) -> Any:
    """Power (N, buffers, L / h) from all L bins of spectra, (buffers, L), and real responses, (N, L).

    Both begin at bin -(L // 2). The cut of filter n has bins[n] bins around middle[n].
    """
    length = response.shape[1]
    bin_ = np.arange(length, dtype="int32") - length // 2
    distance = (bin_[None] - middle[:, None] + length // 2) % np.int32(length) - length // 2
    outside = response * ops.sin(_angle(ops.cast(distance, response.dtype), constant(bins[:, None], response), ops))
    positive = constant(bin_ >= 0, response)
    return _folded_power(circle, ops.concatenate([outside * positive, outside * (1.0 - positive)], axis=0), decimation)


def _folded_power(circle: Pair, responses: Any, decimation: int) -> Any:
    """Sum over both halves of the responses (2 N, L) of the power of what they let through, (N, buffers, L / h)."""
    count, bins = responses.shape[0], responses.shape[1] // decimation

    def by_bin(rows: Any) -> Any:
        """(bins, rows, decimation) from (rows, L): what coincides at one bin of the low rate."""
        return ops.transpose(ops.reshape(rows, (-1, decimation, bins)), (2, 0, 1))

    def from_bin(products: Any) -> Any:
        """The transpose."""
        return ops.reshape(ops.transpose(products, (1, 2, 0)), (-1, decimation * bins))

    @ops.custom_gradient
    def power(real: Any, imag: Any, responses_: Any) -> tuple[Any, Callable[..., Any]]:
        spectra, weights = by_bin(ops.concatenate([real, imag], axis=0)), by_bin(responses_)
        folded = ops.reshape(ops.matmul(spectra, ops.transpose(weights, (0, 2, 1))), (bins, 2, -1, count))
        folded = ops.transpose(folded, (1, 3, 2, 0))
        signal = ops.fft(swapped((folded[0], folded[1])))
        positive, negative = ops.split(square(signal), 2, axis=0)

        def gradient(*upstreams: Any, upstream: Any = None) -> tuple[Any, ...]:
            upstream = 2.0 * (upstreams[0] if upstream is None else upstream)
            d_power = ops.concatenate([upstream, upstream], axis=0)
            v = ops.fft(swapped((signal[0] * d_power, signal[1] * d_power)))
            d_folded = ops.reshape(ops.transpose(ops.stack(v), (3, 0, 2, 1)), (bins, -1, count))
            d_responses = from_bin(ops.matmul(ops.transpose(d_folded, (0, 2, 1)), spectra))
            d_real, d_imag = ops.split(from_bin(ops.matmul(d_folded, weights)), 2, axis=0)
            return d_real, d_imag, d_responses

        return positive + negative, gradient

    return power(*circle, responses)
