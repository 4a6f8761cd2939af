"""From the description of a front end to the layer, built."""

import keras

from frontends import build
from training.requests import FrontendSource, InitialFrontend, SavedFrontend


def load_frontend(source: FrontendSource) -> keras.layers.Layer:
    """The layer that `source` describes; of a saved model, the layer inside it.

    Raises:
      ValueError: Keras refuses the file: it is damaged, needs code that is not here, or would run code of its own.
    """
    if isinstance(source, InitialFrontend):
        layer = build.build(source.config, sample_rate=source.sample_rate)
    else:
        layer = _only_frontend(_load(source), source)
    if not layer.built:
        layer.build((None, None))
    return layer


def _load(source: SavedFrontend) -> keras.layers.Layer:
    try:
        return keras.saving.load_model(source.path, compile=False, safe_mode=True)
    except Exception as error:
        raise ValueError(
            f"Keras does not load {source.path}: {error}\nSave the front end alone, where the rest of the model is in "
            "the way: `keras.saving.save_model(layer, 'layer.keras')`."
        ) from error


def _only_frontend(model: keras.layers.Layer, source: SavedFrontend) -> keras.layers.Layer:
    kinds = tuple(build.LAYERS.values())
    found = [layer for layer in model._flatten_layers() if isinstance(layer, kinds)]
    if len(found) != 1:
        raise ValueError(f"Rule: a file has one front end. Received: {source.path}, which has {len(found)}.")
    return found[0]
