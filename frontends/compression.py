"""Compression of band energies, by name: logarithm, learned power, PCEN, sPCEN, layer normalisation, none."""

from collections.abc import Callable
from typing import Any, Literal

import keras
from keras import ops

from frontends.bounds import Bounded, bounded
from frontends.pcen import PCEN

CompressionName = Literal["log", "power", "pcen", "spcen", "layer_norm"]
LOG_OFFSET = 1e-5
POWER_FLOOR = 1e-5


def make_compression(name: str | None, *, learn: bool, dtype: Any) -> Callable[[Any], Any]:
    """The compression of that name, new; with learn=False its weights, if there are any, are frozen.

    "log": ln(x + 1e-5). "power": x^(1 / r), r learned, N parameters. "pcen": PCEN whose smoothing is fixed, 3 N
    learned. "spcen": PCEN whose smoothing is learned too, 4 N. "layer_norm": over the channels of a frame, 2 N.
    None: the energies themselves.
    """
    if name is None:
        return _identity
    if name == "log":
        return log_compress
    layer = {"power": PowerCompression, "pcen": PCEN, "spcen": PCEN, "layer_norm": keras.layers.LayerNormalization}
    if name not in layer:
        raise ValueError(
            'Rule: `compression` is "log", "power", "pcen", "spcen", "layer_norm" or None. '
            f"Received: compression={name!r}."
        )
    arguments = {"pcen": {"learn_smooth": False}, "layer_norm": {"epsilon": 1e-3, "autocast": False}}.get(name, {})
    return layer[name](**arguments, trainable=learn, dtype=dtype, name=name)


def log_compress(energies: Any) -> Any:
    """ln(x + 1e-5)."""
    return ops.log(energies + LOG_OFFSET)


def _identity(energies: Any) -> Any:
    return energies


@keras.saving.register_keras_serializable(package="leafworks")
class PowerCompression(keras.layers.Layer):
    """y = max(x, 1e-5)^(1 / r), with a learned root r >= 1 a channel.

    Args:
      root: float, initial r. Defaults to 2.0.

    Input shape: (batch, frames, channels), energies >= 0. Output shape: the same.

    Source: the root compression that the PCEN paper compares with (Wang et al., ICASSP 2017), its exponent learned.

    Example:
        >>> y = PowerCompression()(np.full((1, 1, 3), 4.0, "float32"))
        >>> np.asarray(y).ravel().tolist()
        [2.0, 2.0, 2.0]
    """

    def __init__(self, *, root: float = 2.0, **kwargs: Any) -> None:
        super().__init__(autocast=False, **kwargs)
        self.initial_root = root

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create root, one a channel."""
        self.root = self.add_weight(
            name="root",
            shape=(input_shape[-1],),
            initializer=keras.initializers.Constant(self.initial_root),
            constraint=Bounded(1.0, None),
        )

    def call(self, energies: Any) -> Any:
        """Compress energies (batch, frames, channels)."""
        dtype = "float64" if self.compute_dtype == "float64" else "float32"
        energies = ops.maximum(ops.cast(energies, dtype), POWER_FLOOR)
        exponent = 1.0 / bounded(ops.cast(self.root, dtype), lower=1.0)
        return ops.cast(ops.power(energies, exponent), self.compute_dtype)

    def effective_parameters(self) -> dict[str, Any]:
        """root, (channels,), as the forward pass uses it."""
        return {"root": ops.convert_to_numpy(ops.maximum(self.root, 1.0)).astype("float64")}

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """The input's shape."""
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        """The arguments the layer was made with."""
        return {**super().get_config(), "root": self.initial_root}
