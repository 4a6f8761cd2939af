"""Which task a step trains: a pure function of seed, epoch and step, with the stated shares."""

import numpy as np
import pytest

from training.tasks.config import SamplingConfig
from training.tasks.draw import Draw

CLIPS, STEPS = (8000, 1000, 1000), (250, 31, 31)


def draw(rule="uniform", temperature=1.0, seed=3) -> Draw:
    """Three tasks of these sizes."""
    return Draw(SamplingConfig(rule=rule, temperature=temperature), seed=seed, clips=CLIPS, steps=STEPS)


def shares(found: Draw, epochs=100) -> np.ndarray:
    """How often each task is drawn."""
    counts = np.bincount(np.concatenate([found.tasks(epoch) for epoch in range(epochs)]), minlength=len(CLIPS))
    return counts / counts.sum()


@pytest.mark.parametrize(
    ("rule", "temperature", "expected"),
    [
        ("uniform", 1.0, (1 / 3, 1 / 3, 1 / 3)),
        ("proportional", 1.0, (0.8, 0.1, 0.1)),
        # clips^(1/3): 20, 10, 10
        ("proportional", 3.0, (0.5, 0.25, 0.25)),
        ("round_robin", 1.0, (1 / 3, 1 / 3, 1 / 3)),
    ],
)
def test_the_shares_are_those_of_the_rule(rule, temperature, expected):
    """31,200 steps: the standard deviation of a share is below 0.003."""
    assert shares(draw(rule, temperature)) == pytest.approx(expected, abs=0.012)


def test_round_robin_takes_turns_across_epochs():
    """312 steps an epoch are 104 rounds; 313 would begin the next epoch with another task."""
    assert draw("round_robin").tasks(0)[:5].tolist() == [0, 1, 2, 0, 1]
    odd = Draw(SamplingConfig(rule="round_robin"), seed=0, clips=(9, 9), steps=(2, 1))
    assert np.concatenate([odd.tasks(epoch) for epoch in range(3)]).tolist() == [0, 1, 0, 1, 0, 1, 0, 1, 0]


def test_an_epoch_is_as_long_as_all_tasks_together():
    """One task alone has the epochs it always had."""
    assert draw().steps_per_epoch == sum(STEPS)
    alone = Draw(SamplingConfig(), seed=0, clips=(100,), steps=(6,))
    for epoch in (0, 4):
        tasks, positions = alone.positions(epoch)
        assert tasks.tolist() == [0] * 6
        assert positions.tolist() == list(range(6 * epoch, 6 * epoch + 6))


def test_every_task_goes_on_where_it_was():
    """Over epochs, the positions of a task are 0, 1, 2, ... without a gap; asked in any order."""
    forward = draw()
    epochs = [forward.positions(epoch) for epoch in range(4)]
    tasks, positions = (np.concatenate(arrays) for arrays in zip(*epochs, strict=True))
    for task in range(len(CLIPS)):
        mine = positions[tasks == task]
        np.testing.assert_array_equal(np.arange(len(mine)), mine)
    np.testing.assert_array_equal(epochs[3], draw().positions(3))


def test_seeds_and_epochs_draw_differently():
    """Four sequences; the same ones again."""
    found = {(seed, epoch): tuple(draw(seed=seed).tasks(epoch)) for seed in (0, 1) for epoch in (0, 1)}
    assert len(set(found.values())) == 4
    assert all(tuple(draw(seed=seed).tasks(epoch)) == tasks for (seed, epoch), tasks in found.items())


@pytest.mark.parametrize(
    ("arguments", "rule"),
    [({"temperature": 0.5, "rule": "proportional"}, "temperature >= 1"), ({"temperature": 2.0}, "'proportional' only")],
)
def test_nonsense_is_refused(arguments, rule):
    """A temperature that nothing would use, too."""
    with pytest.raises(ValueError, match=rule):
        SamplingConfig(**arguments)
