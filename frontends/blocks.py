"""How a clip is laid into FFT buffers: one for a short clip, overlapping ones for a long one.

Every buffer has `length` samples, a whole number of strides. The window of its local frame i starts at sample
(lead + i) S of the buffer, so that each low rate whose decimation divides S meets every window at its start.
Buffers are circular: what is read before sample 0 is at the end.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from keras import ops

from frontends.framing import Framing, smooth_length

BUFFER_SAMPLES = 32768


@dataclass(frozen=True)
class Blocks:
    """The layout for clips of one length.

    Attributes:
      framing: window and stride.
      num_samples: T; an integer, or a symbolic one where it is known only at run time.
      count: number of buffers of a clip.
      frames: frames that each buffer yields.
      lead: strides in a buffer before the window of its first frame; may be negative.
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
    def num_frames(self) -> Any:
        """Frames of a clip."""
        return self.framing.num_frames(self.num_samples)

    def start(self) -> Any:
        """Zeros in front of the clip in its first buffer; even kernels look one sample ahead."""
        ahead = 1 - self.framing.window % 2
        return self.lead * self.framing.stride + self.framing.lead(self.num_samples) - ahead

    def cut(self, waveform: Any) -> Any:
        """(batch, T) to (batch * count, length)."""
        batch = ops.shape(waveform)[0]
        hop, before = self.frames * self.framing.stride, self.start()
        total = (self.count - 1) * hop + self.length
        # The last buffer may end before the clip's last samples: no window reaches them.
        waveform = waveform[:, : total - before]
        after = total - before - ops.shape(waveform)[1]
        zeros = [ops.zeros((batch, n), waveform.dtype) for n in (before, after)]
        padded = ops.concatenate([zeros[0], waveform, zeros[1]], axis=1)
        if isinstance(self.count, int) and self.count == 1:
            return padded
        cut = ops.extract_sequences(padded, sequence_length=self.length, sequence_stride=hop)
        return ops.reshape(cut, (-1, self.length))

    def inside(self, dtype: str) -> Any:
        """1 where a sample of a buffer lies inside the clip, else 0; (count, length)."""
        hop = self.frames * self.framing.stride
        first = self.lead * self.framing.stride + self.framing.lead(self.num_samples)
        time = ops.arange(self.count)[:, None] * hop + (np.arange(self.length)[None, :] - first)
        if isinstance(self.count, int) and self.count == 1:
            time = time % self.length
        return ops.cast(ops.logical_and(time >= 0, time < self.num_samples), dtype)

    def join(self, frames: Any) -> Any:
        """(batch * count, N, frames) to (batch, N, frames of the clip)."""
        if isinstance(self.count, int) and self.count == 1:
            return frames
        filters = frames.shape[1]
        joined = ops.transpose(ops.reshape(frames, (-1, self.count, filters, self.frames)), (0, 2, 1, 3))
        return ops.reshape(joined, (-1, filters, self.count * self.frames))[:, :, : self.num_frames]


def lay_out(framing: Framing, *, num_samples: Any, reach: int) -> Blocks:
    """The layout for clips of `num_samples`, when low-rate interpolation reads `reach` samples around a window."""
    if isinstance(num_samples, int):
        single = _single(framing, num_samples, reach)
        if single.length <= 1.25 * BUFFER_SAMPLES:
            return single
    return _several(framing, num_samples, reach)


def _single(framing: Framing, num_samples: int, reach: int) -> Blocks:
    half, stride = framing.window // 2 + 1, framing.stride
    frames, lead = framing.num_frames(num_samples), framing.lead(num_samples)
    last = (frames - 1) * stride + framing.window + reach - lead  # times are relative to the clip
    needed = max(num_samples + stride, last + half, num_samples + half + lead + reach)
    ahead = 1 - framing.window % 2
    return Blocks(framing, num_samples, 1, frames, -((lead - ahead) // stride), smooth_length(-(-needed // stride)))


def _several(framing: Framing, num_samples: Any, reach: int) -> Blocks:
    stride, margin = framing.stride, framing.window // 2 + 1 + reach
    lead = -(-margin // stride)
    overhead = lead - 1 + -(-(framing.window + margin) // stride)
    strides = smooth_length(max(-(-BUFFER_SAMPLES // stride), 5 * overhead))
    frames = strides - overhead
    count = (framing.num_frames(num_samples) + frames - 1) // frames
    return Blocks(framing, num_samples, count, frames, lead, strides)
