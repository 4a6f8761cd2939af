"""PCEN against its formula, and where its answer is known."""

import numpy as np
import pytest
import tensorflow as tf
from reference import pcen, relative

from frontends import PCEN

NAMES = ("alpha", "delta", "root", "smooth")


@pytest.mark.parametrize("frames", [1, 2, 31, 32, 33, 100, 1024, 1025, 2500])
def test_any_number_of_frames(rng: np.random.Generator, frames: int) -> None:
    """Chunks of frames, and chunks of chunks, carry the smoother on."""
    layer, x = PCEN(), np.float32(rng.exponential(size=(2, frames, 3)))
    layer.build(x.shape)
    layer.smooth.assign([0.0, 0.01, 1.0])
    wanted = pcen(x, **{name: getattr(layer, name).numpy() for name in NAMES})
    assert relative(layer(x), wanted) <= 1e-5
    dynamic = tf.function(layer, input_signature=[tf.TensorSpec((None, None, 3))])
    assert relative(dynamic(x), wanted) <= 1e-5


def test_unit_arrays(golden: dict[str, np.ndarray]) -> None:
    """The original's PCEN alone, with LEAF's settings."""
    got = PCEN()(golden["pcen_unit/input"])
    assert relative(got, golden["pcen_unit/out_leaf_settings"]) <= 1e-5


def test_constant_input() -> None:
    """A constant c gives (c^(1 - alpha) + delta)^(1/2) - delta^(1/2) in every frame."""
    got = PCEN()(np.full((1, 50, 2), 3.0, "float32"))
    np.testing.assert_allclose(got, np.sqrt(3.0**0.04 + 2) - np.sqrt(2), rtol=1e-5)


def test_identity_and_digital_silence() -> None:
    """alpha 0, root 1 is the identity; the floor of LEAF gives 0.2078."""
    x = np.random.default_rng(0).exponential(size=(1, 20, 4)).astype("float32")
    np.testing.assert_allclose(PCEN(alpha=0.0, root=1.0)(x), x, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(PCEN()(np.full((1, 9, 1), 1e-5, "float32")), 0.2078, atol=1e-4)


@pytest.mark.parametrize("smooth", [0.0, 0.04, 1.0])
def test_gradient_of_the_smoothing(smooth: float) -> None:
    """The smoothing coefficient has its gradient inside and at both bounds."""
    x = 0.1 + np.random.default_rng(0).exponential(size=(1, 70, 1))
    layer = PCEN(smooth=smooth, dtype="float64")
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(tf.square(layer(x)))
    step = 1e-6
    sides = [np.clip(smooth + sign * step, 0, 1) for sign in (1, -1)]
    fixed = {"alpha": 0.96, "delta": 2.0, "root": 2.0}
    values = [np.sum(pcen(x, smooth=side, **fixed) ** 2) for side in sides]
    wanted = (values[0] - values[1]) / (sides[0] - sides[1])
    assert float(tape.gradient(loss, layer.smooth.value)[0]) == pytest.approx(wanted, rel=1e-3)
