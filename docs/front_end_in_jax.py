"""Steps of gradient descent on Leaf in JAX, without a Keras model around it."""

import os

os.environ["KERAS_BACKEND"] = "jax"  # before Keras is imported

import jax
import jax.numpy as jnp
import numpy as np

from frontends import Leaf, physical_parameters

leaf = Leaf(16)
leaf.build((None, 4000))
waveforms = np.float32(0.1 * np.random.default_rng(0).standard_normal((8, 4000)))


def loss(weights: list[jax.Array], x: jax.Array) -> jax.Array:
    """How far the features are from 1."""
    features, _ = leaf.stateless_call(weights, [], x)
    return jnp.mean(jnp.square(features - 1.0))


@jax.jit
def step(weights: list[jax.Array], x: jax.Array) -> tuple[jax.Array, list[jax.Array]]:
    """The loss, and the weights after a step, projected to their bounds."""
    value, slopes = jax.value_and_grad(loss)(weights, x)
    moved = [weight - 0.01 * slope for weight, slope in zip(weights, slopes, strict=True)]
    return value, [
        variable.constraint(weight) for variable, weight in zip(leaf.trainable_variables, moved, strict=True)
    ]


weights = [variable.value for variable in leaf.trainable_variables]
losses = []
for _ in range(20):
    value, weights = step(weights, waveforms)
    losses.append(float(value))
for variable, weight in zip(leaf.trainable_variables, weights, strict=True):
    variable.assign(weight)
print(losses[0], losses[-1], physical_parameters(leaf)["centre_hz"][0])
