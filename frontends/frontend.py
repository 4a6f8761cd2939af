"""What all front ends share: from a mono waveform through a filterbank, a floor and a compression to features."""

from typing import Any

import keras
from keras import ops

from frontends.compression import make_compression


class FrontEnd(keras.layers.Layer):
    """features = compression(max(filterbank(waveform), floor)), with checked shapes and precision.

    A front end is this class around a filterbank of its own: a layer from waveforms (batch, samples) to band
    energies (batch, frames, N), pooled, in float32. Spectra and PCEN are computed in float32 (float64 under that
    policy) under mixed precision too; features have the compute dtype.

    Attributes:
      filterbank: layer with `num_filters`, `framing`, `sample_rate`, and `arguments`, what it was made with.
      compress: callable or layer from energies to features.
    """

    def __init__(
        self,
        filterbank: keras.layers.Layer,
        *,
        floor: float | None,
        compression: str | None,
        learn_compression: bool,
        **kwargs: Any,
    ) -> None:
        super().__init__(autocast=False, **kwargs)
        self.filterbank = filterbank
        self.floor = floor
        self.compression = compression
        self.learn_compression = learn_compression
        self.compress = make_compression(compression, learn=learn_compression, dtype=self.dtype_policy)

    @property
    def trainable(self) -> bool:
        """Whether what is not frozen by an argument is learned; setting it thaws nothing that is."""
        return bool(keras.layers.Layer.trainable.fget(self))

    @trainable.setter
    def trainable(self, value: bool) -> None:
        keras.layers.Layer.trainable.fset(self, value)
        for part, learned in (
            (getattr(self.filterbank, "pooling", None), self.filterbank.arguments.get("learn_pooling", True)),
            (self.compress, self.learn_compression),
        ):
            if isinstance(part, keras.layers.Layer) and not learned:
                part.trainable = False

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create the weights of the filterbank and of the compression."""
        batch, samples = check_waveform_shape(input_shape, name=type(self).__name__)
        self.filterbank.build((batch, samples))
        if isinstance(self.compress, keras.layers.Layer):
            self.compress.build((batch, None, self.filterbank.num_filters))

    def call(self, inputs: Any) -> Any:
        """Waveforms (batch, samples) or (batch, samples, 1) to features (batch, frames, N)."""
        check_waveform_shape(inputs.shape, name=type(self).__name__)
        waveform = inputs if len(inputs.shape) == 2 else ops.squeeze(inputs, 2)
        waveform = ops.cast(waveform, "float64" if self.compute_dtype == "float64" else "float32")
        if waveform.shape[1] == 0:
            return ops.zeros((ops.shape(waveform)[0], 0, self.filterbank.num_filters), self.compute_dtype)
        energies = self.filterbank(waveform)
        if self.floor is not None:
            energies = ops.maximum(energies, self.floor)
        return ops.cast(self.compress(energies), self.compute_dtype)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """(batch, frames, N)."""
        batch, samples = check_waveform_shape(input_shape, name=type(self).__name__)
        return batch, self.filterbank.framing.num_frames(samples), self.filterbank.num_filters

    def get_config(self) -> dict[str, Any]:
        """The arguments the layer was made with."""
        own = {"compression": self.compression, "learn_compression": self.learn_compression}
        return {**super().get_config(), **self.filterbank.arguments, **own}


def check_waveform_shape(shape: tuple[int | None, ...], *, name: str) -> tuple[int | None, int | None]:
    """(batch, samples) of a mono waveform's shape; refuses everything else."""
    if len(shape) == 2 or (len(shape) == 3 and shape[2] == 1):
        return shape[0], shape[1]
    raise ValueError(
        f"Rule: `{name}` takes mono waveforms (batch, samples) or (batch, samples, 1). Received: shape={tuple(shape)}. "
        "Average the channels, or give each channel as a clip of its own."
    )
