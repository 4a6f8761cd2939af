"""The composed model: waveform to logits, with either encoder, on any backend-independent parts."""

import numpy as np
import pytest
import tensorflow as tf

from frontends.config import LeafConfig, MelFilterbankConfig, WavegramConfig
from training.config import TrainConfig
from training.encoders.config import EncoderConfig
from training.input import Batch, Part
from training.loop import Loop
from training.model import FRONTEND, build_model

ONE_TASK = {"main": "single_label"}


def model_of(frontend, encoder, *, window=16000):
    """A classifier of five classes at 16 kHz."""
    return build_model(frontend, encoder, sample_rate=16000, window=window, classes=5, seed=0)


def test_the_same_seed_gives_the_same_weights():
    """And another seed others."""
    first, again = (model_of(LeafConfig(), EncoderConfig(width=0.1)).get_weights() for _ in range(2))
    assert all((a == b).all() for a, b in zip(first, again, strict=True))
    other = build_model(LeafConfig(), EncoderConfig(width=0.1), sample_rate=16000, window=16000, classes=5, seed=1)
    assert any((a != b).any() for a, b in zip(first, other.get_weights(), strict=True))


def test_the_front_end_adds_its_parameters_and_nothing_else():
    """280 numbers for LEAF's 40 filters, none for mel."""
    leaf, mel = (model_of(config(), EncoderConfig(width=0.1)) for config in (LeafConfig, MelFilterbankConfig))
    sizes = [sum(np.prod(weight.shape) for weight in model.trainable_weights) for model in (leaf, mel)]
    assert sizes[0] - sizes[1] == 280
    assert not mel.get_layer(FRONTEND).trainable_weights


@pytest.mark.parametrize("name", ["conv_net", "efficientnet_b0"])
def test_a_step_changes_every_trainable_weight(name):
    """No part is cut off from the loss."""
    encoder = EncoderConfig(name=name, width=0.1 if name == "conv_net" else 1.0)
    model = model_of(MelFilterbankConfig(compression="spcen"), encoder)
    strategy, config = tf.distribute.get_strategy(), TrainConfig(batch_size=4, encoder=encoder)
    loop = Loop(model, strategy=strategy, config=config, steps_per_epoch=10, part=Part(), objectives=ONE_TASK)
    random = np.random.default_rng(0)
    before = [weight.numpy() for weight in model.trainable_weights]
    waveform = 0.1 * random.standard_normal((4, 16000)).astype(np.float32)
    loss, _ = loop.train(Batch(clips=np.arange(4), waveform=waveform, targets=np.eye(4, 5, dtype=np.float32)))
    assert np.isfinite(float(loss))
    still = [
        weight.path
        for old, weight in zip(before, model.trainable_weights, strict=True)
        if (old == weight.numpy()).all()
    ]
    assert not still


@pytest.mark.parametrize(("form", "image"), [("panns", (32, 64)), ("reference", (64, 1))])
def test_a_wavegram_s_maps_are_the_encoder_s_channels(form, image):
    """Features with maps of their own pass as they are; the others are one map."""
    model = model_of(WavegramConfig(form=form), EncoderConfig(width=0.1), window=3200)
    assert model.get_layer("conv_net").input_shape == (None, None, *image)
    logits = model(0.1 * np.random.default_rng(0).standard_normal((2, 3200)).astype(np.float32))
    assert logits.shape == (2, 5)
    assert np.isfinite(logits).all()


def test_efficientnet_b0_refuses_a_short_window():
    """With the numbers of frames and filters."""
    with pytest.raises(ValueError, match="25 frames, 40 filters"):
        model_of(MelFilterbankConfig(), EncoderConfig(name="efficientnet_b0"), window=4000)
