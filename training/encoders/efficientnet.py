"""EfficientNetB0 for features."""

import warnings

import keras

MINIMUM_SIZE = 32
DROPOUT = 0.2


def efficientnet_b0(channels: int = 1, *, dropout: float | None = None) -> keras.Model:
    """EfficientNetB0 without its head, from scratch, for features that arrive unscaled.

    The stock Keras model divides its input by 255 and normalises it with the statistics of images even
    with `weights=None`; here both layers pass their input on.

    Args:
      channels: of the features.
      dropout: at which a residual block at the full depth would be skipped, 0.2 by default; each in proportion to its
        depth.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "This model usually expects 1 or 3 input channels", UserWarning)
        stock = keras.applications.EfficientNetB0(include_top=False, weights=None, input_shape=(None, None, channels))

    def adapted(layer: keras.layers.Layer) -> keras.layers.Layer:
        if isinstance(layer, keras.layers.Rescaling | keras.layers.Normalization):
            return keras.layers.Identity(name=layer.name)
        settings = layer.get_config()
        if isinstance(layer, keras.layers.BatchNormalization):
            settings["synchronized"] = True
        if isinstance(layer, keras.layers.Dropout) and dropout is not None:
            settings["rate"] *= dropout / DROPOUT
        return layer.__class__.from_config(settings)

    return keras.models.clone_model(stock, clone_function=adapted)
