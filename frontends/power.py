"""Pooled band powers, with gradients written by hand: one complex pass forwards, one backwards, and little is kept.

With z = fft(conj(X E)), a band's time signal up to conjugation and scale, and q = |z|^2, the gradient of a loss at
Y = X E is v = fft(conj(2 z dq)); then dE = conj(X) v, summed over clips, and dX = conj(E) v, summed over filters.
Complex numbers are pairs of real tensors, as in Keras.
"""

from collections.abc import Callable
from typing import Any

from keras import ops

from frontends.lowrate import Edge, LowRate, last_axis
from frontends.response import Waves

Complex = tuple[Any, Any]


def subband_frames(cuts: Complex, taps: Any, lone: Any | None, *, waves: Waves, windows: Any, rate: LowRate) -> Any:
    """Frames of bands that are cut out of a spectrum, (batch, N, frames + edges).

    Args:
      cuts: bins around each filter's centre, real and imaginary, (buffers, N or 1, bins).
      taps: of each filter's kernel, from `response.baseband_taps`, over the buffer's length.
      lone: the imaginary part of the responses, (N, bins); None where they are real.
      waves: for the buffer's length and at least as many bins.
      windows: whole and masked pooling windows, from `lowrate.masked_windows`.
      rate: where the frames are.

    Behind the frames of the clip, pooled as if the signal went on, come those at its edges, pooled inside it.
    """
    edges, operator = rate.edges(), rate.operator(windows)

    @ops.custom_gradient
    def frames(*tensors: Any) -> tuple[Any, Callable[..., Any]]:
        real, imag, taps_, windows_, *lone_ = tensors
        cut = (real, imag)
        response = [waves.response(taps_, bins=real.shape[-1]), *lone_]
        signal = ops.fft(_conjugate_product(cut, response))
        power = square(signal)
        weights = last_axis(windows_, operator)
        pooled = [rate.blocks.join(pool(power, weights[:, 0], rate))]
        pooled += [_pool_edge(power, rate.edge_weights(edge, weights), edge, rate) for edge in edges]

        def gradient(*upstreams: Any, upstream: Any = None) -> tuple[Any, ...]:
            upstream = upstreams[0] if upstream is None else upstream
            inner, *outer = _split_last(upstream, [rate.blocks.num_frames, *(len(edge.frames) for edge in edges)])
            d_power, d_main = unpool(power, rate.blocks.split(inner), weights[:, 0], rate)
            d_weights = [d_main[:, None]]
            for edge, d_frames in zip(edges, outer, strict=True):
                weight = rate.edge_weights(edge, weights)
                d_power, d_weight = _unpool_edge(d_power, power, d_frames, weight, edge, rate)
                d_weights.append(rate.edge_weights_gradient(edge, d_weight))
            d_windows = last_axis(ops.concatenate(d_weights, axis=1), ops.transpose(operator))
            d_cut, d_response = filter_gradient(cut, response, signal, d_power)
            if real.shape[1] < taps_.shape[0]:
                d_cut = tuple(ops.sum(part, axis=1, keepdims=True) for part in d_cut)
            d_response = [ops.sum(part, axis=0) for part in d_response]
            return (*d_cut, waves.gradient(d_response[0], taps_), d_windows, *d_response[1:])

        return ops.concatenate(pooled, axis=2), gradient

    return frames(*cuts, taps, windows, *([] if lone is None else [lone]))


def conjugate_fft(value: Complex) -> Complex:
    """fft(conj(value)) along the last axis."""
    return ops.fft((value[0], -value[1]))


def square(value: Complex) -> Any:
    """|value|^2."""
    return ops.square(value[0]) + ops.square(value[1])


def masked(power: Any, inside: Any) -> Any:
    """Power (buffers, length), zero outside the clip."""
    count, length = ops.shape(inside)[0], power.shape[-1]
    return ops.reshape(ops.reshape(power, (-1, count, length)) * inside, (-1, length))


def filter_gradient(cut: Complex, response: list[Any], signal: Complex, d_power: Any) -> tuple[Complex, list[Any]]:
    """Gradients of the cut and, not yet summed over clips, of the response; `d_power` is twice that of the power."""
    real, imag = conjugate_fft((d_power * signal[0], d_power * signal[1]))
    d_response = [cut[0] * real + cut[1] * imag]
    if len(response) == 1:
        return (real * response[0], imag * response[0]), d_response
    d_response.append(cut[0] * imag - cut[1] * real)
    d_cut = (real * response[0] + imag * response[1], imag * response[0] - real * response[1])
    return d_cut, d_response


