"""Encoders: sizes known from papers and original code, any shape of features, features that arrive unscaled."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from training.encoders.build import build_encoder
from training.encoders.cnn14 import cnn14
from training.encoders.config import EncoderConfig
from training.encoders.conv_net import conv_net
from training.encoders.efficientnet import efficientnet_b0

SMALL = {"conv_net": 0.125, "efficientnet_b0": 1.0}
NAMES = ["conv_net", "cnn14", "fcn_3", "fcn_4", "fcn_5", "fcn_6", "fcn_7"]


def encoder_of(name, *, frames, num_filters, channels=1, **settings):
    """A narrow encoder of that name."""
    config = EncoderConfig(name=name, width=SMALL.get(name, 1 / 64), **settings)
    return build_encoder(config, frames=frames, num_filters=num_filters, channels=channels, seed=0)


def trainable(model):
    """Numbers that an optimizer changes."""
    return sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)


def test_conv_net_has_the_size_of_the_original():
    """3,544,128 weights at width 1, counted in the original code."""
    assert conv_net(num_filters=40, seed=0).count_params() == 3_544_128


def test_efficientnet_b0_has_the_size_of_the_original():
    """4,006,972 trainable weights with one input channel, counted on the stock model."""
    assert trainable(efficientnet_b0()) == 4_006_972


def test_cnn14_has_the_size_that_panns_prints():
    """80,753,615 parameters with 64 filters and 527 classes (Kong et al., Table XII)."""
    head_of_527_classes = 2048 * 527 + 527
    assert trainable(cnn14(num_filters=64, seed=0)) + head_of_527_classes == 80_753_615


def test_cnn14_with_the_reference_head_has_the_size_of_the_original():
    """75,493,696 weights with 64 filters, statistics included, counted in the LEAF code's PANN."""
    assert cnn14(num_filters=64, head="reference", seed=0).count_params() == 75_493_696


@pytest.mark.parametrize(
    ("name", "size"),
    [
        # Sums over the layers of maps_in * maps_out * kernel + 3 maps_out (bias, scale and offset).
        ("fcn_3", 3_072 + 1_771_776 + 14_161_920),
        ("fcn_4", 1_536 + 443_520 + 2_656_512 + 14_161_920),
        ("fcn_5", 1_536 + 295_680 + 1_181_184 + 4_721_664 + 18_880_512),
        ("fcn_6", 25_080_576 + 2_100_224),
        ("fcn_7", 25_080_576 + 2_100_224 + 1_051_648),
    ],
)
def test_fcn_has_the_size_of_its_table(name, size):
    """From the layers of the paper's tables, with one input channel."""
    assert trainable(build_encoder(EncoderConfig(name=name), frames=100, num_filters=40, seed=0)) == size


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("shape", [(100, 40), (7, 20), (1, 128), (33, 1)])
def test_any_number_of_frames_and_filters_passes(name, shape):
    """Down to one of either."""
    features = np.random.default_rng(0).random((2, *shape, 1), np.float32)
    outputs = encoder_of(name, frames=shape[0], num_filters=shape[1])(features)
    assert len(outputs.shape) == 2
    assert outputs.shape[0] == 2
    assert np.isfinite(outputs).all()


def test_cnn14_hears_every_frame():
    """Also the last 31 of 63, which pooling that rounds down would leave out: each has a gradient."""
    encoder = cnn14(num_filters=8, width=1 / 8, seed=0)
    features = tf.constant(np.random.default_rng(0).random((2, 63, 8, 1), np.float32))
    with tf.GradientTape() as tape:
        tape.watch(features)
        total = tf.reduce_sum(encoder(features))
    assert (np.abs(tape.gradient(total, features)).max(axis=(0, 2, 3)) > 0).all()


@pytest.mark.parametrize("name", [*NAMES, "efficientnet_b0"])
def test_a_wavegram_s_maps_pass(name):
    """As channels of the features."""
    outputs = encoder_of(name, frames=50, num_filters=32, channels=64)(np.ones((2, 50, 32, 64), np.float32))
    assert np.isfinite(outputs).all()


def test_fcn_4_pools_as_in_the_paper_at_the_paper_s_size():
    """96 filters and 1,366 frames leave (4, 8) for the last pooling: 24 x 85, 12 x 21 in the paper, rounded up here."""
    encoder = encoder_of("fcn_4", frames=1366, num_filters=96)
    pools = [layer for layer in encoder.layers if isinstance(layer, keras.layers.MaxPooling2D)]
    assert [layer.pool_size for layer in pools] == [(4, 2), (5, 4), (8, 3)]
    shapes = [layer.compute_output_shape((1, 1366, 96, 1)) for layer in pools]
    assert [shape[1:3] for shape in shapes] == [(342, 48), (274, 24), (171, 32)]


