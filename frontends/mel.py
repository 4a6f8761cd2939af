"""The mel filterbank: the fixed baseline, with the logarithm or with learned PCEN."""

from typing import Any, Literal

import keras
import numpy as np
from keras import ops

from frontends import filters
from frontends.compression import PCEN, make_compression
from frontends.framing import Framing, check_waveform_shape


@keras.saving.register_keras_serializable(package="leafworks")
class MelFilterbank(keras.layers.Layer):
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
      compression: "log" (no parameter), "pcen" (4 N parameters) or None. Defaults to "log".

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
        compression: Literal["log", "pcen"] | None = "log",
        **kwargs: Any,
    ) -> None:
        super().__init__(autocast=False, **kwargs)
        band = {"num_filters": num_filters, "sample_rate": sample_rate, "min_hz": min_hz, "max_hz": max_hz}
        filters.check_band(**band)
        self.num_filters = num_filters
        self.sample_rate = sample_rate
        self.window_ms = window_ms
        self.stride_ms = stride_ms
        self.min_hz = min_hz
        self.max_hz = max_hz
        self.compression = compression
        self.framing = Framing.from_ms(sample_rate=sample_rate, window_ms=window_ms, stride_ms=stride_ms)
        self.num_fft = filters.mel_fft_length(window=self.framing.window, **band)
        self.matrix = filters.mel_matrix(num_fft=self.num_fft, **band)
        self.compress = make_compression(compression, dtype=self.dtype_policy)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create PCEN's weights, if there are any."""
        check_waveform_shape(input_shape, name=type(self).__name__)
        if isinstance(self.compress, PCEN):
            self.compress.build((None, None, self.num_filters))

    def call(self, inputs: Any) -> Any:
        """Waveforms (batch, samples) to (batch, frames, N)."""
        check_waveform_shape(inputs.shape, name=type(self).__name__)
        dtype = "float64" if self.compute_dtype == "float64" else "float32"
        waveform = ops.cast(inputs if len(inputs.shape) == 2 else ops.squeeze(inputs, 2), dtype)
        if waveform.shape[1] == 0:
            return ops.zeros((ops.shape(waveform)[0], 0, self.num_filters), self.compute_dtype)
        power = self._power_spectrogram(waveform)
        batch, frames, bins = ops.shape(power)
        # No broadcasting in matmul: with oneDNN, TensorFlow 2.21 then reads outside the smaller operand.
        energies = ops.matmul(ops.reshape(power, (-1, bins)), ops.cast(self.matrix, dtype))
        energies = ops.reshape(energies, (batch, frames, self.num_filters))
        return ops.cast(self.compress(energies), self.compute_dtype)

    def _power_spectrogram(self, waveform: Any) -> Any:
        """(batch, frames, num_fft // 2 + 1)."""
        window, stride = self.framing.window, self.framing.stride
        batch, samples = ops.shape(waveform)
        frames = self.framing.num_frames(samples)
        zeros = ops.zeros((batch, (frames - 1) * stride + window - samples), waveform.dtype)
        padded = ops.concatenate([waveform, zeros], axis=1)
        cut = ops.extract_sequences(padded, sequence_length=window, sequence_stride=stride)
        cut = cut * ops.cast(np.hanning(window), waveform.dtype)
        real, imag = ops.rfft(cut, fft_length=self.num_fft)
        return ops.square(real) + ops.square(imag)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """(batch, frames, N)."""
        batch, samples = check_waveform_shape(input_shape, name=type(self).__name__)
        return batch, self.framing.num_frames(samples), self.num_filters

    def get_config(self) -> dict[str, Any]:
        """The arguments the layer was made with."""
        names = ("num_filters", "sample_rate", "window_ms", "stride_ms", "min_hz", "max_hz", "compression")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}
