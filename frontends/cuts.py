"""Cuts out of a spectrum, of two kinds, each a linear map and its transpose; they know shapes alone."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from keras import ops

from frontends.pairs import Pair, mirrored, side_by_side


@dataclass(frozen=True)
class WholeCut:
    """All bins of the circle, -(length // 2) ..., from the bins 0 ... length // 2 of real signals."""

    length: int

    def take(self, source: Pair, start: Any) -> Pair:  # noqa: ARG002 - there is one place
        """(1, buffers, length) from (buffers, length // 2 + 1)."""
        positive = (self.length + 1) // 2
        negative = mirrored(source, first=1, last=self.length // 2)
        real, imag = side_by_side(negative, (source[0][:, :positive], source[1][:, :positive]))
        return real[None], imag[None]

    def transpose(self, d_cut: Pair, start: Any) -> Pair:  # noqa: ARG002
        """From the gradient of the cut, that of the source."""
        size, below, positive = self.length // 2 + 1, self.length // 2, (self.length + 1) // 2
        negative = mirrored((d_cut[0][0, :, :below], d_cut[1][0, :, :below]), first=0, last=below - 1)
        real, imag = (
            ops.pad(part[0, :, below:], ((0, 0), (0, size - positive))) + ops.pad(other, ((0, 0), (1, 0)))
            for part, other in zip(d_cut, negative, strict=True)
        )
        return real, imag


@dataclass(frozen=True)
class BlockCut:
    """Cuts of `bins` bins that begin at a block, one a filter.

    Attributes:
      bins: of a cut.
      block: bins in a block, each contiguous in memory.
      first: the bin of the source at which block 0 begins.
      count: blocks from there on.
      size: bins of the source.
    """

    bins: int
    block: int
    first: int
    count: int
    size: int

    def take(self, source: Pair, start: Any) -> Pair:
        """(N, buffers, bins) from (buffers, size), for the first block of each filter, (N,)."""
        end = self.first + self.count * self.block
        index = self._index(start, ops.shape(source[0])[0])
        blocks = (ops.reshape(part[:, self.first : end], (-1, self.block)) for part in source)
        real, imag = (ops.reshape(ops.take(each, index, axis=0), (start.shape[0], -1, self.bins)) for each in blocks)
        return real, imag

    def transpose(self, d_cut: Pair, start: Any) -> Pair:
        """From the gradient of the cut, that of the source."""
        buffers = ops.shape(d_cut[0])[1]
        index, after = self._index(start, buffers), self.size - self.first - self.count * self.block
        blocks = (ops.reshape(part, (-1, self.block)) for part in d_cut)
        sums = (ops.segment_sum(each, index, num_segments=buffers * self.count) for each in blocks)
        parts = (ops.reshape(each, (-1, self.count * self.block)) for each in sums)
        real, imag = (ops.pad(each, ((0, 0), (self.first, after))) for each in parts)
        return real, imag

    def _index(self, start: Any, buffers: Any) -> Any:
        # A centre that is no number has a start that is anywhere; its features are NaN, not an error of indices.
        start = ops.clip(ops.cast(start, "int32"), 0, self.count - self.bins // self.block)
        rows = ops.cast(ops.arange(buffers), "int32") * np.int32(self.count)
        index = start[:, None, None] + rows[None, :, None] + np.arange(self.bins // self.block, dtype="int32")
        return ops.reshape(index, (-1,))
