"""Windows and strides: the one place where milliseconds become samples, and frames are counted."""

from dataclasses import dataclass
from typing import Any, Literal

from keras import ops


@dataclass(frozen=True)
class Framing:
    """Frames of `window` samples every `stride` samples.

    Attributes:
      window: samples K in a window; LEAF's kernels and pooling windows have this length.
      stride: samples S between frames.
      padding: "same", zeros around the clip so that every hop has its frame, or "valid", whole windows only.
    """

    window: int
    stride: int
    padding: Literal["same", "valid"] = "same"

    @classmethod
    def from_ms(
        cls, *, sample_rate: int, window_ms: float, stride_ms: float, padding: Literal["same", "valid"] = "same"
    ) -> "Framing":
        """K = floor(rate * window / 1000) + 1 and S = floor(rate * stride / 1000), as LEAF rounds."""
        if sample_rate < 1:
            raise ValueError(f"Rule: `sample_rate` >= 1 Hz. Received: sample_rate={sample_rate!r}.")
        window, stride = int(sample_rate * window_ms // 1000) + 1, int(sample_rate * stride_ms // 1000)
        if window < 2 or stride < 1:
            raise ValueError(
                "Rule: the window and the stride each hold at least one sample. Received: "
                f"window_ms={window_ms!r}, stride_ms={stride_ms!r} at sample_rate={sample_rate!r}: lengthen them."
            )
        return cls(window, stride, padding)

    def num_frames(self, num_samples: Any) -> Any:
        """ceil(T / S), or floor((T - K) / S) + 1 where valid, for an integer or a symbolic T; None stays None."""
        if num_samples is None:
            return None
        frames = (num_samples + self.stride - (1 if self.padding == "same" else self.window)) // self.stride
        return max(frames, 0) if isinstance(frames, int) else ops.maximum(frames, 0)

    def lead(self, num_samples: Any) -> Any:
        """Zeros in front of the clip: frame i's window starts at i S - lead."""
        if self.padding == "valid":
            return 0
        gap = (self.num_frames(num_samples) - 1) * self.stride + self.window - num_samples
        return max(gap, 0) // 2 if isinstance(num_samples, int) else ops.maximum(gap, 0) // 2

    def touches_edge(self, frame: int, *, num_samples: int) -> bool:
        """Whether the window of `frame` reaches outside the clip of `num_samples`."""
        start = frame * self.stride - self.lead(num_samples)
        return start < 0 or start + self.window > num_samples

    def inside(self, frame: int, *, num_samples: int) -> list[bool]:
        """For each of the K positions of the window of `frame`: is it inside the clip?"""
        start = frame * self.stride - self.lead(num_samples)
        return [0 <= start + k < num_samples for k in range(self.window)]


def smooth_length(at_least: int) -> int:
    """The smallest length >= `at_least` whose prime factors are 2, 3, 5 and 7: a fast FFT."""
    length = max(at_least, 1)
    while not _is_smooth(length):
        length += 1
    return length


def _is_smooth(length: int) -> bool:
    for prime in (2, 3, 5, 7):
        while length % prime == 0:
            length //= prime
    return length == 1


def resized(x: Any, length: Any) -> Any:
    """`x` (rows, samples) cut, or continued with zeros, to `length` samples."""
    rows, samples = ops.shape(x)
    missing = length - samples
    missing = max(missing, 0) if isinstance(missing, int) else ops.maximum(missing, 0)
    return ops.concatenate([x, ops.zeros((rows, missing), x.dtype)], axis=1)[:, :length]


def overlapping(x: Any, *, count: Any, length: int, stride: int) -> Any:
    """(rows, count, length): what starts at 0, stride, 2 stride ... in `x` (rows, samples)."""
    spanned = -(-length // stride)
    blocks = ops.reshape(resized(x, (count + spanned - 1) * stride), (ops.shape(x)[0], count + spanned - 1, stride))
    return ops.concatenate([blocks[:, i : i + count] for i in range(spanned)], axis=2)[:, :, :length]
