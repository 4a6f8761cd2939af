"""Gaussian pooling of band powers, at the full rate or at a low one.

A frame is sum_k w(k) q(k) over the K samples of its window. From q at 1 / h of the rate, the same sum is
sum_j (w Q)(j) q(h j): Q interpolates the K samples from the low-rate ones. Nothing is rescaled, so the learned
width keeps its meaning, and any w may be used, also one that is cut off at the edge of the clip.
"""

from functools import lru_cache
from typing import Any

import numpy as np
from keras import ops

from frontends.blocks import Blocks

SIDE = 6  # low-rate samples read on each side of a window
LARGEST_WIDTH = 0.5


def smallest_width(window: int) -> float:
    """Lower bound of the pooling width s: 2 / K."""
    return 2.0 / window


def gaussian_windows(width: Any, *, window: int) -> Any:
    """w(k) = exp(-0.5 ((k - (K - 1) / 2) / (s (K - 1) / 2))^2), (N, K), for s (N,) in [2 / K, 0.5]; not normalised."""
    half = (window - 1) / 2.0
    position = ops.cast((np.arange(window) - half) / half, width.dtype)
    return ops.exp(-0.5 * ops.square(position[None, :] / width[:, None]))


def pool(power: Any, *, weights: Any, blocks: Blocks, decimation: int) -> Any:
    """Frames (buffers, N, frames) of low-rate power (buffers, N, length / h), with weights (N, J)."""
    filters, per_stride = power.shape[1], blocks.framing.stride // decimation
    before = side(decimation)
    ahead, front = -(-before // per_stride), -before % per_stride
    spanned = -(-(front + weights.shape[1]) // per_stride)
    weights = ops.pad(weights, ((0, 0), (front, spanned * per_stride - front - weights.shape[1])))
    weights = ops.transpose(ops.reshape(weights, (filters, spanned, per_stride)), (0, 2, 1))
    # matmul must not broadcast: with oneDNN, TensorFlow 2.21 then reads outside the smaller operand.
    weights = ops.broadcast_to(weights, (ops.shape(power)[0], filters, per_stride, spanned))
    partial = ops.matmul(ops.reshape(power, (-1, filters, blocks.strides, per_stride)), weights)
    return sum(_circular(partial[..., b], start=blocks.lead - ahead + b, count=blocks.frames) for b in range(spanned))


def pool_some(power: Any, *, frames: list[int], weights: Any, blocks: Blocks, decimation: int) -> Any:
    """Some frames of the clip, (batch, N, len(frames)), with weights (N, len(frames), J) of their own."""
    filters, samples, count = power.shape[1], power.shape[2], weights.shape[2]
    power = ops.reshape(power, (-1, blocks.count, filters, samples))
    parts = []
    for block in sorted({frame // blocks.frames for frame in frames}):
        local = np.array([frame % blocks.frames for frame in frames if frame // blocks.frames == block])
        start = (blocks.lead + local) * (blocks.framing.stride // decimation) - side(decimation)
        index = (start[:, None] + np.arange(count)) % samples
        parts.append(ops.take(power[:, block], index, axis=2))
    return ops.sum(ops.concatenate(parts, axis=2) * weights, axis=-1)


def _circular(values: Any, *, start: int, count: int) -> Any:
    """`count` values from `start` on, along the last axis, which is circular."""
    size = values.shape[-1]
    start %= size
    if start + count <= size:
        return values[..., start : start + count]
    return ops.concatenate([values[..., start:], values[..., : start + count - size]], axis=-1)


def low_rate_count(window: int, decimation: int) -> int:
    """J: low-rate samples from which a window of K samples is interpolated."""
    return window if decimation == 1 else -(-(window - 1) // decimation) + 1 + 2 * SIDE


def side(decimation: int) -> int:
    """Low-rate samples read before a window."""
    return 0 if decimation == 1 else SIDE


@lru_cache(maxsize=256)
def interpolation(window: int, decimation: int) -> np.ndarray:
    """Q, (K, J): the least-squares interpolation of samples 0 ... K - 1 from those at h (j - SIDE).

    |y|^2 of a Gabor filter with sigma >= 2 h has a spectrum that falls at least like a Gaussian, which as a
    prior has the covariance exp(-d^2 / (2 (2 h)^2)).
    """
    if decimation == 1:
        return np.eye(window)
    grid = decimation * (np.arange(low_rate_count(window, decimation)) - side(decimation))
    covariance = _covariance(grid, grid, decimation) + 1e-10 * np.eye(len(grid))
    return np.linalg.solve(covariance, _covariance(grid, np.arange(window), decimation)).T


def _covariance(a: np.ndarray, b: np.ndarray, decimation: int) -> np.ndarray:
    return np.exp(-((a[:, None] - b[None, :]) ** 2) / (2.0 * (2.0 * decimation) ** 2))
