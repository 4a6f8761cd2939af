"""From a config and a sample rate to a layer."""

from typing import Any

import keras

from frontends.config import FrontendConfig, LeafConfig, MelFilterbankConfig
from frontends.leaf import Leaf
from frontends.mel import MelFilterbank


def build(config: FrontendConfig, *, sample_rate: int) -> keras.layers.Layer:
    """The front end that `config` describes, for waveforms at `sample_rate` [Hz], named "frontend"."""
    layers: dict[type, Any] = {LeafConfig: Leaf, MelFilterbankConfig: MelFilterbank}
    if type(config) not in layers:
        raise ValueError(f"Rule: `config` is one of {[kind.__name__ for kind in layers]}. Received: config={config!r}.")
    fields = {name: value for name, value in vars(config).items() if name != "kind"}
    return layers[type(config)](**fields, sample_rate=sample_rate, name="frontend")
