"""Pooled Gabor energies at the full rate, one filter after another, for those that no plan covers.

Right for any parameters within their bounds and for clips whose length is known only at run time; slow, so that the
sub-band algorithm does the rest. A loop over the chosen filters alone: with none chosen it costs nothing. The
gradient is written by hand, recomputes what it needs, and keeps nothing but its inputs.

With a kernel's spectrum G, Y = X conj(G) and z = fft(conj(Y)), the power is q = |z|^2. From v = fft(conj(2 z dq)),
the gradient at Y, follow dX = G v and dG = conj(v) X, and from the latter by an FFT that of the kernel.
"""

from collections.abc import Callable
from typing import Any

from keras import ops

from frontends.lowrate import LowRate
from frontends.power import Complex, conjugate_fft, masked, pool, square, unpool
from frontends.response import envelope, turned


def gabor_kernels(mu: Any, sigma: Any, *, window: int) -> Complex:
    """g(t) for t = -(K // 2) ... ceil(K / 2) - 1, (N, K): real and imaginary."""
    half = window // 2
    magnitude, (cosine, sine) = envelope(sigma, half), turned(mu, half)

    def mirrored(taps: Any, sign: float) -> Any:
        return ops.concatenate([sign * ops.flip(taps[:, 1:], axis=1), taps[:, : window - half]], axis=1)

    return mirrored(magnitude * cosine, 1.0), mirrored(magnitude * sine, -1.0)


def full_band_frames(half: Complex, kernels: Complex, *, weights: Any, chosen: Any, rate: LowRate) -> Any:
    """Frames (batch, N, frames) from the half spectrum (buffers, length // 2 + 1) of the buffers of `rate`.

    `chosen`, (N,), is 1 where a filter is wanted and 0 where zeros are; weights are `rate.full_rate_weights`.
    """
    num_filters, length = weights.shape[0], rate.blocks.length
    inside = rate.blocks.inside(half[0].dtype)

    @ops.custom_gradient
    def frames(*tensors: Any) -> tuple[Any, Callable[..., Any]]:
        real, imag, *taps, weights_, chosen_ = tensors
        spectrum = _both_sides((real, imag), length)
        order = ops.argsort(-chosen_)
        count = ops.cast(ops.sum(chosen_), "int32")

        def filtered(n: Any) -> tuple[Complex, Complex, Any]:
            """The kernel's spectrum, the signal and its power."""
            response = ops.fft(tuple(_wrapped(_row(part, n) / length, length) for part in taps))
            signal = conjugate_fft(_times_conjugate(spectrum, response))
            return response, signal, masked(square(signal), inside)

        def forward(i: Any, pooled: Any) -> Any:
            n = ops.take(order, i, axis=0)
            return _put(pooled, n, pool(filtered(n)[2][:, None], _row(weights_, n), rate)[:, 0])

        pooled = ops.zeros((num_filters, ops.shape(real)[0], rate.blocks.frames), real.dtype)
        pooled = ops.fori_loop(0, count, forward, pooled)

        def gradient(*upstreams: Any, upstream: Any = None) -> tuple[Any, ...]:
            upstream = upstreams[0] if upstream is None else upstream

            def backward(i: Any, totals: tuple[Any, ...]) -> tuple[Any, ...]:
                n = ops.take(order, i, axis=0)
                response, signal, power = filtered(n)
                d_power, d_weight = unpool(
                    power[:, None], ops.transpose(_row(upstream, n), (1, 0, 2)), _row(weights_, n), rate
                )
                d_power = masked(d_power[:, 0], inside)
                v = conjugate_fft((signal[0] * d_power, signal[1] * d_power))
                d_response = [ops.sum(part, axis=0, keepdims=True) for part in _times_conjugate(spectrum, v)]
                d_taps = conjugate_fft((d_response[0], d_response[1]))
                rows = (*(_taken(part / length, taps[0].shape[1]) for part in (d_taps[0], -d_taps[1])), d_weight)
                return (
                    totals[0] + response[0] * v[0] - response[1] * v[1],
                    totals[1] + response[0] * v[1] + response[1] * v[0],
                    *(_put(total, n, row[0]) for total, row in zip(totals[2:], rows, strict=True)),
                )

            zeros = tuple(ops.zeros_like(each) for each in (*spectrum, *taps, weights_))
            d_real, d_imag, *rest = ops.fori_loop(0, count, backward, zeros)
            return (*_one_side((d_real, d_imag)), *rest, ops.zeros_like(chosen_))

        return pooled, gradient

    pooled = frames(*half, *kernels, weights, chosen)
    return rate.blocks.join(ops.transpose(pooled, (1, 0, 2)))


def _times_conjugate(a: Complex, b: Complex) -> Complex:
    """a conj(b)."""
    return a[0] * b[0] + a[1] * b[1], a[1] * b[0] - a[0] * b[1]


def _row(values: Any, n: Any) -> Any:
    """Row n of values (N, ...), (1, ...).

    Not values[n]: XLA would take n, and with it the weights that it depends on, for a constant, and compile every step.
    """
    return ops.take(values, ops.reshape(n, (1,)), axis=0)


def _put(values: Any, n: Any, row: Any) -> Any:
    """Values (N, ...) with `row` (...) as row n."""
    here = ops.reshape(ops.arange(values.shape[0]) == n, (-1, *(1 for _ in values.shape[1:])))
    return ops.where(here, row, values)


def _both_sides(half: Complex, length: int) -> Complex:
    """All `length` bins, from zero on, of a half spectrum of real signals."""
    mirrored = [ops.flip(part[:, 1 : (length + 1) // 2], axis=1) for part in half]
    return ops.concatenate([half[0], mirrored[0]], axis=1), ops.concatenate([half[1], -mirrored[1]], axis=1)


def _one_side(full: Complex) -> Complex:
    """The transpose of `_both_sides`."""
    length = full[0].shape[1]
    size, mirrored = length // 2 + 1, (length - 1) // 2
    folded = []
    for part, sign in zip(full, (1.0, -1.0), strict=True):
        share = ops.flip(part[:, size:], axis=1) * sign
        folded.append(part[:, :size] + ops.pad(share, ((0, 0), (1, size - 1 - mirrored))))
    return folded[0], folded[1]


def _wrapped(kernels: Any, length: int) -> Any:
    """Taps (N, K) at their times modulo `length`, (N, length)."""
    half, window = kernels.shape[1] // 2, kernels.shape[1]
    gap = ops.zeros((kernels.shape[0], length - window), kernels.dtype)
    return ops.concatenate([kernels[:, half:], gap, kernels[:, :half]], axis=1)


def _taken(circle: Any, window: int) -> Any:
    """The transpose of `_wrapped`."""
    half = window // 2
    return ops.concatenate([circle[:, -half:], circle[:, : window - half]], axis=1)
