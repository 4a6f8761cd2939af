"""Windows and strides: the one place where milliseconds become samples, and frames are counted."""

from dataclasses import dataclass
from typing import Any

from keras import ops


@dataclass(frozen=True)
class Framing:
    """Frames of `window` samples every `stride` samples.

    Attributes:
      window: samples K in a window; LEAF's kernels and pooling windows have this length.
      stride: samples S between frames.
    """

    window: int
    stride: int

    @classmethod
    def from_ms(cls, *, sample_rate: int, window_ms: float, stride_ms: float) -> "Framing":
        """K = floor(rate * window / 1000) + 1 and S = floor(rate * stride / 1000), as LEAF rounds."""
        if sample_rate < 1:
            raise ValueError(f"Rule: `sample_rate` >= 1 Hz. Received: sample_rate={sample_rate!r}.")
        window, stride = int(sample_rate * window_ms // 1000) + 1, int(sample_rate * stride_ms // 1000)
        if window < 2 or stride < 1:
            raise ValueError(
                "Rule: the window and the stride each hold at least one sample. Received: "
                f"window_ms={window_ms!r}, stride_ms={stride_ms!r} at sample_rate={sample_rate!r}: lengthen them."
            )
        return cls(window, stride)

    def num_frames(self, num_samples: Any) -> Any:
        """ceil(T / S), for an integer or a symbolic T; None stays None."""
        return None if num_samples is None else (num_samples + self.stride - 1) // self.stride

    def lead(self, num_samples: Any) -> Any:
        """Zeros in front of the clip under SAME padding: frame i's window starts at i S - lead."""
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


def check_waveform_shape(shape: tuple[int | None, ...], *, name: str) -> tuple[int | None, int | None]:
    """(batch, samples) of a mono waveform's shape; refuses everything else."""
    if len(shape) == 2 or (len(shape) == 3 and shape[2] == 1):
        return shape[0], shape[1]
    raise ValueError(
        f"Rule: `{name}` takes mono waveforms (batch, samples) or (batch, samples, 1). Received: shape={tuple(shape)}. "
        "Average the channels, or give each channel as a clip of its own."
    )
