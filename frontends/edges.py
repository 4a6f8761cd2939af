"""Frames at the edges of a clip, pooled inside it: products of the strides that they read with weights of their own."""

from dataclasses import dataclass
from typing import Any

from keras import ops

from frontends.lowrate import LowRate, at_edges
from frontends.overlap import power_gradient


@dataclass(frozen=True)
class Region:
    """Strides, among those of all buffers of a clip, that neighbouring frames at an edge read.

    Attributes:
      begin: the first of them.
      end: the one behind the last.
      frames: positions of the frames among all at edges, and the first stride that each reads.
    """

    begin: int
    end: int
    frames: tuple[tuple[int, int], ...]

    def weights(self, weights: Any) -> Any:
        """Weights of the frames for all samples of the region, (N, frames, samples).

        From those of the whole window and of each edge, (N, 1 + edges, rows, per_stride).
        """
        rows, padded = weights.shape[2], []
        for i, first in self.frames:
            padding = ((0, 0), (first - self.begin, self.end - first - rows), (0, 0))
            padded.append(ops.reshape(ops.pad(weights[:, 1 + i], padding), (weights.shape[0], 1, -1)))
        return ops.concatenate(padded, axis=1)


def regions(rate: LowRate) -> list[Region]:
    """Those at the clip's start and at its end, or one where they overlap."""
    found: list[Region] = []
    for i, frame in enumerate(at_edges(rate.blocks)):
        block, local = divmod(frame, rate.blocks.frames)
        first = block * rate.blocks.strides + rate.first_row + local
        region = Region(first, first + rate.span.rows, ((i, first),))
        if found and first < found[-1].end:
            before = found.pop()
            region = Region(before.begin, region.end, before.frames + region.frames)
        found.append(region)
    return found


def edge_frames(power: Any, weights: list[Any], rate: LowRate) -> Any:
    """The frames at the beginning of each clip's strides, and zeros behind, (N, 1, buffers * strides).

    Power is (N, buffers, samples); weights are those of each region.
    """
    pairs = zip(_read(power, rate), weights, strict=True)
    frames = ops.concatenate([ops.matmul(each, ops.transpose(weight, (0, 2, 1))) for each, weight in pairs], axis=2)
    behind = rate.blocks.count * rate.blocks.strides - frames.shape[2]
    return ops.reshape(ops.pad(frames, ((0, 0), (0, 0), (0, behind))), (power.shape[0], 1, -1))


def edge_weights_gradient(power: Any, d_last: Any, rate: LowRate) -> list[Any]:
    """Gradients of the weights of each region, from that of what `edge_frames` gives."""
    pairs = zip(_d_frames(d_last, rate), _read(power, rate), strict=True)
    return [ops.matmul(ops.transpose(d_frames, (0, 2, 1)), read) for d_frames, read in pairs]


def all_power_gradient(d_sums: Any, main: Any, weights: list[Any], rate: LowRate) -> Any:
    """Gradient of the power, (N, buffers, samples), from that of all sums, (N, rows + 1, buffers * strides).

    The strides of the regions are computed apart, so that adding to them does not copy all the others.
    """
    filters, rows, whole = main.shape[0], rate.span.rows, rate.blocks.count * rate.blocks.strides
    inner = ops.reshape(d_sums[:, :-1], (filters, rows, -1, whole))

    def between(begin: int, end: int) -> Any:
        part = ops.reshape(inner[:, :, :, begin:end], (filters, rows, -1))
        return power_gradient(part, main, samples=(end - begin) * rate.per_stride)

    pieces, done = [], 0
    for region, d_frames, weight in zip(regions(rate), _d_frames(d_sums[:, -1:], rate), weights, strict=True):
        pieces += [(done, region.begin, None), (region.begin, region.end, ops.matmul(d_frames, weight))]
        done = region.end
    pieces.append((done, whole, None))
    found = [(between(begin, end), share) for begin, end, share in pieces if begin < end]
    d_power = ops.concatenate([part if share is None else part + share for part, share in found], axis=2)
    return ops.reshape(d_power, (filters, -1, rate.blocks.strides * rate.per_stride))


def _read(power: Any, rate: LowRate) -> list[Any]:
    """The power of each region, (N, batch, samples)."""
    size = rate.per_stride
    by_clip = ops.reshape(power, (power.shape[0], -1, rate.blocks.count * rate.blocks.strides * size))
    return [by_clip[:, :, region.begin * size : region.end * size] for region in regions(rate)]


def _d_frames(last: Any, rate: LowRate) -> list[Any]:
    """The part of each region in what `edge_frames` gives, (N, batch, frames)."""
    by_clip = ops.reshape(last, (last.shape[0], -1, rate.blocks.count * rate.blocks.strides))
    ends = [region.frames[-1][0] + 1 for region in regions(rate)]
    return [by_clip[:, :, end - len(region.frames) : end] for region, end in zip(regions(rate), ends, strict=True)]
