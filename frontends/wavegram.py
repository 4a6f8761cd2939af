"""Wavegram: a stack of convolutions from waveform to a time-frequency map, from PANNs."""

from typing import Any, Literal

import keras
from keras import ops

from frontends.frontend import check_waveform_shape

STRIDE = 640  # samples a frame: 5 in the first convolution, 4 in each of three maxima, 2 in the last mean
BINS, CHANNELS = 32, 64
_BLOCKS = (64, 128, 128)
_PLAIN: dict[str, Any] = {"use_bias": False, "data_format": "channels_last", "name": "convolution"}
# As in the encoders: with Keras's 0.99 the statistics of a short run are still those of the initial weights.
_MOMENTUM = 0.9


@keras.saving.register_keras_serializable(package="leafworks")
class Wavegram(keras.layers.Layer):
    """Wavegram (Kong et al., 2020): learned convolutions whose channels become frequency.

        a = CNR(x; 64, k = 11, stride 5)
        a = max_4(CNR(CNR(a; C, k = 3); C, k = 3, dilation 2)),     for C = 64, 128, 128
        out = mean_2(CNR(CNR(b; 64, k = 3 x 3); 64, k = 3 x 3)),   over time and bins

    CNR is a convolution with zeros around and no bias, batch normalisation (momentum 0.9) and ReLU; max_4 and mean_2
    are over times that do not overlap. From a (batch, T / 320, 128) the two forms make b differently:

    - form="panns", the original: channel 32 m + n is bin n of map m, b (batch, T / 320, 32 bins, 4 maps), and `out` is
      (batch, T / 640, 32, 64), bins and maps, for an encoder that takes 64 input maps. 238,144 parameters
      (and 1,664 statistics). Window i of the first convolution is centred at sample 5 i.
    - form="reference", of the LEAF code: one bin and 128 maps, and the 64 channels behind it are taken for frequency:
      `out` is (batch, T / 640, 64). 309,568 parameters (and 1,664 statistics), a quarter of them without effect, as
      only the middle third of a 3 x 3 kernel ever meets its one bin. Window i is centred at sample 5 i + 2.

    A frame is 640 samples whatever the rate: 50 a second at PANNs' 32 kHz, 25 at 16 kHz. A clip of another length
    gets zeros at its end up to a multiple of 640, where the originals drop what is left over. Under mixed precision
    the first convolution takes the waveform in float32; the rest is computed in the compute dtype.

    Args:
      form: "panns" or "reference". Defaults to "panns".
      sample_rate: int, of the waveform [Hz]; changes nothing, as strides count samples. Defaults to 16000.

    Attributes:
      num_filters: int, bins of the output: 32, or 64 in the reference's form.

    Input shape: (batch, samples) or (batch, samples, 1), floats, nominally in [-1, 1].
    Output shape: (batch, ceil(samples / 640), 32, 64), or (batch, ceil(samples / 640), 64) in the reference's form.

    Raises:
      ValueError: an unknown form, or a waveform that is not mono.

    Source: Kong et al., "PANNs: Large-scale pretrained audio neural networks for audio pattern recognition",
    TASLP 2020, section III-C, as its code computes it (qiuqiangkong/audioset_tagging_cnn), and the code of LEAF
    (google-research/leaf-audio b130481).

    Example:
        >>> tuple(Wavegram()(np.zeros((2, 32000), "float32")).shape)
        (2, 50, 32, 64)
        >>> tuple(Wavegram("reference")(np.zeros((2, 16000), "float32")).shape)
        (2, 25, 64)
    """

    def __init__(
        self, form: Literal["panns", "reference"] = "panns", *, sample_rate: int = 16000, **kwargs: Any
    ) -> None:
        super().__init__(autocast=False, **kwargs)
        if form not in ("panns", "reference"):
            raise ValueError(f'Rule: `form` is "panns" or "reference". Received: form={form!r}.')
        self.form = form
        self.sample_rate = sample_rate
        self.num_filters = BINS if form == "panns" else CHANNELS
        self._wide = "float64" if self.compute_dtype == "float64" else "float32"
        # The batch normalisations of PANNs have PyTorch's epsilon, those of the LEAF code have Keras's.
        epsilon = 1e-5 if form == "panns" else 1e-3
        self.first = _CNR(
            keras.layers.Conv1D(CHANNELS, 11, strides=5, **_PLAIN, padding="valid", dtype=self._wide),
            epsilon=epsilon,
            name="first",
        )
        self.blocks = [
            _CNR(
                keras.layers.Conv1D(
                    channels, 3, dilation_rate=dilation, **_PLAIN, padding="same", dtype=self.dtype_policy
                ),
                epsilon=epsilon,
                name=f"block{block}_dilation{dilation}",
            )
            for block, channels in enumerate(_BLOCKS, start=1)
            for dilation in (1, 2)
        ]
        self.last = [
            _CNR(
                keras.layers.Conv2D(CHANNELS, 3, **_PLAIN, padding="same", dtype=self.dtype_policy),
                epsilon=epsilon,
                name=f"last{position}",
            )
            for position in (1, 2)
        ]

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create the weights of all convolutions and normalisations."""
        batch, _ = check_waveform_shape(input_shape, name=type(self).__name__)
        shape: tuple[int | None, ...] = (batch, None, 1)
        for layer in (self.first, *self.blocks):
            layer.build(shape)
            shape = (batch, None, layer.channels)
        shape = (batch, None, BINS, _BLOCKS[-1] // BINS) if self.form == "panns" else (batch, None, 1, _BLOCKS[-1])
        for layer in self.last:
            layer.build(shape)
            shape = (*shape[:-1], layer.channels)

    def call(self, inputs: Any, training: bool = False) -> Any:
        """Waveforms (batch, samples) or (batch, samples, 1) to a map, see the class."""
        check_waveform_shape(inputs.shape, name=type(self).__name__)
        waveform = ops.reshape(ops.cast(inputs, self._wide), (*ops.shape(inputs)[:2], 1))
        batch, samples, _ = ops.shape(waveform)
        if isinstance(samples, int) and samples == 0:
            shape = (batch, 0, BINS, CHANNELS) if self.form == "panns" else (batch, 0, CHANNELS)
            return ops.zeros(shape, self.compute_dtype)
        before = 5 if self.form == "panns" else 3
        x = ops.pad(waveform, ((0, 0), (before, 6 - before + (-samples) % STRIDE), (0, 0)))
        x = ops.cast(self.first(x, training=training), self.compute_dtype)
        for plain, dilated in zip(self.blocks[::2], self.blocks[1::2], strict=True):
            x = dilated(plain(x, training=training), training=training)
            x = ops.max_pool(x, 4, strides=4, padding="valid", data_format="channels_last")
        x = self._as_image(x)
        for layer in self.last:
            x = layer(x, training=training)
        x = ops.average_pool(x, (2, 1), strides=(2, 1), padding="valid", data_format="channels_last")
        return x if self.form == "panns" else x[:, :, 0]

    def _as_image(self, x: Any) -> Any:
        """(batch, times, 128) to (batch, times, bins, maps)."""
        if self.form == "reference":
            return x[:, :, None]
        batch, times, channels = ops.shape(x)
        return ops.transpose(ops.reshape(x, (batch, times, channels // BINS, BINS)), (0, 1, 3, 2))

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """(batch, frames, 32, 64), or (batch, frames, 64) in the reference's form."""
        batch, samples = check_waveform_shape(input_shape, name=type(self).__name__)
        frames = None if samples is None else -(-samples // STRIDE)
        return (batch, frames, BINS, CHANNELS) if self.form == "panns" else (batch, frames, CHANNELS)

    def get_config(self) -> dict[str, Any]:
        """The arguments the layer was made with."""
        return {**super().get_config(), "form": self.form, "sample_rate": self.sample_rate}


class _CNR(keras.layers.Layer):
    """Convolution, batch normalisation over all workers, ReLU."""

    def __init__(self, convolution: keras.layers.Layer, *, epsilon: float, name: str) -> None:
        super().__init__(name=name, autocast=False, dtype=convolution.dtype_policy)
        self.convolution = convolution
        self.channels = convolution.filters
        self.normalization = keras.layers.BatchNormalization(
            momentum=_MOMENTUM,
            epsilon=epsilon,
            synchronized=keras.backend.backend() == "tensorflow",  # no other backend has it
            dtype=convolution.dtype_policy,
            name="normalization",
        )

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create the weights."""
        self.convolution.build(input_shape)
        self.normalization.build((*input_shape[:-1], self.channels))

    def call(self, inputs: Any, training: bool = False) -> Any:
        """Inputs (batch, times, channels) or (batch, times, bins, maps)."""
        return ops.relu(self.normalization(self.convolution(inputs), training=training))