def pool(power: Any, weights: Any, rate: LowRate) -> Any:
    """Frames (buffers, N, frames) of power (buffers, N, samples): products by stride, then shifted sums."""
    partial = ops.matmul(_by_stride(power, rate), _columns(weights, rate, buffers=ops.shape(power)[0]))
    first, count = rate.first_row, rate.blocks.frames
    return sum(partial[:, :, first + i : first + i + count, i] for i in range(rate.spanned))


def unpool(power: Any, d_frames: Any, weights: Any, rate: LowRate) -> tuple[Any, Any]:
    """Gradients of `pool`: twice that of the power, and that of the weights (N, spanned * per_stride)."""
    after = rate.blocks.strides - rate.first_row - rate.blocks.frames
    before = range(rate.first_row, rate.first_row + rate.spanned)
    padded = ops.pad(d_frames, ((0, 0), (0, 0), (before[-1], after)))
    size = rate.blocks.strides
    spread = ops.stack([padded[:, :, before[-1] - b : before[-1] - b + size] for b in before], axis=-1)
    columns = _columns(2.0 * weights, rate, buffers=ops.shape(power)[0])
    d_power = ops.reshape(ops.matmul(spread, ops.transpose(columns, (0, 1, 3, 2))), (-1, *power.shape[1:]))
    d_columns = ops.sum(ops.matmul(ops.transpose(_by_stride(power, rate), (0, 1, 3, 2)), spread), axis=0)
    return d_power, ops.reshape(ops.transpose(d_columns, (0, 2, 1)), weights.shape)


def _conjugate_product(value: Complex, factor: list[Any]) -> Complex:
    """conj(value factor), with `factor` real where it has one part."""
    real, imag = value
    if len(factor) == 1:
        return real * factor[0], imag * -factor[0]
    return real * factor[0] - imag * factor[1], real * -factor[1] - imag * factor[0]


def _split_last(values: Any, sizes: list[int]) -> list[Any]:
    """Parts of `values` along the last axis."""
    ends = [sum(sizes[: i + 1]) for i in range(len(sizes))]
    return [values[..., end - size : end] for size, end in zip(sizes, ends, strict=True)]


def _columns(weights: Any, rate: LowRate, *, buffers: Any) -> Any:
    """Weights (N, spanned * per_stride) as (buffers, N, per_stride, spanned).

    The product must not broadcast: with oneDNN, TensorFlow 2.21 then reads outside the smaller operand.
    """
    shape = (weights.shape[0], rate.spanned, rate.per_stride)
    columns = ops.transpose(ops.reshape(weights, shape), (0, 2, 1))
    return ops.broadcast_to(columns, (buffers, *columns.shape))


def _by_stride(power: Any, rate: LowRate) -> Any:
    return ops.reshape(power, (-1, power.shape[1], rate.blocks.strides, rate.per_stride))


def _read(power: Any, edge: Edge, rate: LowRate) -> Any:
    """What an edge's frames read, (batch, N, samples)."""
    first, count = edge.row * rate.per_stride, edge.rows * rate.per_stride
    if rate.blocks.count == 1:
        return power[:, :, first : first + count]
    return ops.reshape(power, (-1, rate.blocks.count, *power.shape[1:]))[:, edge.block, :, first : first + count]


def _pool_edge(power: Any, weights: Any, edge: Edge, rate: LowRate) -> Any:
    return ops.sum(_read(power, edge, rate)[:, :, None] * weights, axis=-1)


def _unpool_edge(d_power: Any, power: Any, d_frames: Any, weights: Any, edge: Edge, rate: LowRate) -> tuple[Any, Any]:
    """Adds an edge's share to twice the gradient of the power; beside it the gradient of the edge's weights."""
    d_weights = ops.sum(_read(power, edge, rate)[:, :, None] * d_frames[..., None], axis=0)
    share = ops.sum(d_frames[..., None] * (2.0 * weights), axis=2) + _read(d_power, edge, rate)
    first = edge.row * rate.per_stride
    if rate.blocks.count == 1:
        return ops.slice_update(d_power, (0, 0, first), share), d_weights
    whole = ops.reshape(d_power, (-1, rate.blocks.count, *d_power.shape[1:]))
    whole = ops.slice_update(whole, (0, edge.block, 0, first), share[:, None])
    return ops.reshape(whole, (-1, *d_power.shape[1:])), d_weights
