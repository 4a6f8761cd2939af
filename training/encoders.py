"""Networks behind a front end: features [batch, frames, filters, channels] -> a map [batch, rows, columns, maps].

Batch normalisation is synchronised over the workers of a trial, so that its moving statistics, and with
them the checkpoint, do not depend on which worker writes it.
"""

import keras

from training.config import EncoderConfig

CONV_NET_FILTERS = (64, 128, 256, 256, 512, 512)
_POOLED_BLOCKS = (0, 1, 3, 5)
# With Keras's 0.99 the moving statistics of a run of a few hundred steps are still those of the initial weights.
_MOMENTUM = 0.9
_EFFICIENTNET_MINIMUM = 32


def build_encoder(config: EncoderConfig, *, frames: int, num_filters: int, channels: int = 1, seed: int) -> keras.Model:
    """The encoder that `config` names, for features [frames, num_filters, channels].

    Raises:
      ValueError: EfficientNetB0 for fewer than 32 frames or filters; its last map would be empty.
    """
    if config.name == "conv_net":
        settings = {"width": config.width, "dropout": config.dropout}
        return conv_net(**settings, num_filters=num_filters, channels=channels, seed=seed)
    if min(frames, num_filters) < _EFFICIENTNET_MINIMUM:
        raise ValueError(
            f"efficientnet_b0 needs at least {_EFFICIENTNET_MINIMUM} frames and filters. Received: {frames} frames, "
            f"{num_filters} filters. Take longer windows or more filters, or the encoder conv_net."
        )
    return efficientnet_b0(channels)


def conv_net(*, width: float, dropout: float, num_filters: int, channels: int = 1, seed: int) -> keras.Model:
    """The small ConvNet of the original LEAF code: 3,544,128 weights at width 1.

    Six blocks of a convolution over time (3 x 1) and one over frequency (1 x 3), each followed by ReLU,
    batch normalisation and dropout; 2 x 2 max pooling behind blocks 1, 2, 4 and 6. Pooling rounds
    sizes up, so that any number of frames and filters passes.
    """
    features = keras.Input((None, num_filters, channels))
    x = features
    for block, filters in enumerate(CONV_NET_FILTERS):
        for position, kernel in enumerate(((3, 1), (1, 3))):
            x = keras.layers.Conv2D(max(1, round(filters * width)), kernel, padding="same", activation="relu")(x)
            x = keras.layers.BatchNormalization(momentum=_MOMENTUM, synchronized=True)(x)
            x = keras.layers.Dropout(dropout, seed=seed + 2 * block + position)(x)
        if block in _POOLED_BLOCKS:
            x = keras.layers.MaxPooling2D(2, padding="same")(x)
    return keras.Model(features, x, name="conv_net")


def efficientnet_b0(channels: int = 1) -> keras.Model:
    """EfficientNetB0 without its head, from scratch, for features that arrive unscaled.

    The stock Keras model divides its input by 255 and normalises it with the statistics of images even
    with `weights=None`; here both layers pass their input on.
    """
    stock = keras.applications.EfficientNetB0(include_top=False, weights=None, input_shape=(None, None, channels))

    def adapted(layer: keras.layers.Layer) -> keras.layers.Layer:
        if isinstance(layer, keras.layers.Rescaling | keras.layers.Normalization):
            return keras.layers.Identity(name=layer.name)
        settings = layer.get_config()
        if isinstance(layer, keras.layers.BatchNormalization):
            settings["synchronized"] = True
        return layer.__class__.from_config(settings)

    return keras.models.clone_model(stock, clone_function=adapted)
