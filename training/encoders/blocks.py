"""What encoders are made of."""

from typing import Any

import keras

# With Keras's 0.99 the moving statistics of a run of a few hundred steps are still those of the initial weights.
MOMENTUM = 0.9


def normalised(**settings: Any) -> keras.layers.BatchNormalization:
    """Batch normalisation over all workers of a trial.

    Otherwise the moving statistics, and with them the checkpoint, would depend on which worker writes it.
    """
    return keras.layers.BatchNormalization(momentum=MOMENTUM, synchronized=True, **settings)


def widened(filters: int, width: float) -> int:
    """`filters` times `width`, at least one."""
    return max(1, round(filters * width))
