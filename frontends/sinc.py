"""SincNet and SincNet+: band-pass filters whose two edges are learned."""

from typing import Any

import keras
import numpy as np
from keras import ops

from frontends import filters
from frontends.bounds import bounded
from frontends.compression import CompressionName
from frontends.framing import Framing
from frontends.frontend import FrontEnd
from frontends.fullrate import pooled_filters
from frontends.pooling import PoolingName, make_pooling
from frontends.scales import ScaleName, band_edges

ENERGY_FLOOR = 1e-5
SMALLEST_HZ = 50.0  # smallest lower edge, and smallest width
NEGATIVE_SLOPE = 0.2


@keras.saving.register_keras_serializable(package="leafworks")
class SincNet(FrontEnd):
    """SincNet (Ravanelli and Bengio, 2018) as the LEAF paper compares it: sinc filters, maxima, layer normalisation.

        y_n = LeakyReLU_0.2(g_n * x),   g_n of the edges f1 = 50 + |w0|, f2 = min(f1 + 50 + |w1|, sample_rate / 2)
        M[i, n] = max_k y_n(S i - lead + k),   k = 0 ... K - 1, over the positions inside the clip
        out = layer_norm(max(M, 1e-5))

    See `SincBands` for the kernels. There are 4 N parameters: w0 and w1 of each filter, and the gain and offset of the
    normalisation, which is over the N channels of a frame (epsilon 1e-3). K = floor(sample_rate window_ms / 1000)
    + 1, S = floor(sample_rate stride_ms / 1000). Outputs equal the LEAF code's from its initial values.

    Args:
      num_filters: int, number of filters N. Defaults to 40.
      sample_rate: int, of the waveform [Hz]. Defaults to 16000.
      window_ms: float, length of the kernels and of the pooling windows [ms]. Defaults to 25.0.
      stride_ms: float, between frames [ms]. Defaults to 10.0.
      min_hz: float, lowest initial w0 [Hz]: the lowest edge is 50 Hz higher. Defaults to 50.0.
      max_hz: float, highest initial w0 + w1 [Hz], at most sample_rate / 2: the highest edge is 100 Hz higher, or
        sample_rate / 2. Defaults to 7900.0: pass a lower one, e.g. 3900.0 at 8 kHz, for rates below 15.8 kHz.
      scale: "mel", "bark", "erb", "linear" or "random", on which initial edges are spaced. Defaults to "mel".
      seed: int, of the scale "random". Defaults to 0.
      pooling: "max" (no parameters), "gaussian" (N) or "mean" (none). Defaults to "max".
      compression: see `frontends.compression.make_compression`. Defaults to "layer_norm" (2 N).
      learn_filters: bool, False freezes the edges. Defaults to True.
      learn_pooling: bool, False freezes the pooling. Defaults to True.
      learn_compression: bool, False freezes the compression. Defaults to True.

    Input shape: (batch, samples) or (batch, samples, 1), floats, nominally in [-1, 1].
    Output shape: (batch, ceil(samples / S), N).

    Raises:
      ValueError: a band above Nyquist, an unknown name, or a waveform that is not mono.

    Source: Ravanelli and Bengio, "Speaker recognition from raw waveform with SincNet", SLT 2018, equations 4 to 8, as
    the code of LEAF computes it (google-research/leaf-audio b130481).

    Example:
        >>> layer = SincNet(64)
        >>> tuple(layer(np.zeros((2, 16000), "float32")).shape)
        (2, 100, 64)
        >>> layer.count_params()
        256
    """

    def __init__(
        self,
        num_filters: int = 40,
        *,
        sample_rate: int = 16000,
        window_ms: float = 25.0,
        stride_ms: float = 10.0,
        min_hz: float = 50.0,
        max_hz: float = 7900.0,
        scale: ScaleName = "mel",
        seed: int = 0,
        pooling: PoolingName = "max",
        compression: CompressionName | None = "layer_norm",
        learn_filters: bool = True,
        learn_pooling: bool = True,
        learn_compression: bool = True,
        **kwargs: Any,
    ) -> None:
        filterbank = SincBands(
            num_filters,
            sample_rate=sample_rate,
            window_ms=window_ms,
            stride_ms=stride_ms,
            min_hz=min_hz,
            max_hz=max_hz,
            scale=scale,
            seed=seed,
            pooling=pooling,
            learn_filters=learn_filters,
            learn_pooling=learn_pooling,
            dtype=kwargs.get("dtype"),
            name="filterbank",
        )
        super().__init__(
            filterbank, floor=ENERGY_FLOOR, compression=compression, learn_compression=learn_compression, **kwargs
        )


