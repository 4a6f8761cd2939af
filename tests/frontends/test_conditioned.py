"""The conditioned parametrization: the same function of other numbers, of comparable scale."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from reference import relative
from signals import noise

from frontends import Leaf

Rng = np.random.Generator
HZ = 16000 / (2 * np.pi)  # of a rad/sample


def pair(**arguments: object) -> tuple[Leaf, Leaf]:
    """The two parametrizations, with weights."""
    leaves = Leaf(**arguments), Leaf(**arguments, parametrization="conditioned")
    for leaf in leaves:
        leaf.build((None, None))
    return leaves


def filter_weights(leaf: Leaf) -> list[keras.Variable]:
    """Centre, bandwidth and pooling width."""
    return [leaf.filterbank.center, leaf.filterbank.sigma, leaf.filterbank.pooling.width]


def slopes(leaf: Leaf) -> list[np.ndarray]:
    """d mu / d c, d sigma / d ln sigma, d width / d ln width, at the present weights of a conditioned layer.

    c is in hundreds of mel, 1127 ln(1 + f / 700), so that df / dc = (700 + f) 100 / 1127.
    """
    mu, sigma, width = leaf.filterbank.effective_parameters().values()
    return [(700.0 + mu * HZ) * 100.0 / 1127.0 / HZ, sigma, width]


@pytest.mark.parametrize("scale", ["mel", "bark", "erb", "linear", "random"])
def test_it_begins_as_the_same_function(rng: Rng, scale: str) -> None:
    """The same parameters, in the same number, and the same features."""
    reference, conditioned = pair(scale=scale)
    for name, wanted in reference.filterbank.effective_parameters().items():
        np.testing.assert_allclose(conditioned.filterbank.effective_parameters()[name], wanted, rtol=2e-6, err_msg=name)
    assert conditioned.count_params() == reference.count_params() == 280
    x = noise(rng, batch=1, samples=4000, slope=1)
    assert relative(conditioned(x), np.asarray(reference(x), np.float64)) <= 1e-5


def test_gradients_obey_the_chain_rule(rng: Rng) -> None:
    """Each is that of the reference's parameter times the parameter's slope; PCEN's are the same."""
    x, gradients = tf.constant(noise(rng, batch=2, samples=4000, slope=1)), []
    reference, conditioned = pair(num_filters=20)
    for leaf in (reference, conditioned):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(leaf(x)))
        weights = [*filter_weights(leaf), *leaf.compress.weights]
        gradients.append([np.float64(each) for each in tape.gradient(loss, [weight.value for weight in weights])])
    for factor, plain, chained in zip([*slopes(conditioned), *[1.0] * 4], *gradients, strict=True):
        assert relative(chained, plain * factor) <= 1e-3


def test_a_step_is_worth_the_same_everywhere() -> None:
    """An Adam step moves every bandwidth and width by 1 % and every centre by 1 mel; the reference's own do not.

    There a step of 0.01 is 25 % of the lowest centre and 0.01 % of its bandwidth.
    """
    spreads = []
    for leaf in pair():
        bank = leaf.filterbank
        before = bank.effective_parameters()
        # 40 filters: none is at its bounds.
        weights = filter_weights(leaf)
        keras.optimizers.Adam(1e-2).apply_gradients([(tf.ones(40), weight) for weight in weights])
        after = bank.effective_parameters()
        mel = [1127.0 * np.log1p(values["mu"] * HZ / 700.0) for values in (before, after)]
        moved = [mel[0] - mel[1], *(np.log(before[name] / after[name]) for name in ("sigma", "width"))]
        spreads.append([each.max() / each.min() for each in moved])
        if leaf.filterbank.conditioned:
            np.testing.assert_allclose(moved[0], 1.0, rtol=1e-2)
            np.testing.assert_allclose(moved[1:], 0.01, rtol=1e-2)
    assert max(spreads[1]) < 1.02
    assert min(spreads[0][:2]) > 5.0


@pytest.mark.parametrize("sign", [1, -1])
def test_its_bounds_are_the_reference_s(sign: int) -> None:
    """Steps beyond all bounds end on those of mu, sigma and s; a step back leaves them."""
    _, leaf = pair(num_filters=5)
    weights, half = filter_weights(leaf), np.sqrt(2 * np.log(2)) / np.pi
    keras.optimizers.SGD(100.0).apply_gradients([(sign * tf.ones(5), weight) for weight in weights])
    bounds = {"mu": (0.0, np.pi), "sigma": (4 * half, 401 * half), "width": (2 / 401, 0.5)}
    for name, values in leaf.filterbank.effective_parameters().items():
        np.testing.assert_allclose(values, bounds[name][0 if sign > 0 else 1], rtol=1e-5, atol=1e-6, err_msg=name)
    keras.optimizers.SGD(0.1).apply_gradients([(-sign * tf.ones(5), weight) for weight in weights])
    for name, values in leaf.filterbank.effective_parameters().items():
        assert (sign * (values - bounds[name][0 if sign > 0 else 1]) > 1e-4).all(), name
