"""Parity with the original LEAF code, on the arrays it made."""

import numpy as np
import pytest
import tensorflow as tf
from reference import relative

from frontends import Leaf, MelFilterbank

Golden = dict[str, np.ndarray]


def test_initial_parameters(golden: Golden) -> None:
    """Leaf starts from the original's centres and bandwidths."""
    leaf = Leaf()
    leaf.build((None, None))
    np.testing.assert_allclose(leaf.filterbank.center, golden["leaf40/param_gabor"][:, 0], rtol=1e-6)
    np.testing.assert_allclose(leaf.filterbank.sigma, golden["leaf40/param_gabor"][:, 1], rtol=1e-6)
    np.testing.assert_allclose(leaf.filterbank.pooling.width, golden["leaf40/param_pool_sigma"].ravel(), rtol=1e-6)


def test_energies(golden: Golden) -> None:
    """Uncompressed energies agree to 1e-5 before and behind the floor."""
    leaf = Leaf(compression=None)
    energies = leaf(golden["inputs"])
    assert relative(energies, golden["leaf40_nocompression/out"]) <= 1e-5
    assert relative(leaf.filterbank(golden["inputs"]), golden["leaf40/stage_pool"]) <= 1e-5


def test_pcen(golden: Golden) -> None:
    """Features behind PCEN agree to 1e-4."""
    assert relative(Leaf()(golden["inputs"]), golden["leaf40/out"]) <= 1e-4


def test_gradients(golden: Golden) -> None:
    """Gradients of mean(y^2) of every LEAF parameter agree to 1e-3."""
    leaf = Leaf()
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(tf.square(leaf(golden["inputs"][:2])))
    gradients = tape.gradient(loss, leaf.trainable_variables)
    wanted = {name: golden[f"leaf40/grad_noise/grad_{name}"] for name in ("alpha", "delta", "root", "smooth")}
    wanted["center"], wanted["sigma"] = golden["leaf40/grad_noise/grad_gabor"].T
    wanted["width"] = golden["leaf40/grad_noise/grad_pool_sigma"].ravel()
    assert {weight.name for weight in leaf.trainable_variables} == set(wanted)
    for weight, gradient in zip(leaf.trainable_variables, gradients, strict=True):
        assert relative(gradient, wanted[weight.name]) <= 1e-3, weight.name


@pytest.mark.parametrize(
    ("compression", "key", "rows"), [("log", "mel40", 3), (None, "mel40_linear", 3), ("spcen", "mel40_pcen", 2)]
)
def test_mel(golden: Golden, compression: str | None, key: str, rows: int) -> None:
    """The mel baseline agrees to 1e-5, with its frame alignment, whatever the compression."""
    features = MelFilterbank(compression=compression)(golden["inputs"][:rows])
    assert relative(features, golden[f"{key}/out"]) <= 1e-5


@pytest.mark.parametrize(
    ("layer", "key"),
    [
        (Leaf, "leaf40"),
        (lambda: Leaf(64), "leaf64"),
        (lambda: Leaf(compression=None), "leaf40_nocompression"),
        (MelFilterbank, "mel40"),
        (lambda: MelFilterbank(compression="spcen"), "mel40_pcen"),
        (lambda: MelFilterbank(64, compression="spcen"), "mel64_pcen"),
    ],
)
def test_counts(golden: Golden, layer: type, key: str) -> None:
    """Learnable parameters number exactly what the original's do."""
    built = layer()
    built.build((None, 16000))
    assert built.count_params() == golden[f"{key}/trainable_count"]
