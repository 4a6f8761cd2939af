"""CNN14 of PANNs, with the head of PANNs or that of the original LEAF code."""

from typing import Any, Literal

import keras

from training.encoders.blocks import normalised, widened

FILTERS = (64, 128, 256, 512, 1024, 2048)
EMBEDDING = 2048
BLOCK_DROPOUT, HEAD_DROPOUT = 0.2, 0.5
_EPSILON = 1e-5


def cnn14(
    *,
    num_filters: int,
    channels: int = 1,
    width: float = 1.0,
    dropout: float | None = None,
    head: Literal["panns", "reference"] = "panns",
    seed: int,
) -> keras.Model:
    """Features (batch, frames, num_filters, channels) to an embedding (batch, 2048 width), or to maps.

    Each filter is normalised by itself; then six blocks of two 3 x 3 convolutions without bias, each with batch
    normalisation and ReLU, 2 x 2 average pooling (not behind the last block) and dropout. Head "panns": mean over
    frequency, maximum plus mean over time, dropout, a dense layer with ReLU, dropout: 80,753,615 parameters with 64
    filters and a head of 527 classes. Head "reference": none, the maps (batch, rows, columns, 2048 width); the LEAF
    code takes their global maximum: 75,493,696 weights with 64 filters.

    Pooling rounds sizes up, as the LEAF code does, and averages what there is: PANNs' own rounds down, so that up to 31
    frames are never heard and fewer than 32 leave nothing. Where 32 divides both sizes the two are equal.

    Source: Kong et al., PANNs, TASLP 2020, Table I, and its code (dropout, the normalisation in front, epsilon).
    """
    features = keras.Input((None, num_filters, channels))
    block_rate, head_rate = (BLOCK_DROPOUT, HEAD_DROPOUT) if dropout is None else (dropout, dropout)
    x = normalised(axis=2, epsilon=_EPSILON)(features)
    for block, filters in enumerate(FILTERS):
        for _ in range(2):
            x = keras.layers.Conv2D(widened(filters, width), 3, padding="same", use_bias=False)(x)
            x = normalised(epsilon=_EPSILON)(x)
            x = keras.layers.ReLU()(x)
        if block < len(FILTERS) - 1:
            x = keras.layers.AveragePooling2D(2, padding="same")(x)
        x = keras.layers.Dropout(block_rate, seed=seed + block)(x)
    if head == "panns":
        x = _panns_head(x, size=widened(EMBEDDING, width), dropout=head_rate, seed=seed + len(FILTERS))
    return keras.Model(features, x, name="cnn14")


def _panns_head(maps: Any, *, size: int, dropout: float, seed: int) -> Any:
    x = keras.ops.mean(maps, axis=2)
    x = keras.layers.Add()([keras.layers.GlobalMaxPooling1D()(x), keras.layers.GlobalAveragePooling1D()(x)])
    x = keras.layers.Dropout(dropout, seed=seed)(x)
    x = keras.layers.Dense(size, activation="relu")(x)
    return keras.layers.Dropout(dropout, seed=seed + 1)(x)
