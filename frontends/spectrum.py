"""The spectrum of real signals, continued over both its ends, and cuts out of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from keras import ops

from frontends.plan import SLICE_MARGIN, divisors
from frontends.response import constant

Complex = tuple[Any, Any]
OFF_TIES = 0.01  # of a block


@dataclass(frozen=True)
class Spectrum:
    """Spectra of buffers of `length` samples.

    Attributes:
      half: bins 0 ... length // 2, real and imaginary, each (buffers, bins).
      wide: the same, continued over both ends and stacked, (2, buffers, bins).
      below: bins of `wide` below zero.
      length: samples in a buffer, the number of bins of the whole circle.
    """

    half: Complex
    wide: Any
    below: int
    length: int

    @classmethod
    def of(cls, buffers: Any, *, bins: int) -> "Spectrum":
        """The spectrum of real buffers (buffers, length), for cuts of at most `bins` bins around any centre."""
        half, length = ops.rfft(buffers), buffers.shape[1]
        beyond = bins // 2 + 3 * max(1, int(SLICE_MARGIN * bins)) + 1
        wide = ops.stack(_continued(half, below=beyond, above=beyond, length=length))
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

    def cut(self, start: Any, *, bins: int) -> Complex:
        """The cuts of `bins` bins that `place` has placed, (buffers, N, bins); (buffers, 1, length) for all bins."""
        if bins == self.length:
            low, size = (bins + 1) // 2, bins // 2
            real, imag = ([part[:, :low], ops.flip(part[:, 1 : size + 1], axis=1)] for part in self.half)
            whole = ops.concatenate([real[1], real[0]], axis=1), ops.concatenate([-imag[1], imag[0]], axis=1)
            return whole[0][:, None], whole[1][:, None]
        block, below = _blocks_of(bins)
        count = -(-(below + self.half[0].shape[1] + bins - bins // 2) // block) + 1
        blocks = self.wide[:, :, self.below - below : self.below - below + count * block]
        # A centre that is no number has a start that is anywhere; its features are NaN, not an error of indices.
        start = ops.clip(start, 0, count - bins // block)
        index = start[:, None] + np.arange(bins // block, dtype="int32")
        cuts = ops.take(ops.reshape(blocks, (2, -1, count, block)), index, axis=2)
        cuts = ops.reshape(cuts, (2, -1, start.shape[0], bins))
        return cuts[0], cuts[1]


def _blocks_of(bins: int) -> tuple[int, int]:
    """Bins in a block, and bins below zero, in whole blocks, that cuts of `bins` bins may need."""
    block = max(size for size in divisors(bins) if size <= max(1, SLICE_MARGIN * bins))
    return block, block * (-(-(bins // 2) // block) + 1)


def _continued(half: Complex, *, below: int, above: int, length: int) -> Complex:
    """`below` more bins below zero and `above` more above the half spectrum, by its symmetry."""
    size = half[0].shape[1]

    def extend(part: Any, sign: float) -> Any:
        low = ops.flip(part[:, 1 : below + 1], axis=1) * sign
        high = ops.flip(part[:, length - size - above + 1 : length - size + 1], axis=1) * sign
        return ops.concatenate([low, part, high], axis=1)

    return extend(half[0], 1.0), extend(half[1], -1.0)
