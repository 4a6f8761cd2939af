"""Two optimizers, for the front end and for what stands behind it, and the norm of both their gradients.

Keras' own clipping would not do: it acts on each worker's gradient before they are added, and on each optimizer by
itself. Nor would its average: it begins with zeros, which a front end that is still frozen would be evaluated with.
"""

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from training.recipe.config import OptimizerConfig

Gradients = list[list[tf.Tensor | None]]


def make_optimizer(
    config: OptimizerConfig, variables: Sequence[Any], *, learning_rate: float, decays: bool
) -> keras.optimizers.Optimizer:
    """The optimizer that `config` names, built for `variables`; to be called in the strategy's scope.

    Args:
      config: of the optimizer.
      variables: that it changes.
      learning_rate: its first.
      decays: whether weights decay at all; biases and normalisations, which have one axis, never do.
    """
    if config.name == "adamw" and decays and config.weight_decay:
        optimizer = keras.optimizers.AdamW(learning_rate, weight_decay=config.weight_decay)
        optimizer.exclude_from_weight_decay(var_list=[v for v in variables if len(v.shape) < 2])
    else:
        optimizer = keras.optimizers.Adam(learning_rate)
    optimizer.build(variables)
    return optimizer


def clipped(gradients: Gradients, clip_norm: float | None) -> Gradients:
    """Gradients of one replica, scaled so that the norm of their sum over all replicas is at most `clip_norm`.

    The norm is over all groups together. To know it, the replicas add their gradients once more than the optimizers
    do: clipping doubles what the workers say to each other.
    """
    if clip_norm is None:
        return gradients
    present = [gradient for group in gradients for gradient in group if gradient is not None]
    total = tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, present)
    scale = clip_norm / tf.maximum(tf.linalg.global_norm(total), clip_norm)
    return [[None if gradient is None else gradient * scale for gradient in group] for group in gradients]
