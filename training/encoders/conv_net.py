"""The small ConvNet of the original LEAF code."""

import keras

from training.encoders.blocks import normalised, widened

FILTERS = (64, 128, 256, 256, 512, 512)
DROPOUT = 0.1
_POOLED_BLOCKS = (0, 1, 3, 5)


def conv_net(
    *, num_filters: int, channels: int = 1, width: float = 1.0, dropout: float | None = None, seed: int
) -> keras.Model:
    """Features (batch, frames, num_filters, channels) to maps: 3,544,128 weights at width 1.

    Six blocks of a convolution over time (3 x 1) and one over frequency (1 x 3), each followed by ReLU,
    batch normalisation and dropout; 2 x 2 max pooling behind blocks 1, 2, 4 and 6. Pooling rounds
    sizes up, so that any number of frames and filters passes.
    """
    features = keras.Input((None, num_filters, channels))
    rate = DROPOUT if dropout is None else dropout
    x = features
    for block, filters in enumerate(FILTERS):
        for position, kernel in enumerate(((3, 1), (1, 3))):
            x = keras.layers.Conv2D(widened(filters, width), kernel, padding="same", activation="relu")(x)
            x = normalised()(x)
            x = keras.layers.Dropout(rate, seed=seed + 2 * block + position)(x)
        if block in _POOLED_BLOCKS:
            x = keras.layers.MaxPooling2D(2, padding="same")(x)
    return keras.Model(features, x, name="conv_net")