@keras.saving.register_keras_serializable(package="leafworks")
class SincNetPlus(FrontEnd):
    """SincNet+ of the LEAF paper: `SincNet` with Gaussian pooling and sPCEN instead of maxima and normalisation.

        y_n = LeakyReLU_0.2(g_n * x),   as in `SincNet`
        E[i, n] = sum_k w_n(k) y_n(S i - lead + k),   w_n as in `frontends.pooling.GaussianPooling`
        out = PCEN(max(E, 1e-5))

    There are 7 N parameters: two edges and a pooling width of each filter, and the four of `frontends.PCEN`. The paper
    learns all of them; the LEAF code freezes its PCEN, with other constants, so that only 3 N of them train.

    Args:
      num_filters: int, number of filters N. Defaults to 40.
      sample_rate: int, of the waveform [Hz]. Defaults to 16000.
      window_ms: float, length of the kernels and of the pooling windows [ms]. Defaults to 25.0.
      stride_ms: float, between frames [ms]. Defaults to 10.0.
      min_hz: float, lowest initial w0 [Hz]: the lowest edge is 50 Hz higher. Defaults to 50.0.
      max_hz: float, highest initial w0 + w1 [Hz], at most sample_rate / 2: the highest edge is 100 Hz higher, or
        sample_rate / 2. Defaults to 7900.0: pass a lower one, e.g. 3900.0 at 8 kHz, for rates below 15.8 kHz.
      scale: "mel", "bark", "erb", "linear" or "random", on which initial edges are spaced. Defaults to "mel".
      seed: int, of the scale "random". Defaults to 0.
      pooling: "gaussian" (N parameters), "max" or "mean" (none). Defaults to "gaussian".
      compression: see `frontends.compression.make_compression`. Defaults to "spcen" (4 N).
      learn_filters: bool, False freezes the edges. Defaults to True.
      learn_pooling: bool, False freezes the pooling. Defaults to True.
      learn_compression: bool, False freezes the compression. Defaults to True.

    Input shape: (batch, samples) or (batch, samples, 1), floats, nominally in [-1, 1].
    Output shape: (batch, ceil(samples / S), N).

    Raises:
      ValueError: a band above Nyquist, an unknown name, or a waveform that is not mono.

    Source: Zeghidour et al., "LEAF: A learnable frontend for audio classification", ICLR 2021, section 4.

    Example:
        >>> layer = SincNetPlus(64)
        >>> tuple(layer(np.zeros((2, 16000), "float32")).shape)
        (2, 100, 64)
        >>> layer.count_params()
        448
    """

    def __init__(
        self,
        num_filters: int = 40,
        *,
        sample_rate: int = 16000,
        window_ms: float = 25.0,
        stride_ms: float = 10.0,
        min_hz: float = 50.0,
        max_hz: float = 7900.0,
        scale: ScaleName = "mel",
        seed: int = 0,
        pooling: PoolingName = "gaussian",
        compression: CompressionName | None = "spcen",
        learn_filters: bool = True,
        learn_pooling: bool = True,
        learn_compression: bool = True,
        **kwargs: Any,
    ) -> None:
        filterbank = SincBands(
            num_filters,
            sample_rate=sample_rate,
            window_ms=window_ms,
            stride_ms=stride_ms,
            min_hz=min_hz,
            max_hz=max_hz,
            scale=scale,
            seed=seed,
            pooling=pooling,
            learn_filters=learn_filters,
            learn_pooling=learn_pooling,
            dtype=kwargs.get("dtype"),
            name="filterbank",
        )
        super().__init__(
            filterbank, floor=ENERGY_FLOOR, compression=compression, learn_compression=learn_compression, **kwargs
        )


