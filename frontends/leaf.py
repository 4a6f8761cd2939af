"""LEAF: a learnable front end for audio."""

from collections.abc import Mapping
from typing import Any, Literal

import keras
from keras import ops

from frontends.compression import make_compression
from frontends.framing import check_waveform_shape
from frontends.gabor import GaborFilterbank

ENERGY_FLOOR = 1e-5


@keras.saving.register_keras_serializable(package="leafworks")
class Leaf(keras.layers.Layer):
    """LEAF (Zeghidour et al., ICLR 2021): Gabor filters, Gaussian pooling and PCEN, all learned.

        E = pooled energies of N Gabor filters (see `frontends.gabor.GaborFilterbank`)
        y = compression(max(E, 1e-5))

    With compression="pcen" there are 7 N parameters: centre, bandwidth and pooling width of each filter, and the
    alpha, delta, root and smoothing of PCEN (see `frontends.PCEN`). Initial values follow the mel scale. Outputs
    equal the LEAF code's from its initial values. Parameters are projected to their bounds after an update, and
    their gradients are not cut there.

    K = floor(sample_rate window_ms / 1000) + 1 samples (401 at the defaults) is the length of kernels and pooling
    windows, S = floor(sample_rate stride_ms / 1000) (160) the stride. Frame i is centred at S i + S / 2 where S
    divides the clip's length. The defaults suit waveforms in [-1, 1]: energies below 1e-5 are floored, which
    is all of white noise of 1e-3 rms. Arithmetic is float32 (float64 under that policy), also under mixed
    precision; outputs have the compute dtype. A clip length unknown at trace time takes a slower path.

    Args:
      num_filters: int, number of filters N. Defaults to 40.
      sample_rate: int, of the waveform [Hz]. Defaults to 16000.
      window_ms: float, length of the kernels and of the pooling windows [ms]. Defaults to 25.0.
      stride_ms: float, between frames [ms]. Defaults to 10.0.
      min_hz: float, lower edge of the initial mel bands [Hz]. Defaults to 60.0.
      max_hz: float, their upper edge [Hz], at most sample_rate / 2. Defaults to 7800.0: pass a lower one, e.g.
        3900.0 at 8 kHz, for rates below 15.6 kHz.
      compression: "pcen" (4 N parameters), "log" (ln(E + 1e-5)) or None. Defaults to "pcen".

    Input shape: (batch, samples) or (batch, samples, 1), floats.
    Output shape: (batch, ceil(samples / S), N).

    Raises:
      ValueError: a band above Nyquist, an unknown compression, or a waveform that is not mono.

    Source: Zeghidour et al., "LEAF: A learnable frontend for audio classification", ICLR 2021, as its code computes
    it (google-research/leaf-audio b130481).

    Example:
        >>> leaf = Leaf()
        >>> tuple(leaf(np.zeros((2, 16000), "float32")).shape)
        (2, 100, 40)
        >>> leaf.count_params()
        280
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
        compression: Literal["pcen", "log"] | None = "pcen",
        **kwargs: Any,
    ) -> None:
        super().__init__(autocast=False, **kwargs)
        self.compression = compression
        self.filterbank = GaborFilterbank(
            num_filters,
            sample_rate=sample_rate,
            window_ms=window_ms,
            stride_ms=stride_ms,
            min_hz=min_hz,
            max_hz=max_hz,
            dtype=self.dtype_policy,
            name="filterbank",
        )
        self.compress = make_compression(compression, dtype=self.dtype_policy)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create the weights of the filterbank and of PCEN."""
        batch, samples = check_waveform_shape(input_shape, name=type(self).__name__)
        self.filterbank.build((batch, samples))
        if isinstance(self.compress, keras.layers.Layer):
            self.compress.build((batch, None, self.filterbank.num_filters))

    def call(self, inputs: Any) -> Any:
        """Waveforms (batch, samples) to features (batch, frames, N)."""
        check_waveform_shape(inputs.shape, name=type(self).__name__)
        waveform = inputs if len(inputs.shape) == 2 else ops.squeeze(inputs, 2)
        energies = ops.maximum(self.filterbank(waveform), ENERGY_FLOOR)
        return ops.cast(self.compress(energies), self.compute_dtype)

    def replan(self) -> bool:
        """See `GaborFilterbank.replan`: True if the plan of the fast path changed."""
        return self.filterbank.replan()

    def planned_for(self) -> dict[str, list[float]]:
        """See `GaborFilterbank.planned_for`."""
        return self.filterbank.planned_for()

    def restore_plan(self, planned_for: Mapping[str, list[float]]) -> None:
        """See `GaborFilterbank.restore_plan`."""
        self.filterbank.restore_plan(planned_for)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """(batch, frames, N)."""
        batch, samples = check_waveform_shape(input_shape, name=type(self).__name__)
        return self.filterbank.compute_output_shape((batch, samples))

    def get_config(self) -> dict[str, Any]:
        """The arguments the layer was made with."""
        names = ("num_filters", "sample_rate", "window_ms", "stride_ms", "min_hz", "max_hz")
        own = {name: getattr(self.filterbank, name) for name in names}
        return {**super().get_config(), **own, "compression": self.compression}
