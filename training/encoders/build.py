"""From a config to the network behind a front end: features [batch, frames, filters, maps] to [batch, size]."""

import keras

from training.encoders.cnn14 import cnn14
from training.encoders.config import EncoderConfig
from training.encoders.conv_net import conv_net
from training.encoders.efficientnet import MINIMUM_SIZE, efficientnet_b0
from training.encoders.fcn import fcn


def build_encoder(config: EncoderConfig, *, frames: int, num_filters: int, channels: int = 1, seed: int) -> keras.Model:
    """The encoder that `config` names, for features [frames, num_filters, channels], to an embedding [size].

    The embedding is the global maximum of the network's maps, as in the original LEAF code; CNN14 may have the head of
    PANNs instead.

    Raises:
      ValueError: EfficientNetB0 for fewer than 32 frames or filters; its last map would be empty.
    """
    network = _network(config, frames=frames, num_filters=num_filters, channels=channels, seed=seed)
    if len(network.output.shape) == 2:
        return network
    embedding = keras.layers.GlobalMaxPooling2D()(network.output)
    return keras.Model(network.input, embedding, name=network.name)


def _network(config: EncoderConfig, *, frames: int, num_filters: int, channels: int, seed: int) -> keras.Model:
    if config.name == "efficientnet_b0":
        if min(frames, num_filters) < MINIMUM_SIZE:
            raise ValueError(
                f"efficientnet_b0 needs at least {MINIMUM_SIZE} frames and filters. Received: {frames} frames, "
                f"{num_filters} filters. Take longer windows or more filters, or the encoder conv_net."
            )
        return efficientnet_b0(channels, dropout=config.dropout)
    settings = {"num_filters": num_filters, "channels": channels, "width": config.width, "dropout": config.dropout}
    if config.name == "cnn14":
        return cnn14(**settings, head=config.head, seed=seed)
    return conv_net(**settings, seed=seed) if config.name == "conv_net" else fcn(config.name, **settings, seed=seed)
