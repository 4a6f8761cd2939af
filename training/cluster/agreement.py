"""All workers of a trial stop at the same step."""

import collections
from collections.abc import Callable
from typing import Any

import tensorflow as tf

# Steps between asking and knowing: the answer is read when it has long been there, so that asking never makes an
# accelerator wait for its host.
_LAG_STEPS = 2


class Agreement:
    """See `training.cluster.stopping.Stop`: what any worker was asked, all know two steps later.

    Args:
      asked: whether this worker has been asked to stop.
      strategy: of the training.
      workers: that take part.
    """

    def __init__(self, asked: Callable[[], bool], *, strategy: tf.distribute.Strategy, workers: int) -> None:
        self.asked, self._strategy, self._workers = asked, strategy, workers
        self._answers: collections.deque[Any] = collections.deque()
        self._sum = tf.function(self._sum_over_workers)

    def after_step(self) -> bool:
        """Whether any worker had been asked two steps ago; alone, whether this one has been asked."""
        if self._workers == 1:
            return self.asked()
        asked = tf.constant(float(self.asked()))
        self._answers.append(self._sum(self._strategy.experimental_distribute_values_from_function(lambda _: asked)))
        return len(self._answers) > _LAG_STEPS and float(self._answers.popleft()) > 0

    def _sum_over_workers(self, asked: Any) -> Any:
        per_replica = self._strategy.run(lambda value: value, args=(asked,))
        return self._strategy.reduce(tf.distribute.ReduceOp.SUM, per_replica, axis=None)
