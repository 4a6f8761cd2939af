"""How a clip is laid into FFT buffers: one for a short clip, overlapping ones for a long one.

Every buffer has a whole number of strides. The window of its local frame i starts at sample (lead + i) S of the
buffer, so that each low rate whose decimation divides S meets every window at its start. What a frame reads,
`reach` samples on either side of its window included, lies inside the buffer, and no kernel reaches around the
buffer's ends into what it should not see.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from keras import ops

from frontends.framing import Framing, overlapping, resized, smooth_length

BUFFER_SAMPLES = 32768
LONG_SAMPLES = 2**19  # in a clip's buffers, beyond which memory counts for more than a few per cent of time


@dataclass(frozen=True)
class Blocks:
    """The layout for clips of one length.

    Attributes:
      framing: window and stride.
      num_samples: T; an integer, or a symbolic one where it is known only at run time.
      count: number of buffers of a clip.
      frames: frames that each buffer yields.
      lead: strides in a buffer before the window of its first frame.
      strides: strides in a buffer.
    """

    framing: Framing
    num_samples: Any
    count: Any
    frames: int
    lead: int
    strides: int

    @property
    def length(self) -> int:
        """Samples in a buffer."""
        return self.strides * self.framing.stride

    @property
    def is_long(self) -> bool:
        """Whether what a graph might compute early is held back until it is needed."""
        return self.count * self.length > LONG_SAMPLES

    @property
    def num_frames(self) -> Any:
        """Frames of a clip."""
        return self.framing.num_frames(self.num_samples)

    def start(self) -> Any:
        """Position of the clip's first sample in its first buffer."""
        return self.lead * self.framing.stride + self.framing.lead(self.num_samples)

    def cut(self, waveform: Any) -> Any:
        """(batch, T) to (batch * count, length)."""
        batch = ops.shape(waveform)[0]
        # Even kernels look one sample ahead.
        before = self.start() - (1 - self.framing.window % 2)
        padded = ops.concatenate([ops.zeros((batch, before), waveform.dtype), waveform], axis=1)
        if self._single():
            return resized(padded, self.length)
        hop = self.frames * self.framing.stride
        return ops.reshape(overlapping(padded, count=self.count, length=self.length, stride=hop), (-1, self.length))

    def inside(self, dtype: str) -> Any:
        """1 where a sample of a buffer lies inside the clip, else 0; (count, length)."""
        hop = self.frames * self.framing.stride
        time = ops.arange(self.count)[:, None] * hop + (np.arange(self.length)[None, :] - self.start())
        return ops.cast(ops.logical_and(time >= 0, time < self.num_samples), dtype)

    def join(self, frames: Any) -> Any:
        """(N, batch * count, frames) to (N, batch, frames of the clip)."""
        if self._single():
            return frames
        return ops.reshape(frames, (frames.shape[0], -1, self.count * self.frames))[:, :, : self.num_frames]

    def split(self, frames: Any) -> Any:
        """The transpose of `join`, (N, batch * count, frames), with zeros after the clip's end."""
        if self._single():
            return frames
        after = ops.zeros((*ops.shape(frames)[:2], self.count * self.frames - self.num_frames), frames.dtype)
        return ops.reshape(ops.concatenate([frames, after], axis=2), (frames.shape[0], -1, self.frames))

    def _single(self) -> bool:
        return isinstance(self.count, int) and self.count == 1


def lay_out(framing: Framing, *, num_samples: Any, reach: int) -> Blocks:
    """The layout for clips of `num_samples`, when low-rate interpolation reads `reach` samples around a window."""
    if isinstance(num_samples, int):
        single = _single(framing, num_samples, reach)
        if single.length <= 1.25 * BUFFER_SAMPLES:
            return single
    return _several(framing, num_samples, reach)


def _single(framing: Framing, num_samples: int, reach: int) -> Blocks:
    half, stride = framing.window // 2 + 1, framing.stride
    # An even kernel looks one sample ahead, so that the clip must not begin at sample 0.
    frames, lead = framing.num_frames(num_samples), -(-(reach + 1 - framing.window % 2) // stride)
    last = (lead + frames - 1) * stride + framing.window + reach
    start = lead * stride + framing.lead(num_samples)
    # Zeros separate the clip's end from what is read at the buffer's start, and the last read from the clip's start.
    needed = max(last, last + half - start, start + num_samples + half)
    return Blocks(framing, num_samples, 1, frames, lead, smooth_length(-(-needed // stride)))


def _several(framing: Framing, num_samples: Any, reach: int) -> Blocks:
    stride, margin = framing.stride, framing.window // 2 + 1 + reach
    lead = -(-margin // stride)
    overhead = lead - 1 + -(-(framing.window + margin) // stride)
    strides = smooth_length(max(-(-BUFFER_SAMPLES // stride), 5 * overhead))
    frames = strides - overhead
    count = (framing.num_frames(num_samples) + frames - 1) // frames
    return Blocks(framing, num_samples, count, frames, lead, strides)
