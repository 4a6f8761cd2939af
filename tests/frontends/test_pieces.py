"""A long recording by pieces is the same recording."""

import keras
import numpy as np
import pytest

from frontends import Leaf, MelFilterbank
from frontends.pieces import features_of
from frontends.sinc import SincNet, SincNetPlus
from frontends.time_domain import TimeDomainFilterbank
from frontends.wavegram import Wavegram


@pytest.mark.parametrize(
    "layer",
    [
        Leaf(6),
        Leaf(6, sample_rate=22050, compression="log"),
        Leaf(4, compression="power", pooling="max"),
        MelFilterbank(6, compression="spcen"),
        MelFilterbank(6, alignment="centred"),
        TimeDomainFilterbank(4),
        TimeDomainFilterbank(4, padding="valid"),
        SincNet(4),
        SincNetPlus(4),
        Wavegram(),
    ],
    ids=lambda layer: layer.name,
)
@pytest.mark.parametrize("samples", [24000, 24137])
def test_pieces_change_nothing(layer: keras.layers.Layer, samples: int, rng: np.random.Generator) -> None:
    """Whatever the padding, the alignment and the length; PCEN remembers across the edges of pieces."""
    waveform = (rng.normal(size=samples) * np.linspace(0.01, 0.3, samples)).astype("float32")
    whole = np.asarray(layer(waveform[None]))[0]
    found = features_of(layer, waveform, piece_s=0.25)
    assert found.shape == whole.shape
    np.testing.assert_allclose(found, whole, rtol=1e-4, atol=1e-5 * np.abs(whole).max())


def test_a_short_recording_is_one_call(rng: np.random.Generator) -> None:
    """Bit for bit."""
    layer, waveform = Leaf(6), rng.normal(size=16000).astype("float32")
    np.testing.assert_array_equal(features_of(layer, waveform), np.asarray(layer(waveform[None]))[0])
