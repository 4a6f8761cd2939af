"""Windows at a low rate: weights that pool |y|^2, known at 1 / h of the rate, as if it were known at every sample.

A frame is sum_k w(k) q(k) over the K samples of its window. From q at 1 / h of the rate, the same sum is
sum_j (w Q)(j) q(h j): Q interpolates the K samples from the low-rate ones. Nothing is rescaled, so the learned
width keeps its meaning, and any w may be used, also one that is cut off at the edge of the clip.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from keras import ops

from frontends.blocks import Blocks
from frontends.response import constant

SIDE = 6  # low-rate samples read on each side of a window
WIDTH = 2.0  # sigma over h that the interpolation is made for


@dataclass(frozen=True)
class Edge:
    """Frames of one buffer whose windows reach outside the clip.

    Attributes:
      block: the buffer's position in its clip.
      frames: positions in the buffer, neighbours.
      position: of the first of them among the whole window and all edges, see `masked_windows`.
      row: the first stride that they read.
      rows: strides that they read.
    """

    block: int
    frames: tuple[int, ...]
    position: int
    row: int
    rows: int


@dataclass(frozen=True)
class LowRate:
    """How the frames of `blocks` are pooled at 1 / `decimation` of the rate."""

    blocks: Blocks
    decimation: int

    @property
    def per_stride(self) -> int:
        """Low-rate samples in a stride."""
        return self.blocks.framing.stride // self.decimation

    @property
    def side(self) -> int:
        """Low-rate samples read before a window."""
        return 0 if self.decimation == 1 else SIDE

    @property
    def ahead(self) -> int:
        """Strides read before the one in which a window starts."""
        return -(-self.side // self.per_stride)

    @property
    def first_row(self) -> int:
        """The first stride that the first frame of a buffer reads."""
        return self.blocks.lead - self.ahead

    @property
    def spanned(self) -> int:
        """Strides that a frame reads."""
        return self.ahead + -(-(self._count - self.side) // self.per_stride)

    @property
    def _count(self) -> int:
        """J: low-rate samples from which a window is interpolated."""
        window = self.blocks.framing.window
        return window if self.decimation == 1 else -(-(window - 1) // self.decimation) + 1 + 2 * SIDE

    def operator(self, like: Any) -> Any:
        """Q in strides, (K, spanned * per_stride), in the dtype of `like`: for windows w, w Q are the weights."""
        window = self.blocks.framing.window
        operator = np.eye(window) if self.decimation == 1 else interpolation(window, self.decimation)
        return constant(np.pad(operator, ((0, 0), self._padding())), like)

    def full_rate_weights(self, windows: Any) -> Any:
        """The weights at the full rate, (N, spanned * per_stride), where Q is the identity."""
        return ops.pad(windows, ((0, 0), self._padding()))

    def _padding(self) -> tuple[int, int]:
        front = self.ahead * self.per_stride - self.side
        return front, self.spanned * self.per_stride - front - self._count

    def edges(self) -> list[Edge]:
        """The frames whose windows reach outside the clip, buffer by buffer and neighbours together."""
        runs: list[list[int]] = []
        for frame in at_edges(self.blocks):
            if runs and runs[-1][-1] == frame - 1 and frame % self.blocks.frames:
                runs[-1].append(frame)
            else:
                runs.append([frame])
        positions = np.cumsum([1, *(len(run) for run in runs)]).tolist()
        return [self._edge(run, position) for run, position in zip(runs, positions[:-1], strict=True)]

    def _edge(self, run: list[int], position: int) -> Edge:
        local = tuple(frame % self.blocks.frames for frame in run)
        row = self.first_row + local[0]
        return Edge(run[0] // self.blocks.frames, local, position, row, len(run) - 1 + self.spanned)

    def edge_weights(self, edge: Edge, weights: Any) -> Any:
        """Weights of an edge's frames over all rows that they read, (N, frames, rows * per_stride).

        From all weights, (N, 1 + edges, spanned * per_stride).
        """
        size = weights.shape[-1]
        columns = []
        for i in range(len(edge.frames)):
            before = i * self.per_stride
            after = edge.rows * self.per_stride - before - size
            columns.append(ops.pad(weights[:, edge.position + i], ((0, 0), (before, after))))
        return ops.stack(columns, axis=1)

    def edge_weights_gradient(self, edge: Edge, d_weights: Any) -> Any:
        """The transpose of `edge_weights`, (N, frames, spanned * per_stride)."""
        size = self.spanned * self.per_stride
        starts = [i * self.per_stride for i in range(len(edge.frames))]
        return ops.stack([d_weights[:, i, start : start + size] for i, start in enumerate(starts)], axis=1)


def last_axis(values: Any, matrix: Any) -> Any:
    """values (..., a) times matrix (a, b)."""
    product = ops.matmul(ops.reshape(values, (-1, values.shape[-1])), matrix)
    return ops.reshape(product, (*values.shape[:-1], matrix.shape[1]))


def masked_windows(windows: Any, blocks: Blocks) -> Any:
    """Windows (N, K) as (N, 1 + edges, K): whole, then for each frame at an edge with what is outside masked."""
    framing = blocks.framing
    masks = [[True] * framing.window]
    masks += [framing.inside(i, num_samples=blocks.num_samples) for i in at_edges(blocks)]
    return windows[:, None] * constant(np.array(masks), windows)


def at_edges(blocks: Blocks) -> list[int]:
    """The frames of the clip whose windows reach outside it."""
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
