"""FIR filters at the full rate whose outputs are pooled at once: no tensor of all of them exists for a long clip.

A clip is cut into hops of S samples, a hop into Q parts of P, and the K + P - 1 samples that a part's outputs depend on
are one column of a matrix product with the kernels, shifted by 0 ... P - 1. Matrix products are fast, forward and
backward, on every backend, compiled or not, where convolutions of hundreds of taps are not. Above `LARGEST` numbers
the frames are computed in pieces, and again in the backward pass.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import ops

from frontends.framing import Framing, overlapping, resized
from frontends.pooling import MaxPooling

LARGEST = 2**25  # numbers in the full-rate tensor of a single piece: 128 MiB
PIECE = 2**23  # numbers in that of each of several
_USUAL_BATCH = 64  # taken for an unknown one
_LOWEST = float(np.finfo("float32").min)


@dataclass(frozen=True)
class _Grid:
    """K taps and a window of K, S samples a hop, Q parts of P samples a hop, J hops a window."""

    taps: int
    stride: int
    parts: int
    size: int
    spanned: int

    @classmethod
    def of(cls, framing: Framing) -> "_Grid":
        """Parts of about sqrt(6 S) samples: neither product, with kernels or with windows, is much larger than need."""
        parts = max(1, round(math.sqrt(framing.stride / 6)))
        spanned = -(-framing.window // framing.stride)
        return cls(framing.window, framing.stride, parts, -(-framing.stride // parts), spanned)

    @property
    def reach(self) -> int:
        """Samples that the outputs of a part depend on."""
        return self.taps + self.size - 1

    @property
    def hop(self) -> int:
        """Samples that the outputs of a hop depend on."""
        return self.parts * self.size + self.taps - 1

    def offsets(self) -> np.ndarray:
        """Places of the outputs in their hop, (P, Q); places >= S belong to the next hop."""
        return np.arange(self.size)[:, None] + self.size * np.arange(self.parts)[None, :]


def pooled_filters(
    waveform: Any,
    *,
    kernels: Sequence[Any],
    rectify: Callable[..., Any],
    pooling: keras.layers.Layer,
    framing: Framing,
) -> Any:
    """Frames (batch, frames, N): the pooling of rectify(y_0, y_1, ...), y_c being kernels[c] correlated with the clip.

    Args:
      waveform: (batch, samples).
      kernels: each (N, K); y_c[n, t] = sum_k kernels[c][n, k] x(t + k - (K - 1) // 2), x zero outside the clip.
      rectify: from the y_c at the full rate, elementwise, to what is pooled.
      pooling: a layer with `windows` (N, K), or `MaxPooling`; takes nothing from outside the clip.
      framing: of the pooling.
    """
    grid, num_filters = _Grid.of(framing), kernels[0].shape[0]
    batch, samples = ops.shape(waveform)
    frames = framing.num_frames(samples)
    if isinstance(frames, int) and frames == 0:
        return ops.zeros((batch, 0, num_filters), waveform.dtype)
    matrices = [_shifted(ops.cast(kernel, waveform.dtype), grid) for kernel in kernels]
    if isinstance(pooling, MaxPooling):
        weights = ops.zeros((), waveform.dtype)
    else:
        weights = _by_hop(ops.cast(pooling.windows(), waveform.dtype), grid)
    many, pieces = _pieces(waveform, num_filters=num_filters, frames=frames)
    lead = framing.lead(samples)
    hops = many + grid.spanned - 1

    def piece(clips: Any, start: Any, weights: Any, *matrices: Any) -> Any:
        columns = _columns(clips, grid, hops=hops)
        shape = (num_filters, grid.size, ops.shape(clips)[0], hops, grid.parts)
        outputs = ops.reshape(rectify(*[ops.matmul(matrix, columns) for matrix in matrices]), shape)
        places = start + ops.reshape(ops.arange(hops) * grid.stride, (1, -1, 1)) + grid.offsets()[:, None, :]
        inside = ops.logical_and(places >= 0, places < samples)[:, None]
        if isinstance(pooling, MaxPooling):
            return _maxima(outputs, inside, grid, frames=many)
        return _sums(outputs * ops.cast(inside, outputs.dtype), weights, grid, frames=many)

    # The clip from the first sample of the first frame's first output to the last sample of the last one's.
    before = lead + (grid.taps - 1) // 2
    step = many * grid.stride
    length = (hops - 1) * grid.stride + grid.hop
    padded = ops.concatenate([ops.zeros((batch, before), waveform.dtype), waveform], axis=1)
    if pieces == 1:
        clips = resized(padded, length)
        return piece(clips, -lead, weights, *matrices)
    cut = ops.transpose(overlapping(padded, count=pieces, length=length, stride=step), (1, 0, 2))
    starts = ops.arange(pieces) * step - lead
    again = keras.remat(piece)
    pooled = ops.map(lambda each: again(each[0], each[1], weights, *matrices), (cut, starts))
    pooled = ops.reshape(ops.transpose(pooled, (1, 0, 2, 3)), (batch, pieces * many, num_filters))
    return pooled[:, :frames]


def _pieces(waveform: Any, *, num_filters: int, frames: Any) -> tuple[Any, int]:
    """Frames of a piece, and how many pieces: several where the full-rate tensor of one would be large."""
    batch, samples = waveform.shape
    if samples is None:
        return frames, 1
    numbers = (batch or _USUAL_BATCH) * samples * num_filters
    many = frames if numbers <= LARGEST else max(1, frames * PIECE // numbers)
    return many, -(-frames // many)


def _columns(clips: Any, grid: _Grid, *, hops: Any) -> Any:
    """(K + P - 1, batch * hops * Q): the samples behind each part."""
    cut = overlapping(clips, count=hops, length=grid.hop, stride=grid.stride)
    cut = overlapping(ops.reshape(cut, (-1, grid.hop)), count=grid.parts, length=grid.reach, stride=grid.size)
    return ops.transpose(ops.reshape(cut, (-1, grid.reach)))


def _shifted(kernel: Any, grid: _Grid) -> Any:
    """(N * P, K + P - 1): row n P + p is kernel n, from column p on."""
    tap = np.arange(grid.reach)[None, :] - np.arange(grid.size)[:, None]
    tap = np.where((tap >= 0) & (tap < grid.taps), tap, grid.taps)
    shifted = ops.take(ops.pad(kernel, ((0, 0), (0, 1))), tap.ravel(), axis=1)
    return ops.reshape(shifted, (-1, grid.reach))


def _by_hop(windows: Any, grid: _Grid) -> Any:
    """Windows (N, K) as (N, J * Q, P), zero behind their ends."""
    hops = ops.pad(windows, ((0, 0), (0, grid.spanned * grid.stride - grid.taps)))
    hops = ops.reshape(hops, (-1, grid.spanned, grid.stride))
    hops = ops.pad(hops, ((0, 0), (0, 0), (0, grid.parts * grid.size - grid.stride)))
    return ops.reshape(hops, (-1, grid.spanned * grid.parts, grid.size))


def _sums(outputs: Any, weights: Any, grid: _Grid, *, frames: Any) -> Any:
    """(batch, frames, N): sums of outputs (N, P, batch, hops, Q) under windows."""
    num_filters, _, batch, hops, _ = ops.shape(outputs)
    sums = ops.matmul(weights, ops.reshape(outputs, (num_filters, grid.size, -1)))
    # Every part met the weights of every part: its own count.
    sums = ops.reshape(sums, (num_filters, grid.spanned, grid.parts, -1, grid.parts))
    own = ops.cast(np.eye(grid.parts)[:, None, :], sums.dtype)
    sums = ops.reshape(ops.sum(sums * own, axis=(2, 4)), (num_filters, grid.spanned, batch, hops))
    return ops.transpose(sum(sums[:, hop, :, hop : hop + frames] for hop in range(grid.spanned)), (1, 2, 0))


def _maxima(outputs: Any, inside: Any, grid: _Grid, *, frames: Any) -> Any:
    """(batch, frames, N): maxima of outputs (N, P, batch, hops, Q) over windows."""
    num_filters, _, batch, hops, _ = ops.shape(outputs)

    def over_first(samples: int) -> Any:
        wanted = ops.logical_and(inside, (grid.offsets() < samples)[:, None, None])
        rows = ops.reshape(ops.where(wanted, outputs, _LOWEST), (num_filters, grid.size, -1))
        rows = ops.reshape(_pooled_away(rows), (-1, grid.parts, 1))
        return ops.reshape(_pooled_away(rows), (num_filters, batch, hops))

    last = grid.spanned - 1
    maxima = over_first(grid.taps - last * grid.stride)[:, :, last : last + frames]
    if last:
        whole = over_first(grid.stride)
        for hop in range(last):
            maxima = ops.maximum(maxima, whole[:, :, hop : hop + frames])
    return ops.transpose(maxima, (1, 2, 0))


def _pooled_away(values: Any) -> Any:
    """(rows, columns): maxima over the middle axis.

    The gradient of `ops.max` looks for values equal to the maximum; where XLA rounds the two differently it finds none.
    """
    return ops.max_pool(values, values.shape[1], strides=1, padding="valid", data_format="channels_last")[:, 0]
