"""Windows at a low rate: weights that pool |y|^2, known at 1 / h of the rate, as if it were known at every sample.

A frame is sum_k w(k) q(k) over the K samples of its window. From q at 1 / h of the rate, the same sum is
sum_j (w Q)(j) q(h j): Q interpolates the K samples from the low-rate ones. Nothing is rescaled, so the learned
width keeps its meaning, and any w may be used, also one that is cut off at the edge of the clip.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from keras import ops

from frontends.blocks import Blocks
from frontends.framing import Framing
from frontends.response import constant

SIDE = 6  # low-rate samples read on each side of a window
WIDTH = 2.0  # sigma over h that the interpolation is made for


@dataclass(frozen=True)
class Span:
    """The strides that a frame reads, at each of several rates.

    Attributes:
      ahead: of them, before the one in which the frame's window starts.
      rows: all of them.
    """

    ahead: int
    rows: int

    @classmethod
    def of(cls, framing: Framing, decimations: Iterable[int]) -> "Span":
        """The smallest for all of the decimations."""
        strides = [(framing.stride // h, _side(h), _count(framing.window, h)) for h in decimations]
        ahead = max(-(-side // samples) for samples, side, _ in strides)
        return cls(ahead, ahead + max(-(-(count - side) // samples) for samples, side, count in strides))


@dataclass(frozen=True)
class LowRate:
    """How the frames of `blocks` are pooled at 1 / `decimation` of the rate, from the strides of `span`."""

    blocks: Blocks
    decimation: int
    span: Span

    @classmethod
    def full(cls, blocks: Blocks) -> "LowRate":
        """At the full rate."""
        return cls(blocks, 1, Span.of(blocks.framing, [1]))

    @property
    def per_stride(self) -> int:
        """Low-rate samples in a stride."""
        return self.blocks.framing.stride // self.decimation

    @property
    def first_row(self) -> int:
        """The first stride that the first frame of a buffer reads."""
        return self.blocks.lead - self.span.ahead

    def weights(self, windows: Any) -> Any:
        """w Q by stride, (N, rows, per_stride), of windows (N, K)."""
        window, samples = self.blocks.framing.window, self.per_stride
        before = self.span.ahead * samples - _side(self.decimation)
        padding = ((0, 0), (before, self.span.rows * samples - before - _count(window, self.decimation)))
        if self.decimation == 1:
            weights = ops.pad(windows, padding)
        else:
            operator = np.pad(interpolation(window, self.decimation), padding)
            weights = ops.matmul(windows, constant(operator, windows))
        return ops.reshape(weights, (-1, self.span.rows, self.per_stride))

    def all_weights(self, windows: Any) -> Any:
        """The same for several windows of each filter: (N, windows, rows, per_stride) from (N, windows, K)."""
        weights = self.weights(ops.reshape(windows, (-1, windows.shape[-1])))
        return ops.reshape(weights, (windows.shape[0], -1, *weights.shape[1:]))


def _side(decimation: int) -> int:
    """Low-rate samples read before a window."""
    return 0 if decimation == 1 else SIDE


def _count(window: int, decimation: int) -> int:
    """J: low-rate samples from which a window is interpolated."""
    return window if decimation == 1 else -(-(window - 1) // decimation) + 1 + 2 * SIDE


def masked_windows(windows: Any, blocks: Blocks) -> Any:
    """Windows (N, K) as (N, 1 + edges, K): whole, then for each frame at an edge with what is outside masked."""
    framing = blocks.framing
    masks = [[True] * framing.window]
    masks += [framing.inside(i, num_samples=blocks.num_samples) for i in at_edges(blocks)]
    return windows[:, None] * constant(np.array(masks), windows)


def at_edges(blocks: Blocks) -> list[int]:
    """The frames of the clip whose windows reach outside it: some at its start, some at its end."""
    touches = blocks.framing.touches_edge
    return [i for i in range(blocks.num_frames) if touches(i, num_samples=blocks.num_samples)]


@lru_cache(maxsize=256)
def interpolation(window: int, decimation: int) -> np.ndarray:
    """Q, (K, J): the least-squares interpolation of samples 0 ... K - 1 from those at h (j - SIDE).

    |y|^2 of noise through a Gabor filter has the covariance exp(-d^2 / (2 sigma^2)), which is the prior here for a
    filter of sigma = 2 h. Wider ones are smoother; narrower ones have little more, which pooling does not see.
    """
    grid = decimation * (np.arange(-(-(window - 1) // decimation) + 1 + 2 * SIDE) - SIDE)
    covariance = _covariance(grid, grid, decimation) + 1e-10 * np.eye(len(grid))
    return np.linalg.solve(covariance, _covariance(grid, np.arange(window), decimation)).T


def _covariance(a: np.ndarray, b: np.ndarray, decimation: int) -> np.ndarray:
    return np.exp(-((a[:, None] - b[None, :]) ** 2) / (2.0 * (WIDTH * decimation) ** 2))
