"""Bounds of parameters: clipped in the forward pass, projected after an update, never a dead gradient."""

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="leafworks")
class Bounded(keras.constraints.Constraint):
    """Projection onto [lower, upper] after an update of the optimizer, so a weight at a bound can come back.

    Args:
      lower: float, smallest value; None for no bound.
      upper: float, largest value; None for no bound.
    """

    def __init__(self, lower: float | None = None, upper: float | None = None) -> None:
        self.lower = lower
        self.upper = upper

    def __call__(self, value: Any) -> Any:
        """The nearest value within the bounds."""
        return clip(value, lower=self.lower, upper=self.upper)

    def get_config(self) -> dict[str, Any]:
        """The arguments it was made with."""
        return {"lower": self.lower, "upper": self.upper}


def clip(value: Any, *, lower: float | None, upper: float | None) -> Any:
    """`value` within [lower, upper]; None is no bound."""
    value = value if lower is None else ops.maximum(value, lower)
    return value if upper is None else ops.minimum(value, upper)


def bounded(value: Any, *, lower: float | None = None, upper: float | None = None) -> Any:
    """`clip`, with the gradient of the identity.

    The reference's clip has gradient zero outside, where a weight then stays for ever. Here a weight that
    was put outside (by an initialiser or by hand) moves as if it were at the bound.
    """
    clipped = clip(ops.stop_gradient(value), lower=lower, upper=upper)
    return clipped + (value - ops.stop_gradient(value))
