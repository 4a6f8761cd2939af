"""The batches of a trial's tasks, one task at a time."""

from collections.abc import Iterator, Sequence

from training.input import Batch, Part, TrainingInput
from training.tasks.config import SamplingConfig
from training.tasks.draw import Draw

_WHOLE = Part()


class TaskBatches:
    """The training splits of all tasks, mixed batch by batch; of one task, its batches as they are.

    A batch never holds clips of two tasks. `Draw` says which task comes next.
    """

    def __init__(self, inputs: Sequence[TrainingInput], config: SamplingConfig, *, seed: int) -> None:
        self._inputs = inputs
        clips, steps = [own.num_clips for own in inputs], [own.steps_per_epoch for own in inputs]
        self._draw = Draw(config, seed=seed, clips=clips, steps=steps)
        self.steps_per_epoch = self._draw.steps_per_epoch

    def batches(self, epoch: int, *, first_step: int = 0, part: Part = _WHOLE) -> Iterator[Batch]:
        """This worker's part of every batch of `epoch` from `first_step` on."""
        opened: dict[int, tuple[int, Iterator[Batch]]] = {}
        for task, position in zip(*(array[first_step:].tolist() for array in self._draw.positions(epoch)), strict=True):
            own_epoch, own_step = divmod(position, self._inputs[task].steps_per_epoch)
            if task not in opened or opened[task][0] != own_epoch:
                opened[task] = own_epoch, self._inputs[task].batches(own_epoch, first_step=own_step, part=part)
            yield next(opened[task][1])
