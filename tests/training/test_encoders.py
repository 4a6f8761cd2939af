"""Encoders: sizes known from the original code, any shape of features, features that arrive unscaled."""

import keras
import numpy as np
import pytest

from training.config import EncoderConfig
from training.encoders import build_encoder, conv_net, efficientnet_b0


def test_conv_net_has_the_size_of_the_original():
    """3,544,128 weights at width 1, counted in the original code."""
    assert conv_net(width=1.0, dropout=0.1, num_filters=40, seed=0).count_params() == 3_544_128


def test_efficientnet_b0_has_the_size_of_the_original():
    """4,006,972 trainable weights with one input channel, counted on the stock model."""
    model = efficientnet_b0()
    assert sum(np.prod(weight.shape) for weight in model.trainable_weights) == 4_006_972


@pytest.mark.parametrize("shape", [(100, 40), (7, 20), (1, 128), (33, 1)])
def test_conv_net_takes_any_number_of_frames_and_filters(shape):
    """Down to one of either."""
    outputs = conv_net(width=0.125, dropout=0.1, num_filters=shape[1], seed=0)(np.ones((2, *shape, 1), np.float32))
    assert np.isfinite(outputs).all()
    assert min(outputs.shape) >= 1


def test_efficientnet_b0_refuses_features_that_it_would_pool_to_nothing():
    """TensorFlow returns whatever lies in memory for the empty maps."""
    config = EncoderConfig(name="efficientnet_b0")
    with pytest.raises(ValueError, match="100 frames, 31 filters"):
        build_encoder(config, frames=100, num_filters=31, seed=0)
    outputs = build_encoder(config, frames=32, num_filters=32, seed=0)(np.ones((2, 32, 32, 1), np.float32))
    assert outputs.shape == (2, 1, 1, 1280)


def test_efficientnet_b0_gets_its_features_unscaled():
    """It computes on x what the stock model, which divides by 255, computes on 255 x."""
    ours = efficientnet_b0()
    stock = keras.applications.EfficientNetB0(include_top=False, weights=None, input_shape=(None, None, 1))
    normalization = next(layer for layer in stock.layers if isinstance(layer, keras.layers.Normalization))
    stock.set_weights([*normalization.get_weights(), *ours.get_weights()])
    features = np.random.default_rng(0).random((2, 64, 40, 1), np.float32)
    np.testing.assert_allclose(stock(255 * features), ours(features), rtol=1e-2, atol=1e-8)


@pytest.mark.parametrize("name", ["conv_net", "efficientnet_b0"])
def test_statistics_are_synchronised(name):
    """Every batch normalisation, or the checkpoint would depend on the worker that writes it."""
    width = 0.125 if name == "conv_net" else 1.0
    encoder = build_encoder(EncoderConfig(name=name, width=width), frames=100, num_filters=40, seed=0)
    layers = [layer for layer in encoder.layers if isinstance(layer, keras.layers.BatchNormalization)]
    assert layers
    assert all(layer.synchronized for layer in layers)
