"""From a config and a sample rate to a layer."""

from typing import Any

import keras

from frontends import config as configs
from frontends.leaf import Leaf
from frontends.mel import MelFilterbank
from frontends.sinc import SincNet, SincNetPlus
from frontends.time_domain import TimeDomainFilterbank
from frontends.wavegram import Wavegram

LAYERS: dict[type, Any] = {
    configs.LeafConfig: Leaf,
    configs.MelFilterbankConfig: MelFilterbank,
    configs.TimeDomainFilterbankConfig: TimeDomainFilterbank,
    configs.SincNetConfig: SincNet,
    configs.SincNetPlusConfig: SincNetPlus,
    configs.WavegramConfig: Wavegram,
}


def build(config: configs.FrontendConfig, *, sample_rate: int) -> keras.layers.Layer:
    """The front end that `config` describes, for waveforms at `sample_rate` [Hz], named "frontend"."""
    if type(config) not in LAYERS:
        raise ValueError(f"Rule: `config` is one of {[kind.__name__ for kind in LAYERS]}. Received: config={config!r}.")
    fields = {name: value for name, value in vars(config).items() if name != "kind"}
    return LAYERS[type(config)](**fields, sample_rate=sample_rate, name="frontend")
