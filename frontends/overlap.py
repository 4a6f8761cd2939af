"""Frames from powers: products by stride with the rows of the windows, then sums of neighbouring strides.

The power of a buffer is laid out by strides. A window of several strides has a row of weights for each. All of a
layer's filters share the rows that they span, whatever their rates.
"""

from collections.abc import Callable
from typing import Any

from keras import ops

from frontends.blocks import Blocks
from frontends.lowrate import LowRate, Span, at_edges


def stride_sums(power: Any, weights: Any) -> Any:
    """What each row of each window gets of every stride, (N, rows, buffers * strides).

    Power is (N, buffers, samples), weights are (N, rows, per_stride), see `LowRate.weights`.
    """
    return ops.matmul(weights, ops.transpose(_by_stride(power, weights), (0, 2, 1)))


def power_gradient(d_sums: Any, weights: Any, *, samples: int) -> Any:
    """Gradient of the power, (N, buffers, samples), from (N, rows, strides of all buffers)."""
    d_power = ops.matmul(ops.transpose(d_sums, (0, 2, 1)), weights)
    return ops.reshape(d_power, (weights.shape[0], -1, samples))


def weights_gradient(power: Any, d_sums: Any, weights: Any) -> Any:
    """Gradient of the weights."""
    return ops.matmul(d_sums, _by_stride(power, weights))


def shifted_sum(sums: Any, rate: LowRate) -> Any:
    """Frames (N, buffers, frames) from the first rows of sums (N, rows or more, buffers * strides)."""
    sums = ops.reshape(sums, (sums.shape[0], sums.shape[1], -1, rate.blocks.strides))
    first, frames = rate.first_row, rate.blocks.frames
    return sum(sums[:, row, :, first + row : first + row + frames] for row in range(rate.span.rows))


def spread(d_frames: Any, rate: LowRate) -> list[Any]:
    """The transpose of `shifted_sum`, for each row (N, buffers, strides)."""
    rows, strides = rate.span.rows, rate.blocks.strides
    last = rate.first_row + rows - 1
    padded = ops.pad(d_frames, ((0, 0), (0, 0), (last, strides - rate.first_row - rate.blocks.frames)))
    return [padded[:, :, rows - 1 - row : rows - 1 - row + strides] for row in range(rows)]


def assembled(sums: Any, *, blocks: Blocks, span: Span) -> Any:
    """Frames (N, batch, frames) from the sums of all groups, (N, rows + 1, buffers * strides).

    The last row has the frames at edges, see `edges.edge_frames`.
    """
    rate, edges = LowRate(blocks, 1, span), at_edges(blocks)
    num_frames, whole = blocks.num_frames, blocks.count * blocks.strides
    before = sum(frame * blocks.framing.stride < blocks.framing.lead(blocks.num_samples) for frame in edges)
    after = num_frames - (len(edges) - before)

    @ops.custom_gradient
    def frames(sums_: Any) -> tuple[Any, Callable[..., Any]]:
        filters = sums_.shape[0]
        outer = ops.reshape(sums_[:, -1], (filters, -1, whole))
        inner = blocks.join(shifted_sum(sums_, rate))

        def gradient(*upstreams: Any, upstream: Any = None) -> Any:
            upstream = upstreams[0] if upstream is None else upstream
            d_inner = ops.pad(upstream[:, :, before:after], ((0, 0), (0, 0), (before, num_frames - after)))
            d_outer = ops.concatenate([upstream[:, :, :before], upstream[:, :, after:]], axis=2)
            d_outer = ops.pad(d_outer, ((0, 0), (0, 0), (0, whole - len(edges))))
            rows = [*spread(blocks.split(d_inner), rate), ops.reshape(d_outer, (filters, -1, blocks.strides))]
            return ops.reshape(ops.stack(rows, axis=1), (filters, len(rows), -1))

        pieces = [outer[:, :, :before], inner[:, :, before:after], outer[:, :, before : len(edges)]]
        return ops.concatenate(pieces, axis=2), gradient

    return frames(sums)


def _by_stride(power: Any, weights: Any) -> Any:
    return ops.reshape(power, (power.shape[0], -1, weights.shape[-1]))
