"""The learned filterbank of LEAF: Gabor filters, squared modulus, Gaussian pooling."""

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
from keras import ops

from frontends import filters, pooling
from frontends.bounds import Bounded, bounded
from frontends.framing import Framing, check_waveform_shape
from frontends.plan import Plan, make_plan
from frontends.subbands import full_band_energies, subband_energies

INITIAL_WIDTH = 0.4  # close to a Hann window


@keras.saving.register_keras_serializable(package="leafworks")
class GaborFilterbank(keras.layers.Layer):
    """Pooled energies of N Gabor filters; the filterbank of `Leaf`, before floor and compression.

        g_n(t) = exp(i mu_n t) exp(-t^2 / (2 sigma_n^2)) / (sqrt(2 pi) sigma_n),  t = -(K // 2) ... ceil(K / 2) - 1
        w_n(k) = exp(-0.5 ((k - (K - 1) / 2) / (s_n (K - 1) / 2))^2),             k = 0 ... K - 1
        E[i, n] = sum_k w_n(k) |(g_n * x)(S i - lead + k)|^2, over the positions inside the clip

    Computed by sub-bands (see `frontends.subbands`), exactly to float32 noise; no full-rate tensor of all
    filters exists. The rates follow a plan made from the weights at build; where a weight leaves its
    plan, the graph itself takes the full-band path, slower and right. `replan` makes the plan anew.

    Weights: center mu [rad/sample] in [0, pi]; sigma [samples] in [1.4991, K sqrt(2 ln 2) / pi]; pooling s in
    [2 / K, 0.5], in units of half a window; each (N,). Initial values from mel (see `filters.gabor_from_mel`).

    Args:
      num_filters: int, N.
      sample_rate: int [Hz].
      window_ms: float, length of kernels and of pooling windows [ms].
      stride_ms: float, between frames [ms].
      min_hz: float, lower edge of the initial mel bands [Hz].
      max_hz: float, upper edge of the initial mel bands [Hz].

    Input shape: (batch, samples). Output shape: (batch, ceil(samples / S), N), float32.
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
        **kwargs: Any,
    ) -> None:
        super().__init__(autocast=False, **kwargs)
        filters.check_band(num_filters=num_filters, sample_rate=sample_rate, min_hz=min_hz, max_hz=max_hz)
        self.num_filters = num_filters
        self.sample_rate = sample_rate
        self.window_ms = window_ms
        self.stride_ms = stride_ms
        self.min_hz = min_hz
        self.max_hz = max_hz
        self.framing = Framing.from_ms(sample_rate=sample_rate, window_ms=window_ms, stride_ms=stride_ms)
        self.bounds = {
            "mu": (0.0, float(np.pi)),
            "sigma": filters.sigma_bounds(self.framing.window),
            "width": (pooling.smallest_width(self.framing.window), pooling.LARGEST_WIDTH),
        }

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create center, sigma and pooling from the mel bands, and the plan from them."""
        check_waveform_shape(input_shape, name=self.name)
        initial = filters.gabor_from_mel(
            num_filters=self.num_filters,
            sample_rate=self.sample_rate,
            window=self.framing.window,
            min_hz=self.min_hz,
            max_hz=self.max_hz,
        )
        widths = np.full(self.num_filters, INITIAL_WIDTH)
        self.center = self._add("center", initial[:, 0], self.bounds["mu"])
        self.sigma = self._add("sigma", initial[:, 1], self.bounds["sigma"])
        self.pooling = self._add("pooling", widths, self.bounds["width"])
        self._plan_for(self._in_bounds(*initial.T, widths))

    def _add(self, name: str, values: np.ndarray, bounds: tuple[float, float]) -> Any:
        def initializer(shape: tuple[int, ...], dtype: str | None = None) -> Any:
            return ops.reshape(ops.convert_to_tensor(values, dtype=dtype), shape)

        return self.add_weight(name=name, shape=values.shape, initializer=initializer, constraint=Bounded(*bounds))

    def call(self, waveform: Any) -> Any:
        """Energies of waveforms (batch, samples)."""
        dtype = "float64" if self.compute_dtype == "float64" else "float32"
        waveform = ops.cast(waveform, dtype)
        if waveform.shape[1] == 0:
            return ops.zeros((ops.shape(waveform)[0], 0, self.num_filters), dtype)
        weights = (self.center, self.sigma, self.pooling)
        parameters = {
            name: bounded(ops.cast(weight, dtype), lower=lower, upper=upper)
            for weight, (name, (lower, upper)) in zip(weights, self.bounds.items(), strict=True)
        }
        if waveform.shape[1] is None:
            return full_band_energies(waveform, framing=self.framing, **parameters)
        return ops.cond(
            _holds(self.plan, **parameters),
            lambda: subband_energies(waveform, framing=self.framing, plan=self.plan, **parameters),
            lambda: full_band_energies(waveform, framing=self.framing, **parameters),
        )

    def effective_parameters(self) -> dict[str, np.ndarray]:
        """mu [rad/sample], sigma [samples] and the pooling width s, (N,), as the forward pass uses them."""
        weights = (self.center, self.sigma, self.pooling)
        return self._in_bounds(*(np.float64(weight.numpy()) for weight in weights))

    def _in_bounds(self, *values: np.ndarray) -> dict[str, np.ndarray]:
        return {
            name: np.clip(value, *bounds) for value, (name, bounds) in zip(values, self.bounds.items(), strict=True)
        }

    def replan(self) -> bool:
        """Make the plan anew if a weight has left it; True if it changed: then retrace what was compiled.

        Outputs are right without it, only slower. Not inside a compiled function: it reads the weights.
        """
        parameters = self.effective_parameters()
        if self.plan.holds(**parameters):
            return False
        self._plan_for(parameters)
        return True

    def planned_for(self) -> dict[str, list[float]]:
        """The parameters that the present plan was made for: with the weights, all that a resumed run needs."""
        return {name: values.tolist() for name, values in self._planned_for.items()}

    def restore_plan(self, planned_for: Mapping[str, list[float]]) -> None:
        """Make the plan again that `planned_for` described; what was compiled must be retraced."""
        self._plan_for({name: np.array(values) for name, values in planned_for.items()})

    def _plan_for(self, parameters: dict[str, np.ndarray]) -> None:
        self._planned_for = parameters
        self.plan = make_plan(framing=self.framing, **parameters)

    def load_own_variables(self, store: Any) -> None:
        """Load the weights, then plan for them."""
        super().load_own_variables(store)
        self.replan()

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """(batch, frames, N)."""
        batch, samples = check_waveform_shape(input_shape, name=self.name)
        return batch, self.framing.num_frames(samples), self.num_filters

    def get_config(self) -> dict[str, Any]:
        """The arguments the layer was made with."""
        names = ("num_filters", "sample_rate", "window_ms", "stride_ms", "min_hz", "max_hz")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


def _holds(plan: Plan, *, mu: Any, sigma: Any, width: Any) -> Any:
    def inside(values: Any, box: tuple[tuple[float, float], ...]) -> Any:
        low, high = (ops.convert_to_tensor(side, dtype=values.dtype) for side in np.transpose(box))
        return ops.all(ops.logical_and(values >= low, values <= high))

    held = ops.logical_and(inside(mu, plan.center), inside(sigma, plan.sigma))
    return ops.logical_and(held, inside(width, plan.width))
