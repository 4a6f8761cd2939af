"""The spectrum of real signals, continued over both its ends, and cuts out of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from keras import ops

from frontends.cuts import BlockCut, WholeCut
from frontends.pairs import Pair, mirrored, side_by_side
from frontends.plan import SLICE_MARGIN, divisors
from frontends.response import constant

OFF_TIES = 0.01  # of a block


@dataclass(frozen=True)
class Spectrum:
    """Spectra of buffers of `length` samples.

    Attributes:
      half: bins 0 ... length // 2, (buffers, bins).
      wide: the same, continued over both ends.
      below: bins of `wide` below zero.
      length: samples in a buffer, the number of bins of the whole circle.
    """

    half: Pair
    wide: Pair
    below: int
    length: int

    @classmethod
    def of(cls, buffers: Any, *, bins: int) -> "Spectrum":
        """The spectrum of real buffers (buffers, length), for cuts of at most `bins` bins around any centre."""
        half, length = ops.rfft(buffers), buffers.shape[1]
        beyond = bins // 2 + 3 * max(1, int(SLICE_MARGIN * bins)) + 1
        wide = _continued(half, below=beyond, above=beyond, length=length)
        return cls(half, wide, beyond, length)

    def place(self, mu: Any, *, bins: Sequence[int]) -> tuple[Any, Any]:
        """Where cuts of bins[n] bins around the centres mu [rad/sample], (N,), lie: first block and middle bin, (N,).

        Cuts are gathered in blocks of bins, each contiguous in memory; one is off its centre by at most half a block.
        """
        block, below, half = np.transpose([(*_blocks_of(size), size // 2) for size in bins])
        # Initial centres are often halfway between two blocks; where rounding goes must not depend on the backend.
        offset = constant(below - half + OFF_TIES * block, mu)
        start = ops.round((mu * (self.length / (2.0 * np.pi)) + offset) / constant(block, mu))
        start = ops.cast(start, "int32") * np.int32(np.array(bins) < self.length)
        return start, start * np.int32(block) + np.int32(np.where(np.array(bins) < self.length, half - below, 0))

    def circle(self) -> Pair:
        """All bins, -(length // 2) ..., (buffers, length)."""
        real, imag = WholeCut(self.length).take(self.half, None)
        return real[0], imag[0]

    def cut(self, bins: int) -> tuple[WholeCut | BlockCut, Pair]:
        """How cuts of that many bins are taken, and what from; for all bins there is one cut for all filters."""
        if bins == self.length:
            return WholeCut(self.length), self.half
        block, below = _blocks_of(bins)
        count = -(-(below + self.length // 2 + 1 + bins - bins // 2) // block) + 1
        return BlockCut(bins, block, self.below - below, count, self.wide[0].shape[1]), self.wide


def _blocks_of(bins: int) -> tuple[int, int]:
    """Bins in a block, and bins below zero, in whole blocks, that cuts of `bins` bins may need."""
    block = max(size for size in divisors(bins) if size <= max(1, SLICE_MARGIN * bins))
    return block, block * (-(-(bins // 2) // block) + 1)


def _continued(half: Pair, *, below: int, above: int, length: int) -> Pair:
    """`below` more bins below zero and `above` more above the half spectrum, by its symmetry."""
    top = length // 2
    low = mirrored(half, first=1, last=below)
    high = mirrored(half, first=length - top - above, last=length - top - 1)
    return side_by_side(low, half, high)
