"""Two optimizers, for the front end and for what stands behind it, and the norm of both their gradients.

Keras' own clipping would not do: it acts on each worker's gradient before they are added, and on each optimizer by
itself.
"""

from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf

from training.config import TrainConfig
from training.recipe.config import OptimizerConfig

Gradients = list[list[tf.Tensor | None]]


@dataclass(frozen=True, kw_only=True)
class Group:
    """Variables that share an optimizer.

    Attributes:
      optimizer: built for them.
      variables: that it changes.
      learning_rate: highest one.
      frontend: whether they are the front end's.
    """

    optimizer: keras.optimizers.Optimizer
    variables: tuple[Any, ...]
    learning_rate: float
    frontend: bool


def make_groups(config: TrainConfig, *, frontend: keras.Layer, model: keras.Model) -> list[Group]:
    """A group for the front end, unless it learns nothing, and one for the rest; in the strategy's scope."""
    own = {id(variable) for variable in frontend.trainable_variables}
    parts = (
        (True, frontend.trainable_variables, config.frontend_learning_rate),
        (False, [v for v in model.trainable_variables if id(v) not in own], config.learning_rate),
    )
    return [
        Group(
            optimizer=_optimizer(config.optimizer, variables, learning_rate=rate, decays=not is_frontend),
            variables=tuple(variables),
            learning_rate=rate,
            frontend=is_frontend,
        )
        for is_frontend, variables, rate in parts
        if variables
    ]


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


def _optimizer(
    config: OptimizerConfig, variables: list[Any], *, learning_rate: float, decays: bool
) -> keras.optimizers.Optimizer:
    if config.name == "adamw" and decays:
        optimizer = keras.optimizers.AdamW(learning_rate, weight_decay=config.weight_decay)
        # Biases and normalisations have one axis.
        optimizer.exclude_from_weight_decay(var_list=[v for v in variables if len(v.shape) < 2])
    else:
        optimizer = keras.optimizers.Adam(learning_rate)
    optimizer.build(variables)
    return optimizer