class SincBands(keras.layers.Layer):
    """Pooled outputs of sinc band-pass filters behind a LeakyReLU of slope 0.2, before floor and compression.

        f1 = min(50 + |w0|, sample_rate / 2 - 50),   f2 = min(f1 + 50 + |w1|, sample_rate / 2)   [Hz]
        b(t) = sinc((f2 - f1) t) cos(pi (f1 + f2) t),   sinc(u) = sin(pi u) / (pi u)
        g(k) = b(t) (0.54 - 0.46 cos(2 pi k / K)),   t = (k - K // 2) / sample_rate [s],   k = 0 ... K - 1
        y(t) = LeakyReLU_0.2(sum_k g(k) x(t + k - (K - 1) // 2))

    b is the difference of two sinc low-passes, 2 f2 sinc(2 f2 t) - 2 f1 sinc(2 f1 t), divided by its maximum
    2 (f2 - f1), in a form that stays exact for narrow bands. The formula for f1 keeps a band of 50 Hz below Nyquist,
    where the LEAF code's kernels are NaN or turned over. Since 50 Hz are added to w0 and to w1, initial bands
    begin 50 Hz above the points of their scale and overlap by 50 Hz.

    Weight: edges (N, 2), w0 and w1 [Hz], at first the points and their distances. Gradients are not cut where a bound
    holds, nor at w = 0; after an update w0 and w1 are projected to where no bound cuts.
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
        pooling: PoolingName,
        learn_filters: bool,
        learn_pooling: bool,
        **kwargs: Any,
    ) -> None:
        super().__init__(autocast=False, **kwargs)
        filters.check_band(num_filters=num_filters, sample_rate=sample_rate, min_hz=min_hz, max_hz=max_hz)
        self.arguments = {
            "num_filters": num_filters,
            "sample_rate": sample_rate,
            "window_ms": window_ms,
            "stride_ms": stride_ms,
            "min_hz": min_hz,
            "max_hz": max_hz,
            "scale": scale,
            "seed": seed,
            "pooling": pooling,
            "learn_filters": learn_filters,
            "learn_pooling": learn_pooling,
        }
        self.num_filters = num_filters
        self.sample_rate = sample_rate
        self.learn_filters = learn_filters
        self.framing = Framing.from_ms(sample_rate=sample_rate, window_ms=window_ms, stride_ms=stride_ms)
        self.points = band_edges(scale, count=num_filters + 1, min_hz=min_hz, max_hz=max_hz, seed=seed)
        self.pooling = make_pooling(
            pooling, framing=self.framing, num_filters=num_filters, learn=learn_pooling, dtype=self.dtype_policy
        )

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create edges, and the weights of the pooling."""
        self.edges = self.add_weight(
            name="edges",
            shape=(self.num_filters, 2),
            initializer=keras.initializers.Constant(np.stack([self.points[:-1], np.diff(self.points)], axis=1)),
            constraint=SincBounds(self.sample_rate),
            trainable=self.learn_filters,
        )
        self.pooling.build((*input_shape, self.num_filters))

    def call(self, waveform: Any) -> Any:
        """Waveforms (batch, samples) to pooled outputs (batch, frames, N)."""
        return pooled_filters(
            waveform,
            kernels=[self._kernels(waveform.dtype)],
            rectify=lambda outputs: ops.leaky_relu(outputs, NEGATIVE_SLOPE),
            pooling=self.pooling,
            framing=self.framing,
        )

    def _cutoffs(self) -> tuple[Any, Any]:
        edges = ops.convert_to_tensor(self.edges)
        nyquist = self.sample_rate / 2.0
        low = bounded(SMALLEST_HZ + _magnitude(edges[:, 0]), upper=nyquist - SMALLEST_HZ)
        return low, bounded(low + SMALLEST_HZ + _magnitude(edges[:, 1]), upper=nyquist)

    def _kernels(self, dtype: Any) -> Any:
        window = self.framing.window
        time = ops.cast(filters.gabor_taps(window) / self.sample_rate, dtype)[None, :]
        low, high = (ops.cast(edge, dtype)[:, None] for edge in self._cutoffs())
        kernels = _sinc((high - low) * time) * ops.cos(np.pi * (high + low) * time)
        return kernels * ops.cast(filters.hamming(window), dtype)

    def kernels(self) -> np.ndarray:
        """Impulse responses as the forward pass uses them, (N, K)."""
        return np.asarray(self._kernels(self.variable_dtype))

    def effective_parameters(self) -> dict[str, np.ndarray]:
        """The edges low_hz and high_hz of each band [Hz], (N,), as the forward pass uses them."""
        low, high = (np.asarray(edge, np.float64) for edge in self._cutoffs())
        return {"low_hz": low, "high_hz": high}


@keras.saving.register_keras_serializable(package="leafworks")
class SincBounds(keras.constraints.Constraint):
    """Projection of w0 and w1 (N, 2), in this order, to 100 + |w0| + |w1| <= sample_rate / 2; signs are kept.

    Args:
      sample_rate: int [Hz].
    """

    def __init__(self, sample_rate: int) -> None:
        self.sample_rate = sample_rate

    def __call__(self, edges: Any) -> Any:
        """The weights, w0 cut first and w1 to what is left."""
        room = self.sample_rate / 2.0 - 2.0 * SMALLEST_HZ
        low = ops.clip(edges[:, 0], -room, room)
        left = room - ops.abs(low)
        return ops.stack([low, ops.clip(edges[:, 1], -left, left)], axis=1)

    def get_config(self) -> dict[str, Any]:
        """The arguments it was made with."""
        return {"sample_rate": self.sample_rate}


def _magnitude(value: Any) -> Any:
    """|w|, with slope 1 at 0."""
    return ops.where(value < 0.0, -value, value)


def _sinc(cycles: Any) -> Any:
    """sin(pi u) / (pi u), 1 at 0, and its slope finite there."""
    small = ops.equal(cycles, 0.0)
    angle = np.pi * ops.where(small, 1.0, cycles)
    return ops.where(small, 1.0, ops.sin(angle) / angle)