def test_cnn14_pools_as_panns_where_32_divides_the_sizes():
    """Then the maps have 1/32 of the frames and filters, and elsewhere no frame is lost."""
    network = cnn14(num_filters=64, width=1 / 64, head="reference", seed=0)
    assert network(np.ones((1, 96, 64, 1), np.float32)).shape[1:3] == (3, 2)
    assert network(np.ones((1, 97, 64, 1), np.float32)).shape[1:3] == (4, 2)


def test_the_head_of_panns_ignores_silence_behind_the_sound_less_than_a_mean_would():
    """It is the maximum plus the mean over time of what a frame says on average over frequency."""
    encoder = cnn14(num_filters=4, width=1 / 64, seed=0)
    maps = cnn14(num_filters=4, width=1 / 64, head="reference", seed=0)
    maps.set_weights(encoder.get_weights()[: len(maps.get_weights())])
    features = np.random.default_rng(0).random((3, 70, 4, 1), np.float32)
    frames = np.asarray(maps(features)).mean(axis=2)
    kernel, bias = (np.asarray(weight) for weight in encoder.get_weights()[-2:])
    expected = np.maximum((frames.max(axis=1) + frames.mean(axis=1)) @ kernel + bias, 0)
    np.testing.assert_allclose(np.asarray(encoder(features)), expected, rtol=1e-4, atol=1e-6)


def test_efficientnet_b0_refuses_features_that_it_would_pool_to_nothing():
    """TensorFlow returns whatever lies in memory for the empty maps."""
    config = EncoderConfig(name="efficientnet_b0")
    with pytest.raises(ValueError, match="100 frames, 31 filters"):
        build_encoder(config, frames=100, num_filters=31, seed=0)
    outputs = build_encoder(config, frames=32, num_filters=32, seed=0)(np.ones((2, 32, 32, 1), np.float32))
    assert outputs.shape == (2, 1280)


def test_efficientnet_b0_gets_its_features_unscaled():
    """It computes on x what the stock model, which divides by 255, computes on 255 x."""
    ours = efficientnet_b0()
    stock = keras.applications.EfficientNetB0(include_top=False, weights=None, input_shape=(None, None, 1))
    normalization = next(layer for layer in stock.layers if isinstance(layer, keras.layers.Normalization))
    stock.set_weights([*normalization.get_weights(), *ours.get_weights()])
    features = np.random.default_rng(0).random((2, 64, 40, 1), np.float32)
    np.testing.assert_allclose(stock(255 * features), ours(features), rtol=1e-2, atol=1e-8)


@pytest.mark.parametrize("name", [*NAMES, "efficientnet_b0"])
def test_statistics_are_synchronised(name):
    """Every batch normalisation, or the checkpoint would depend on the worker that writes it."""
    encoder = encoder_of(name, frames=100, num_filters=40)
    layers = [layer for layer in encoder.layers if isinstance(layer, keras.layers.BatchNormalization)]
    assert layers
    assert all(layer.synchronized for layer in layers)


@pytest.mark.parametrize(
    ("name", "original"),
    [
        ("conv_net", {0.1}),
        ("cnn14", {0.2, 0.5}),
        ("fcn_4", {0.5}),
        ("efficientnet_b0", {0.2 * block / 16 for block in range(1, 15)}),
    ],
)
def test_dropout_is_that_of_the_original_or_as_asked(name, original):
    """None of it with 0."""

    def rates(**settings):
        layers = encoder_of(name, frames=100, num_filters=40, **settings).layers
        return {layer.rate for layer in layers if isinstance(layer, keras.layers.Dropout)}

    found = sorted(rates())
    assert {round(rate, 6) for rate in found} <= {round(rate, 6) for rate in original}
    assert max(found) == pytest.approx(max(original))
    assert rates(dropout=0.0) == {0.0}


@pytest.mark.parametrize(
    ("settings", "rule"),
    [
        ({"width": 0.0}, "width > 0"),
        ({"dropout": 1.0}, "0 <= dropout < 1"),
        ({"name": "efficientnet_b0", "width": 0.5}, "width 1.0"),
        ({"head": "reference"}, "only cnn14"),
    ],
)
def test_a_knob_that_would_do_nothing_is_refused(settings, rule):
    """With the rule and what came."""
    with pytest.raises(ValueError, match=rule):
        EncoderConfig(**settings)
