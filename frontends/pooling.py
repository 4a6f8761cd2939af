"""Pooling of band energies over windows of K samples every S samples, by name: what is learned of it, and its windows.

A filterbank pools. Gaussian and mean pooling are sums under `windows`, which may be taken at a low rate too; max
pooling needs every sample.
"""

from typing import Any, Literal

import keras
import numpy as np
from keras import ops

from frontends.bounds import Bounded, bounded
from frontends.framing import Framing

PoolingName = Literal["gaussian", "max", "mean"]
INITIAL_WIDTH = 0.4  # close to a Hann window
LARGEST_WIDTH = 0.5


def make_pooling(
    name: str, *, framing: Framing, num_filters: int, learn: bool, dtype: Any, logarithmic: bool = False
) -> keras.layers.Layer:
    """The pooling of that name, new: "gaussian" (N learned widths), "mean" or "max"; learn=False freezes it."""
    if name == "gaussian":
        arguments = {"framing": framing, "logarithmic": logarithmic, "trainable": learn}
        return GaussianPooling(num_filters, **arguments, dtype=dtype, name="pooling")
    if name == "mean":
        return MeanPooling(num_filters, framing=framing, dtype=dtype, name="pooling")
    if name == "max":
        return MaxPooling(dtype=dtype, name="pooling")
    raise ValueError(f'Rule: `pooling` is "gaussian", "max" or "mean". Received: pooling={name!r}.')


class GaussianPooling(keras.layers.Layer):
    """Sums under Gaussian windows of learned width, one a filter, zeros outside the clip.

        w(k) = exp(-0.5 ((k - (K - 1) / 2) / (s (K - 1) / 2))^2),  k = 0 ... K - 1;  not normalised

    Weight: width s in [2 / K, 0.5], in units of half a window, (N,), initially 0.4; its logarithm where
    `logarithmic`. Clipped in the forward pass and projected after an update.
    """

    def __init__(self, num_filters: int, *, framing: Framing, logarithmic: bool = False, **kwargs: Any) -> None:
        super().__init__(autocast=False, **kwargs)
        self.num_filters = num_filters
        self.framing = framing
        self.logarithmic = logarithmic
        self.bounds = (2.0 / framing.window, LARGEST_WIDTH)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create width."""
        lower, upper, initial = (self._stored(value) for value in (*self.bounds, INITIAL_WIDTH))
        self.stored_bounds = (lower, upper)
        self.width = self.add_weight(
            name="width",
            shape=(input_shape[-1],),
            initializer=keras.initializers.Constant(initial),
            constraint=Bounded(lower, upper),
        )

    def _stored(self, width: float) -> float:
        return float(np.log(width)) if self.logarithmic else width

    def effective_width(self) -> Any:
        """s within its bounds, (N,), a tensor."""
        lower, upper = self.stored_bounds
        width = bounded(ops.convert_to_tensor(self.width), lower=lower, upper=upper)
        return ops.exp(width) if self.logarithmic else width

    def windows(self) -> Any:
        """w, (N, K)."""
        half = (self.framing.window - 1) / 2.0
        width = self.effective_width()
        position = ops.cast((np.arange(self.framing.window) - half) / half, width.dtype)
        return ops.exp(-0.5 * ops.square(position[None, :] / width[:, None]))


class MeanPooling(keras.layers.Layer):
    """Means over windows, zeros outside the clip: a window of K times 1 / K. No weights."""

    def __init__(self, num_filters: int, *, framing: Framing, **kwargs: Any) -> None:
        super().__init__(autocast=False, **kwargs)
        self.num_filters = num_filters
        self.framing = framing

    def windows(self) -> Any:
        """1 / K everywhere, (N, K)."""
        shape = (self.num_filters, self.framing.window)
        return ops.full(shape, 1.0 / self.framing.window, dtype=self.variable_dtype)


class MaxPooling(keras.layers.Layer):
    """Maxima over windows, of what is inside the clip. No weights, and no windows: `frontends.fullrate` takes them."""
