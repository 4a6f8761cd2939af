"""LEAF: a learnable front end for audio."""

from collections.abc import Mapping
from typing import Any

import keras

from frontends.compression import CompressionName
from frontends.frontend import FrontEnd
from frontends.gabor import GaborFilterbank, Parametrization, Precision
from frontends.pooling import PoolingName
from frontends.scales import ScaleName

ENERGY_FLOOR = 1e-5


@keras.saving.register_keras_serializable(package="leafworks")
class Leaf(FrontEnd):
    """LEAF (Zeghidour et al., ICLR 2021): Gabor filters, Gaussian pooling and PCEN, all learned.

        g_n(t) = exp(i mu_n t) exp(-t^2 / (2 sigma_n^2)) / (sqrt(2 pi) sigma_n),   t = -(K // 2) ... ceil(K / 2) - 1
        E[i, n] = sum_k w_n(k) |(g_n * x)(S i - lead + k)|^2,   k = 0 ... K - 1, over the positions inside the clip
        w_n(k) = exp(-0.5 ((k - (K - 1) / 2) / (s_n (K - 1) / 2))^2)
        y = compression(max(E, 1e-5))

    With the defaults there are 7 N parameters: centre mu, sigma (the inverse of the bandwidth) and pooling width s of
    each filter, and the alpha, delta, root and smoothing of PCEN (see `frontends.PCEN`). Outputs and gradients equal
    the LEAF code's from its initial values. Parameters are projected to their bounds after an update, and their
    gradients are not cut there.

    K = floor(sample_rate window_ms / 1000) + 1 samples (401 at the defaults) is the length of kernels and pooling
    windows, S = floor(sample_rate stride_ms / 1000) (160) the stride. Frame i is centred at S i + S / 2 where S
    divides the clip's length. The defaults suit waveforms in [-1, 1]: energies below 1e-5 are floored, which
    is all of white noise of 1e-3 rms. Arithmetic is float32 (float64 under that policy), also under mixed
    precision; outputs have the compute dtype.

    Speed: energies are computed by sub-bands at low rates (see `frontends.subbands`), planned for the parameters at
    build. A filter that leaves its part of the plan is computed at the full rate, slower and right; `replan` makes
    the plan anew. So is everything where the clip's length is unknown when the call is traced.

    Args:
      num_filters: int, number of filters N. Defaults to 40.
      sample_rate: int, of the waveform [Hz]. Defaults to 16000.
      window_ms: float, length of the kernels and of the pooling windows [ms]. Defaults to 25.0.
      stride_ms: float, between frames [ms]. Defaults to 10.0.
      min_hz: float, lower edge of the initial bands [Hz]. Defaults to 60.0.
      max_hz: float, their upper edge [Hz], at most sample_rate / 2. Defaults to 7800.0: pass a lower one, e.g.
        3900.0 at 8 kHz, for rates below 15.6 kHz.
      scale: "mel", "bark", "erb", "linear" or "random", on which the initial bands are equally spaced; see
        `frontends.filters.initial_gabor`. Defaults to "mel".
      seed: int, of the scale "random". Defaults to 0.
      parametrization: "reference" learns mu [rad/sample], sigma [samples] and s; "conditioned" learns the centre
        in hundreds of mel, ln(sigma) and ln(s), so that one step of Adam means a comparable change for each. The
        function at the start and the number of parameters are the same. Defaults to "reference".
      precision: "exact" is within 1e-5 of the definition (relative norm of the energies). "fast" computes about half
        as many samples and stays within 1e-3 of "exact", for energies and features, and its gradients within 1e-2,
        on noise, speech, tones and clicks; filters for which that cannot be held are computed as in "exact".
        Defaults to "exact".
      pooling: "gaussian" as above, "mean" (w = 1 / K) or "max" (of |g * x|^2, slower). Defaults to "gaussian".
      compression: see `frontends.compression.make_compression`: "spcen" (4 N parameters), "pcen" (3 N), "power" (N),
        "log", "layer_norm" (2 N) or None. Defaults to "spcen".
      learn_filters: bool, False freezes centres and bandwidths. Defaults to True.
      learn_pooling: bool, False freezes the pooling widths. Defaults to True.
      learn_compression: bool, False freezes the compression. Defaults to True.

    Input shape: (batch, samples) or (batch, samples, 1), floats.
    Output shape: (batch, ceil(samples / S), N).

    Raises:
      ValueError: a band above Nyquist, an unknown name, or a waveform that is not mono.

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
        scale: ScaleName = "mel",
        seed: int = 0,
        parametrization: Parametrization = "reference",
        precision: Precision = "exact",
        pooling: PoolingName = "gaussian",
        compression: CompressionName | None = "spcen",
        learn_filters: bool = True,
        learn_pooling: bool = True,
        learn_compression: bool = True,
        **kwargs: Any,
    ) -> None:
        filterbank = GaborFilterbank(
            num_filters,
            sample_rate=sample_rate,
            window_ms=window_ms,
            stride_ms=stride_ms,
            min_hz=min_hz,
            max_hz=max_hz,
            scale=scale,
            seed=seed,
            parametrization=parametrization,
            precision=precision,
            pooling=pooling,
            learn_filters=learn_filters,
            learn_pooling=learn_pooling,
            dtype=kwargs.get("dtype"),
            name="filterbank",
        )
        super().__init__(
            filterbank, floor=ENERGY_FLOOR, compression=compression, learn_compression=learn_compression, **kwargs
        )

    def replan(self) -> bool:
        """See `GaborFilterbank.replan`: True if the plan of the fast path changed."""
        return self.filterbank.replan()

    def planned_for(self) -> dict[str, list[float]]:
        """See `GaborFilterbank.planned_for`."""
        return self.filterbank.planned_for()

    def restore_plan(self, planned_for: Mapping[str, list[float]]) -> None:
        """See `GaborFilterbank.restore_plan`."""
        self.filterbank.restore_plan(planned_for)
