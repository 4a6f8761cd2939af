"""The spectrum of real signals, continued over both its ends, and cuts out of it."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from keras import ops

from frontends.plan import SLICE_MARGIN, divisors

Complex = tuple[Any, Any]


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

    def full(self) -> Complex:
        """All bins, (buffers, length)."""
        return _continued(self.half, below=0, above=self.length - self.half[0].shape[1], length=self.length)

    def cut(self, mu: Any, *, bins: int) -> tuple[Complex, Any]:
        """`bins` bins around each centre mu [rad/sample], (buffers, N, bins), and the first of them, (N,).

        Gathered in blocks of bins, each contiguous in memory; a cut is off its centre by at most half a block.
        """
        block = max(size for size in divisors(bins) if size <= max(1, SLICE_MARGIN * bins))
        below = block * (-(-(bins // 2) // block) + 1)
        count = -(-(below + self.half[0].shape[1] + bins - bins // 2) // block) + 1
        start = ops.round((mu * (self.length / (2.0 * np.pi)) + (below - bins // 2)) / block)
        start = ops.cast(start, "int32")
        index = start[:, None] + np.arange(bins // block, dtype="int32")
        blocks = self.wide[:, :, self.below - below : self.below - below + count * block]
        cuts = ops.take(ops.reshape(blocks, (2, -1, count, block)), index, axis=2)
        cuts = ops.reshape(cuts, (2, -1, mu.shape[0], bins))
        return (cuts[0], cuts[1]), start * block - below


def _continued(half: Complex, *, below: int, above: int, length: int) -> Complex:
    """`below` more bins below zero and `above` more above the half spectrum, by its symmetry."""
    size = half[0].shape[1]

    def extend(part: Any, sign: float) -> Any:
        low = ops.flip(part[:, 1 : below + 1], axis=1) * sign
        high = ops.flip(part[:, length - size - above + 1 : length - size + 1], axis=1) * sign
        return ops.concatenate([low, part, high], axis=1)

    return extend(half[0], 1.0), extend(half[1], -1.0)
