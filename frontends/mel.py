"""The mel filterbank: the fixed baseline, with the logarithm or with learned PCEN."""

from typing import Any, Literal

import keras
import numpy as np
from keras import ops

from frontends import filters
from frontends.compression import CompressionName
from frontends.framing import Framing, overlapping
from frontends.frontend import FrontEnd


@keras.saving.register_keras_serializable(package="leafworks")
class MelFilterbank(FrontEnd):
    """Mel band energies of the power spectrogram, compressed.

        P[i, k] = |sum_n hann(n) x(S i + n) exp(-2 pi j k n / F)|^2,   n = 0 ... K - 1
        E[i, b] = sum_k P[i, k] W[k, b],   y = ln(E + 1e-5), PCEN(E), or E

    K = floor(sample_rate window_ms / 1000) + 1, S = floor(sample_rate stride_ms / 1000). The Hann window is
    symmetric, frames start at 0 and the clip is padded with zeros at its end, as in the LEAF code; so frame i is
    centred at S i + (K - 1) / 2, and `Leaf` leads it by (K - 1 - S) / 2 samples (120 at the defaults). F is the
    power of two that holds the window and leaves no band empty (512 at the defaults); W has N triangles linear in
    HTK mel, of peak 1. Spectra and PCEN are computed in float32 (float64 under that policy) whatever the policy.

    Args:
      num_filters: int, number of bands N. Defaults to 40.
      sample_rate: int, of the waveform [Hz]. Defaults to 16000.
      window_ms: float, window [ms]. Defaults to 25.0.
      stride_ms: float, between frames [ms]. Defaults to 10.0.
      min_hz: float, lower edge of the lowest band [Hz]. Defaults to 60.0.
      max_hz: float, upper edge of the highest band [Hz], at most sample_rate / 2. Defaults to 7800.0.
      alignment: "start" as above, or "centred", where frame i is centred where that of `Leaf` is. Defaults to "start".
      compression: see `frontends.compression.make_compression`; "log" has no parameter, "spcen" (Mel-PCEN) 4 N.
        Defaults to "log".
      learn_compression: bool, False freezes the compression. Defaults to True.

    Input shape: (batch, samples) or (batch, samples, 1), floats, nominally in [-1, 1].
    Output shape: (batch, ceil(samples / S), N).

    Raises:
      ValueError: a band above Nyquist, an unknown compression, or a waveform that is not mono.

    Source: the mel baselines of LEAF (Zeghidour et al., ICLR 2021), as its code computes them; W as in HTK.

    Example:
        >>> tuple(MelFilterbank()(np.zeros((2, 16000), "float32")).shape)
        (2, 100, 40)
    """

    def __init__(
        self,
        num_filters: int = 40,
        *,
        sample_rate: int = 16000,
        window_ms: float = 25.0,
        stride_ms: float = 10.0,
        min_hz: float = 60.0,
        max_hz: float = 7800.0,
        alignment: Literal["start", "centred"] = "start",
        compression: CompressionName | None = "log",
        learn_compression: bool = True,
        **kwargs: Any,
    ) -> None:
        filterbank = MelBands(
            num_filters,
            sample_rate=sample_rate,
            window_ms=window_ms,
            stride_ms=stride_ms,
            min_hz=min_hz,
            max_hz=max_hz,
            alignment=alignment,
            dtype=kwargs.get("dtype"),
            name="filterbank",
        )
        super().__init__(filterbank, floor=None, compression=compression, learn_compression=learn_compression, **kwargs)


class MelBands(keras.layers.Layer):
    """Energies of mel bands before compression; see `MelFilterbank` for the formula and the arguments.

    Attributes:
      matrix: W, (num_fft // 2 + 1, N), float64.
    """

    def __init__(
        self,
        num_filters: int,
        *,
        sample_rate: int,
        window_ms: float,
        stride_ms: float,
        min_hz: float,
        max_hz: float,
        alignment: str,
        **kwargs: Any,
    ) -> None:
        super().__init__(autocast=False, **kwargs)
        if alignment not in ("start", "centred"):
            raise ValueError(f'Rule: `alignment` is "start" or "centred". Received: alignment={alignment!r}.')
        band = {"num_filters": num_filters, "sample_rate": sample_rate, "min_hz": min_hz, "max_hz": max_hz}
        filters.check_band(**band)
        self.arguments = {**band, "window_ms": window_ms, "stride_ms": stride_ms, "alignment": alignment}
        self.num_filters = num_filters
        self.sample_rate = sample_rate
        self.alignment = alignment
        self.framing = Framing.from_ms(sample_rate=sample_rate, window_ms=window_ms, stride_ms=stride_ms)
        self.num_fft = filters.mel_fft_length(window=self.framing.window, **band)
        self.matrix = filters.mel_matrix(num_fft=self.num_fft, **band)

    def call(self, waveform: Any) -> Any:
        """Waveforms (batch, samples) to energies (batch, frames, N)."""
        power = self._power_spectrogram(waveform)
        batch, frames, bins = ops.shape(power)
        # No broadcasting in matmul: with oneDNN, TensorFlow 2.21 then reads outside the smaller operand.
        energies = ops.matmul(ops.reshape(power, (-1, bins)), ops.cast(self.matrix, waveform.dtype))
        return ops.reshape(energies, (batch, frames, self.num_filters))

    def _power_spectrogram(self, waveform: Any) -> Any:
        """(batch, frames, num_fft // 2 + 1)."""
        window, stride = self.framing.window, self.framing.stride
        batch, samples = ops.shape(waveform)
        frames = self.framing.num_frames(samples)
        before = self.framing.lead(samples) if self.alignment == "centred" else 0
        padded = ops.concatenate([ops.zeros((batch, before), waveform.dtype), waveform], axis=1)
        cut = overlapping(padded, count=frames, length=window, stride=stride)
        cut = cut * ops.cast(np.hanning(window), waveform.dtype)
        real, imag = ops.rfft(cut, fft_length=self.num_fft)
        return ops.square(real) + ops.square(imag)
