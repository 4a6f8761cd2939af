"""The fully convolutional taggers of Choi, Fazekas and Sandler: Automatic tagging using deep CNNs (ISMIR 2016)."""

from dataclasses import dataclass

import keras

from training.encoders.blocks import normalised, widened

DROPOUT = 0.5


@dataclass(frozen=True)
class Tagger:
    """One of the paper's tables: maps of each 3 x 3 layer, pooling (frequency, time) behind it, maps of 1 x 1 layers.

    The paper's last pooling takes what is left to 1 x 1; here the global maximum behind the encoder does.
    """

    filters: tuple[int, ...]
    pooling: tuple[tuple[int, int], ...]
    pointwise: tuple[int, ...] = ()


_FIVE = Tagger((128, 256, 512, 1024, 2048), ((2, 4), (2, 4), (2, 4), (3, 5)))
TAGGERS = {
    # FCN-4 and the poolings of FCN-5 are confirmed by published code; the rest is recalled from the paper, unconfirmed.
    "fcn_3": Tagger((256, 768, 2048), ((3, 5), (4, 8))),
    "fcn_4": Tagger((128, 384, 768, 2048), ((2, 4), (4, 5), (3, 8))),
    "fcn_5": _FIVE,
    "fcn_6": Tagger(_FIVE.filters, _FIVE.pooling, (1024,)),
    "fcn_7": Tagger(_FIVE.filters, _FIVE.pooling, (1024, 1024)),
}


def fcn(
    name: str, *, num_filters: int, channels: int = 1, width: float = 1.0, dropout: float | None = None, seed: int
) -> keras.Model:
    """Features (batch, frames, num_filters, channels) to maps, by the tagger of that name in `TAGGERS`.

    Every 3 x 3 convolution is followed by batch normalisation, ReLU, max pooling and dropout; FCN-6 and FCN-7 add
    one and two 1 x 1 layers. The paper's poolings take 96 filters and 1,366 frames to 1 x 1. Here they are the same
    but round sizes up, and the last one is the global maximum that stands behind every encoder, so that any number of
    frames and filters passes; what is down to one frame or filter is pooled no further.
    """
    tagger = TAGGERS[name]
    rate = DROPOUT if dropout is None else dropout
    features = keras.Input((None, num_filters, channels))
    x = features
    for layer, filters in enumerate(tagger.filters):
        x = _layer(x, widened(filters, width), kernel=3)
        if layer < len(tagger.pooling):
            frequency, time = tagger.pooling[layer]
            x = keras.layers.MaxPooling2D((time, frequency), padding="same")(x)
        x = keras.layers.Dropout(rate, seed=seed + layer)(x)
    for layer, filters in enumerate(tagger.pointwise, start=len(tagger.filters)):
        x = _layer(x, widened(filters, width), kernel=1)
        x = keras.layers.Dropout(rate, seed=seed + layer)(x)
    return keras.Model(features, x, name=name)


def _layer(x: keras.KerasTensor, filters: int, *, kernel: int) -> keras.KerasTensor:
    x = keras.layers.Conv2D(filters, kernel, padding="same")(x)
    return keras.layers.ReLU()(normalised()(x))
