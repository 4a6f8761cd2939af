"""The learned filterbank of LEAF: Gabor filters, squared modulus, pooling."""

from collections.abc import Mapping
from typing import Any, Literal

import keras
import numpy as np
from keras import ops

from frontends import filters
from frontends.bounds import Bounded, bounded
from frontends.framing import Framing
from frontends.fullband import gabor_kernels
from frontends.fullrate import pooled_filters
from frontends.plan import PRECISIONS, make_plan
from frontends.pooling import INITIAL_WIDTH, GaussianPooling, MaxPooling, make_pooling
from frontends.scales import MEL_BREAK_HZ, MEL_PER_NEPER, ScaleName, hz_to_mel
from frontends.subbands import pooled_energies

MEL_UNIT = 100.0  # mel in a step of a conditioned centre: about one Bark, and about one bandwidth of 40 filters
Parametrization = Literal["reference", "conditioned"]
Precision = Literal["exact", "fast"]


class GaborFilterbank(keras.layers.Layer):
    """Pooled energies of N Gabor filters; the filterbank of `Leaf`, before floor and compression.

        g_n(t) = exp(i mu_n t) exp(-t^2 / (2 sigma_n^2)) / (sqrt(2 pi) sigma_n),  t = -(K // 2) ... ceil(K / 2) - 1
        E[i, n] = sum_k w_n(k) |(g_n * x)(S i - lead + k)|^2, over the positions inside the clip

    with the windows w of `frontends.pooling`. Computed by sub-bands (see `frontends.subbands`); no full-rate
    tensor of all filters exists. The rates follow a plan made from the weights at build; where a weight leaves its
    plan, the graph itself takes the full-band path, slower and right. `replan` makes the plan anew.

    Weights, each (N,): center and sigma. In the "reference" parametrization they are mu [rad/sample] in [0, pi] and
    sigma [samples] in [1.4991, K sqrt(2 ln 2) / pi]; in the "conditioned" one the centre in hundreds of mel and
    ln(sigma), and the pooling width is stored as its logarithm. Initial values: see `filters.initial_gabor`.

    Arguments are those of `Leaf`. Input shape: (batch, samples). Output shape: (batch, ceil(samples / S), N).
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
        parametrization: Parametrization,
        precision: Precision,
        pooling: str,
        learn_filters: bool,
        learn_pooling: bool,
        **kwargs: Any,
    ) -> None:
        super().__init__(autocast=False, **kwargs)
        self.arguments = {
            "num_filters": num_filters,
            "sample_rate": sample_rate,
            "window_ms": window_ms,
            "stride_ms": stride_ms,
            "min_hz": min_hz,
            "max_hz": max_hz,
            "scale": scale,
            "seed": seed,
            "parametrization": parametrization,
            "precision": precision,
            "pooling": pooling,
            "learn_filters": learn_filters,
            "learn_pooling": learn_pooling,
        }
        for name, value, known in (
            ("parametrization", parametrization, ("reference", "conditioned")),
            ("precision", precision, tuple(PRECISIONS)),
        ):
            if value not in known:
                raise ValueError(f"Rule: `{name}` is one of {known}. Received: {name}={value!r}.")
        self.num_filters = num_filters
        self.sample_rate = sample_rate
        self.conditioned = parametrization == "conditioned"
        self.learn_filters = learn_filters
        self.framing = Framing.from_ms(sample_rate=sample_rate, window_ms=window_ms, stride_ms=stride_ms)
        self.precision = PRECISIONS[precision]
        self.initial = filters.initial_gabor(
            scale=scale,
            num_filters=num_filters,
            sample_rate=sample_rate,
            window=self.framing.window,
            min_hz=min_hz,
            max_hz=max_hz,
            seed=seed,
        )
        self.pooling = make_pooling(
            pooling,
            framing=self.framing,
            num_filters=num_filters,
            learn=learn_pooling,
            dtype=self.dtype_policy,
            logarithmic=self.conditioned,
        )

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create center and sigma from the scale, the pooling's width, and the plan for them."""
        self.center = self._add("center", self.initial[:, 0], (0.0, float(np.pi)), self._center_stored)
        self.sigma = self._add(
            "sigma", self.initial[:, 1], filters.sigma_bounds(self.framing.window), self._sigma_stored
        )
        if not self.pooling.built:
            self.pooling.build((*input_shape, self.num_filters))
        mu, sigma = self.initial.T
        sigma = np.clip(sigma, *filters.sigma_bounds(self.framing.window))
        self._plan_for({"mu": mu, "sigma": sigma, "width": np.full(self.num_filters, INITIAL_WIDTH)})

    def _add(self, name: str, values: np.ndarray, bounds: tuple[float, float], stored: Any) -> Any:
        values = stored(values)

        def initializer(shape: tuple[int, ...], dtype: str | None = None) -> Any:
            return ops.reshape(ops.convert_to_tensor(values, dtype=dtype), shape)

        constraint = Bounded(*(float(stored(np.float64(bound))) for bound in bounds))
        return self.add_weight(
            name=name,
            shape=values.shape,
            initializer=initializer,
            constraint=constraint,
            trainable=self.learn_filters,
        )

    def _center_stored(self, mu: np.ndarray) -> np.ndarray:
        return hz_to_mel(mu * self.sample_rate / (2.0 * np.pi)) / MEL_UNIT if self.conditioned else mu

    def _sigma_stored(self, sigma: np.ndarray) -> np.ndarray:
        return np.log(sigma) if self.conditioned else sigma

    def mu_and_sigma(self, dtype: str) -> tuple[Any, Any]:
        """mu [rad/sample] and sigma [samples] within their bounds, (N,), tensors."""
        center, sigma = (
            bounded(ops.cast(weight, dtype), lower=weight.constraint.lower, upper=weight.constraint.upper)
            for weight in (self.center, self.sigma)
        )
        if not self.conditioned:
            return center, sigma
        hz = MEL_BREAK_HZ * ops.expm1(center * (MEL_UNIT / MEL_PER_NEPER))
        return hz * (2.0 * np.pi / self.sample_rate), ops.exp(sigma)

    def call(self, waveform: Any) -> Any:
        """Energies of waveforms (batch, samples), float32 or float64."""
        mu, sigma = self.mu_and_sigma(waveform.dtype)
        if isinstance(self.pooling, MaxPooling):
            kernels = gabor_kernels(mu, sigma, window=self.framing.window)
            return pooled_filters(
                waveform, kernels=kernels, rectify=_squared_modulus, pooling=self.pooling, framing=self.framing
            )
        return pooled_energies(
            waveform,
            mu=mu,
            sigma=sigma,
            width=self._width(),
            windows=ops.cast(self.pooling.windows(), waveform.dtype),
            framing=self.framing,
            plan=self.plan,
        )

    def kernels(self) -> np.ndarray:
        """The impulse responses g, complex (N, K)."""
        values = self.effective_parameters()
        return filters.gabor_kernels(mu=values["mu"], sigma=values["sigma"], window=self.framing.window)

    def effective_parameters(self) -> dict[str, np.ndarray]:
        """mu [rad/sample], sigma [samples] and the pooling width s, (N,), as the forward pass uses them."""
        mu, sigma = self.mu_and_sigma(self.variable_dtype)
        return {
            name: np.float64(np.asarray(value))
            for name, value in (("mu", mu), ("sigma", sigma), ("width", self._width()))
        }

    def _width(self) -> Any:
        """s of the pooling windows; those of other poolings are as wide as it gets."""
        if isinstance(self.pooling, GaussianPooling):
            return self.pooling.effective_width()
        return ops.full((self.num_filters,), INITIAL_WIDTH, dtype=self.variable_dtype)

    def replan(self) -> bool:
        """Make the plan anew if a weight has left it; True if it changed: then retrace what was compiled.

        Outputs are right without it, only slower. Not inside a compiled function: it reads the weights.
        """
        parameters = self.effective_parameters()
        if self.plan.holds(**parameters).all():
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
        self.plan = make_plan(framing=self.framing, precision=self.precision, **parameters)

    def load_own_variables(self, store: Any) -> None:
        """Load the weights, then plan for them."""
        super().load_own_variables(store)
        self.replan()


def _squared_modulus(real: Any, imag: Any) -> Any:
    return ops.square(real) + ops.square(imag)
