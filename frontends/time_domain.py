"""Time-domain filterbanks: free convolution kernels that start as Gabor filters, and a free low-pass."""

from typing import Any, Literal, get_args

import keras
import numpy as np
from keras import ops

from frontends import filters
from frontends.compression import CompressionName
from frontends.framing import Framing
from frontends.frontend import FrontEnd
from frontends.fullrate import pooled_filters
from frontends.pooling import make_pooling
from frontends.scales import ScaleName

ENERGY_FLOOR = 1e-5
PoolingName = Literal["lowpass", "gaussian", "max", "mean"]


@keras.saving.register_keras_serializable(package="leafworks")
class TimeDomainFilterbank(FrontEnd):
    """Time-domain filterbanks (TD-fbanks; Zeghidour et al., ICASSP 2018): every tap of the filters is learned.

        y_n(t) = sum_k g_n(k) x(t + k - (K - 1) // 2),   k = 0 ... K - 1, g complex
        E[i, n] = sum_k w(k) |y_n(S i - lead + k)|^2,    over the positions inside the clip
        out = ln(max(E, 1e-5) + 1e-5)

    K = floor(sample_rate window_ms / 1000) + 1, S = floor(sample_rate stride_ms / 1000). There are 2 N K + K
    parameters: the kernels, and one low-pass w that all filters share. At first g_n is a Gabor filter (see
    `frontends.filters.time_domain_kernels`) and w a squared Hann window, which the LEAF code indexes off by one
    (its peak is at k = 201 of 0 ... 400); that is kept, for outputs equal to its own from its initial values. Nothing
    keeps w positive, so learned energies may be negative; the floor then holds, and passes no gradient.

    padding="same" gives ceil(T / S) frames, centred as those of `Leaf`, by lead = ((frames - 1) S + K - T) // 2 zeros
    in front. padding="valid" has lead = 0 and only whole windows, floor((T - K) / S) + 1 frames (98 for a second, none
    for T < K), which is what the LEAF code does whatever its argument says.

    Args:
      num_filters: int, number of filters N. Defaults to 40.
      sample_rate: int, of the waveform [Hz]. Defaults to 16000.
      window_ms: float, length of the kernels and of the pooling windows [ms]. Defaults to 25.0.
      stride_ms: float, between frames [ms]. Defaults to 10.0.
      min_hz: float, lower edge of the initial bands [Hz]. Defaults to 60.0.
      max_hz: float, their upper edge [Hz], at most sample_rate / 2. Defaults to 7800.0: pass a lower one, e.g.
        3900.0 at 8 kHz, for rates below 15.6 kHz.
      scale: "mel", "bark", "erb", "linear" or "random", on which the initial bands are spaced. Defaults to "mel".
      seed: int, of the scale "random". Defaults to 0.
      padding: "same" or "valid", see above. Defaults to "same".
      pooling: "lowpass" as above (K parameters), "gaussian" (N), "max" or "mean" (none). Defaults to "lowpass".
      compression: see `frontends.compression.make_compression`. Defaults to "log".
      learn_filters: bool, False freezes the kernels. Defaults to True.
      learn_pooling: bool, False freezes the pooling. Defaults to True.
      learn_compression: bool, False freezes the compression. Defaults to True.

    Input shape: (batch, samples) or (batch, samples, 1), floats, nominally in [-1, 1].
    Output shape: (batch, frames, N).

    Raises:
      ValueError: a band above Nyquist, an unknown name, or a waveform that is not mono.

    Source: Zeghidour et al., "Learning filterbanks from raw speech for phone recognition", ICASSP 2018, section 2, as
    the code of LEAF computes it (google-research/leaf-audio b130481).

    Example:
        >>> layer = TimeDomainFilterbank(64)
        >>> tuple(layer(np.zeros((2, 16000), "float32")).shape)
        (2, 100, 64)
        >>> layer.count_params()
        51729
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
        scale: ScaleName = "mel",
        seed: int = 0,
        padding: Literal["same", "valid"] = "same",
        pooling: PoolingName = "lowpass",
        compression: CompressionName | None = "log",
        learn_filters: bool = True,
        learn_pooling: bool = True,
        learn_compression: bool = True,
        **kwargs: Any,
    ) -> None:
        filterbank = TimeDomainBands(
            num_filters,
            sample_rate=sample_rate,
            window_ms=window_ms,
            stride_ms=stride_ms,
            min_hz=min_hz,
            max_hz=max_hz,
            scale=scale,
            seed=seed,
            padding=padding,
            pooling=pooling,
            learn_filters=learn_filters,
            learn_pooling=learn_pooling,
            dtype=kwargs.get("dtype"),
            name="filterbank",
        )
        super().__init__(
            filterbank, floor=ENERGY_FLOOR, compression=compression, learn_compression=learn_compression, **kwargs
        )


class TimeDomainBands(keras.layers.Layer):
    """Pooled energies before floor and compression; see `TimeDomainFilterbank` for the formula and the arguments.

    Weight: kernel (K, 2 N), the real and imaginary part of filter n in columns 2 n and 2 n + 1, as in the LEAF code.
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
        scale: ScaleName,
        seed: int,
        padding: Literal["same", "valid"],
        pooling: PoolingName,
        learn_filters: bool,
        learn_pooling: bool,
        **kwargs: Any,
    ) -> None:
        super().__init__(autocast=False, **kwargs)
        if padding not in ("same", "valid"):
            raise ValueError(f'Rule: `padding` is "same" or "valid". Received: padding={padding!r}.')
        if pooling not in get_args(PoolingName):
            raise ValueError(f"Rule: `pooling` is one of {get_args(PoolingName)}. Received: pooling={pooling!r}.")
        band: dict[str, Any] = {
            "num_filters": num_filters,
            "sample_rate": sample_rate,
            "min_hz": min_hz,
            "max_hz": max_hz,
        }
        filters.check_band(**band)
        durations = {"window_ms": window_ms, "stride_ms": stride_ms}
        self.arguments = {
            **band,
            **durations,
            "scale": scale,
            "seed": seed,
            "padding": padding,
            "pooling": pooling,
            "learn_filters": learn_filters,
            "learn_pooling": learn_pooling,
        }
        self.num_filters = num_filters
        self.sample_rate = sample_rate
        self.learn_filters = learn_filters
        self.framing = Framing.from_ms(sample_rate=sample_rate, padding=padding, **durations)
        self.initial_kernels = filters.time_domain_kernels(scale=scale, seed=seed, window=self.framing.window, **band)
        arguments = {"framing": self.framing, "dtype": self.dtype_policy}
        if pooling == "lowpass":
            self.pooling = LowpassPooling(**arguments, trainable=learn_pooling, name="pooling")
        else:
            self.pooling = make_pooling(pooling, **arguments, num_filters=num_filters, learn=learn_pooling)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create kernel, and the weights of the pooling."""
        parts = np.stack([self.initial_kernels.real, self.initial_kernels.imag], axis=1)
        columns = parts.reshape(2 * self.num_filters, self.framing.window).T
        self.kernel = self.add_weight(
            name="kernel",
            shape=columns.shape,
            initializer=keras.initializers.Constant(columns),
            trainable=self.learn_filters,
        )
        self.pooling.build((*input_shape, self.num_filters))

    def call(self, waveform: Any) -> Any:
        """Waveforms (batch, samples) to energies (batch, frames, N)."""
        return pooled_filters(
            waveform,
            kernels=self._parts(),
            rectify=lambda real, imag: ops.square(real) + ops.square(imag),
            pooling=self.pooling,
            framing=self.framing,
        )

    def _parts(self) -> tuple[Any, Any]:
        kernel = ops.transpose(ops.convert_to_tensor(self.kernel))
        kernel = ops.reshape(kernel, (self.num_filters, 2, self.framing.window))
        return kernel[:, 0], kernel[:, 1]

    def kernels(self) -> np.ndarray:
        """Impulse responses as the forward pass uses them, complex (N, K)."""
        real, imag = (np.asarray(part) for part in self._parts())
        return real + 1j * imag


class LowpassPooling(keras.layers.Layer):
    """Sums under one window of K free taps that all filters share. Weight: window, (K,)."""

    def __init__(self, *, framing: Framing, **kwargs: Any) -> None:
        super().__init__(autocast=False, **kwargs)
        self.framing = framing

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create window."""
        self.num_filters = input_shape[-1]
        taps = filters.time_domain_lowpass(self.framing.window)
        self.window = self.add_weight(name="window", shape=taps.shape, initializer=keras.initializers.Constant(taps))

    def windows(self) -> Any:
        """The window, once for each filter, (N, K)."""
        return ops.broadcast_to(ops.convert_to_tensor(self.window), (self.num_filters, self.framing.window))
