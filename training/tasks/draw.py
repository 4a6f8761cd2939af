"""Which task each step trains, and which of the task's own batches: a pure function of seed, epoch and step.

An epoch has as many steps as the training splits of all tasks have batches together. Every task goes through its own
split in its own order, again and again, however often it is drawn: at "proportional" about once an epoch, at "uniform"
a small task more often, a large one less.
"""

from collections.abc import Sequence

import numpy as np

from training.tasks.config import SamplingConfig

_STREAM = 1  # tells these random numbers from those of the order of a task's clips


class Draw:
    """The tasks of all steps of a training."""

    def __init__(self, config: SamplingConfig, *, seed: int, clips: Sequence[int], steps: Sequence[int]) -> None:
        """Of tasks with so many `clips` in their training splits, which make so many `steps` (batches) each."""
        shares = np.array(clips, np.float64) ** (1.0 / config.temperature)
        self._until = np.cumsum(
            shares / shares.sum() if config.rule == "proportional" else [1.0 / len(clips)] * len(clips)
        )
        self._rule, self._seed, self._count = config.rule, seed, len(clips)
        self.steps_per_epoch = sum(steps)
        self._before = [np.zeros(self._count, np.int64)]  # how often each task was drawn before each epoch

    def tasks(self, epoch: int) -> np.ndarray:
        """The task of every step of an epoch, int64 [steps]."""
        steps = np.arange(self.steps_per_epoch)
        if self._rule == "round_robin":
            return (epoch * self.steps_per_epoch + steps) % self._count
        uniform = np.random.Generator(np.random.PCG64([self._seed, epoch, 0, _STREAM])).random(len(steps))
        return np.minimum(np.searchsorted(self._until, uniform, side="right"), self._count - 1)

    def positions(self, epoch: int) -> tuple[np.ndarray, np.ndarray]:
        """Of every step of an epoch its task, and how often that was drawn before; int64 [steps] each."""
        for earlier in range(len(self._before) - 1, epoch):
            self._before.append(self._before[-1] + np.bincount(self.tasks(earlier), minlength=self._count))
        tasks = self.tasks(epoch)
        earlier_steps = np.zeros(len(tasks), np.int64)
        for task in range(self._count):
            mine = tasks == task
            earlier_steps[mine] = np.arange(mine.sum())
        return tasks, self._before[epoch][tasks] + earlier_steps
