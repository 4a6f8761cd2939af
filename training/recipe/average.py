"""An exponential moving average of the weights: smoother than the last ones, and what is evaluated and saved."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np
import tensorflow as tf


class Average:
    """The average of `variables`, from their present values on; to be made in the strategy's scope.

    Statistics of normalisations are none of `variables`: they are averages already.
    """

    def __init__(self, variables: Sequence[Any], *, momentum: float, strategy: tf.distribute.Strategy) -> None:
        self._of, self._momentum, self._strategy = list(variables), momentum, strategy
        self.variables = [
            keras.Variable(variable.numpy(), trainable=False, name=f"average_{index}")
            for index, variable in enumerate(self._of)
        ]

    def update(self) -> None:
        """average <- average + (1 - momentum) * (weights - average); in a cross-replica context.

        In this form the average of weights that stand still stands still too, to the bit.
        """

        def toward(average: tf.Variable, weights: tf.Tensor) -> None:
            average.assign_add((1.0 - self._momentum) * (weights - average))

        for average, variable in zip(self.variables, self._of, strict=True):
            self._strategy.extended.update(average.value, toward, args=(variable.value,), group=False)

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """While the block runs, the model has the average as its weights."""
        weights = [np.asarray(keras.ops.convert_to_tensor(variable)) for variable in self._of]
        for variable, average in zip(self._of, self.variables, strict=True):
            variable.assign(keras.ops.convert_to_tensor(average))
        try:
            yield
        finally:
            for variable, value in zip(self._of, weights, strict=True):
                variable.assign(value)
