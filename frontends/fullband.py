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
from frontends.overlap import power_gradient, shifted_sum, spread, stride_sums, weights_gradient
from frontends.pairs import Pair, conjugate, mirrored, scaled, side_by_side, square, times
from frontends.response import envelope, turned


def gabor_kernels(mu: Any, sigma: Any, *, window: int) -> Pair:
    """g(t) for t = -(K // 2) ... ceil(K / 2) - 1, (N, K): real and imaginary."""
    half = window // 2
    magnitude, (cosine, sine) = envelope(sigma, half), turned(mu, half)

    def both_ways(taps: Any, sign: float) -> Any:
        return ops.concatenate([sign * ops.flip(taps[:, 1:], axis=1), taps[:, : window - half]], axis=1)

    return both_ways(magnitude * cosine, 1.0), both_ways(magnitude * sine, -1.0)


def full_band_frames(half: Pair, kernels: Pair, *, weights: Any, chosen: Any, rate: LowRate) -> Any:
    """Frames (N, batch, frames) from the half spectrum of the buffers of `rate`, see `spectrum.Spectrum`.

    `chosen`, (N,), is 1 where a filter is wanted and 0 where zeros are; weights are `rate.weights`.
    """
    num_filters, length = weights.shape[0], rate.blocks.length
    inside = rate.blocks.inside(weights.dtype)

    @ops.custom_gradient
    def frames(*tensors: Any) -> tuple[Any, Callable[..., Any]]:
        *half_, real, imag, weights_, chosen_ = tensors
        taps = (real, imag)
        order = ops.argsort(-chosen_)
        count = ops.cast(ops.sum(chosen_), "int32")

        def filtered(n: Any) -> tuple[Pair, Pair, Pair]:
            """The spectra of the clip and of the kernel, and the signal."""
            spectrum = _both_sides(tuple(half_), length)
            response = ops.fft(tuple(_wrapped(_row(part, n) / length, length) for part in taps))
            return spectrum, response, ops.fft(times(conjugate(spectrum), response))

        def forward(i: Any, pooled: Any) -> Any:
            n = ops.take(order, i, axis=0)
            power = _masked(square(filtered(n)[2]), inside)
            return _put(pooled, n, shifted_sum(stride_sums(power[None], _row(weights_, n)), rate)[0])

        pooled = ops.zeros((num_filters, ops.shape(half_[0])[0], rate.blocks.frames), weights_.dtype)
        pooled = ops.fori_loop(0, count, forward, pooled)

        def gradient(*upstreams: Any, upstream: Any = None) -> tuple[Any, ...]:
            upstream = upstreams[0] if upstream is None else upstream

            def backward(i: Any, totals: tuple[Any, ...]) -> tuple[Any, ...]:
                n = ops.take(order, i, axis=0)
                spectrum, response, signal = filtered(n)
                power, weight = _masked(square(signal), inside), _row(weights_, n)
                d_sums = ops.stack(spread(_row(upstream, n), rate), axis=1)
                d_sums = ops.reshape(d_sums, (1, rate.span.rows, -1))
                d_power = _masked(power_gradient(d_sums, 2.0 * weight, samples=length)[0], inside)
                v = ops.fft(conjugate(scaled(signal, d_power)))
                d_response = tuple(ops.sum(part, axis=0, keepdims=True) for part in times(conjugate(spectrum), v))
                d_taps = (_taken(part / length, real.shape[1])[0] for part in conjugate(ops.fft(d_response)))
                rows = (*d_taps, weights_gradient(power[None], d_sums, weight)[0])
                d_half = _one_side(times(v, response), length)
                return (
                    *(total + part for total, part in zip(totals[:2], d_half, strict=True)),
                    *(_put(total, n, row) for total, row in zip(totals[2:], rows, strict=True)),
                )

            zeros = tuple(ops.zeros_like(each) for each in (*half_, *taps, weights_))
            return (*ops.fori_loop(0, count, backward, zeros), ops.zeros_like(chosen_))

        return pooled, gradient

    return rate.blocks.join(frames(*half, *kernels, weights, chosen))


def _masked(values: Any, inside: Any) -> Any:
    """Values (buffers, length), zero outside the clip."""
    count, size = ops.shape(inside)[0], values.shape[-1]
    return ops.reshape(ops.reshape(values, (-1, count, size)) * inside, (-1, size))


def _row(values: Any, n: Any) -> Any:
    """Row n of values (N, ...), (1, ...).

    Not values[n]: XLA would take n, and with it the weights that it depends on, for a constant, and compile every step.
    """
    return ops.take(values, ops.reshape(n, (1,)), axis=0)


def _put(values: Any, n: Any, row: Any) -> Any:
    """Values (N, ...) with `row` (...) as row n."""
    here = ops.reshape(ops.arange(values.shape[0]) == n, (-1, *(1 for _ in values.shape[1:])))
    return ops.where(here, row, values)


def _both_sides(half: Pair, length: int) -> Pair:
    """All `length` bins, from zero on, of a half spectrum of real signals."""
    return side_by_side(half, mirrored(half, first=1, last=(length - 1) // 2))


def _one_side(full: Pair, length: int) -> Pair:
    """The transpose of `_both_sides`."""
    size, above = length // 2 + 1, (length - 1) // 2
    negative = mirrored((full[0][:, size:], full[1][:, size:]), first=0, last=above - 1)
    shares = (ops.pad(part, ((0, 0), (1, size - 1 - above))) for part in negative)
    real, imag = (part[:, :size] + share for part, share in zip(full, shares, strict=True))
    return real, imag


def _wrapped(kernels: Any, length: int) -> Any:
    """Taps (N, K) at their times modulo `length`, (N, length)."""
    half, window = kernels.shape[1] // 2, kernels.shape[1]
    gap = ops.zeros((kernels.shape[0], length - window), kernels.dtype)
    return ops.concatenate([kernels[:, half:], gap, kernels[:, :half]], axis=1)


def _taken(circle: Any, window: int) -> Any:
    """The transpose of `_wrapped`."""
    half = window // 2
    return ops.concatenate([circle[:, -half:], circle[:, : window - half]], axis=1)
