"""Learning rates: warm-up, cosine, plateau, as numbers."""

import keras
import numpy as np
import pytest

from training.recipe.config import FreezeConfig, OptimizerConfig, ScheduleConfig
from training.recipe.schedule import rate_factor, reductions


def factors(config, *, steps=10, losses=()):
    """Of every step."""
    return [rate_factor(config, step=step, steps=steps, validation_losses=losses) for step in range(steps)]


def test_the_cosine_is_that_of_keras():
    """From 1 to nearly 0."""
    expected = keras.optimizers.schedules.CosineDecay(1.0, 10)
    np.testing.assert_allclose(factors(ScheduleConfig()), [float(expected(step)) for step in range(10)], atol=1e-6)


@pytest.mark.parametrize("name", ["cosine", "constant", "plateau"])
def test_a_warm_up_rises_in_a_line_and_joins(name):
    """Never 0, and at its end the full rate."""
    found = factors(ScheduleConfig(name=name, warmup_steps=4))
    np.testing.assert_allclose(found[:5], [0.2, 0.4, 0.6, 0.8, 1.0])


def test_the_cosine_begins_behind_the_warm_up():
    """And ends with the training."""
    found = factors(ScheduleConfig(warmup_steps=2), steps=12)
    np.testing.assert_allclose(found[2:], factors(ScheduleConfig(), steps=10))


@pytest.mark.parametrize(
    ("losses", "count"),
    [
        ([], 0),
        ([3.0, 2.0, 1.0], 0),
        ([1.0, 2.0], 0),
        ([1.0, 2.0, 2.0], 1),
        ([1.0, 2.0, 2.0, 2.0], 1),
        ([1.0, 2.0, 2.0, 2.0, 2.0], 2),
        ([1.0, 2.0, 0.9, 2.0, 2.0], 1),
        ([1.0, 1.0, 1.0], 1),
    ],
)
def test_a_plateau_is_epochs_in_a_row_without_a_lower_loss(losses, count):
    """Two of them; after a reduction counting starts anew."""
    assert reductions(losses, patience=2) == count
    config = ScheduleConfig(name="plateau", plateau_patience=2, plateau_factor=0.1)
    assert factors(config, losses=losses) == pytest.approx([0.1**count] * 10)


def test_a_front_end_is_frozen_in_the_epochs_that_were_asked_for():
    """Counted from 1."""
    assert [FreezeConfig(first_epochs=2).frozen(epoch) for epoch in (1, 2, 3)] == [True, True, False]
    assert [FreezeConfig(after_epoch=2).frozen(epoch) for epoch in (1, 2, 3)] == [False, False, True]
    assert FreezeConfig(after_epoch=0).frozen(1)
    assert not FreezeConfig().frozen(1)


@pytest.mark.parametrize(
    ("config", "settings", "rule"),
    [
        (ScheduleConfig, {"plateau_factor": 1.0}, "plateau_factor < 1"),
        (ScheduleConfig, {"warmup_steps": -1}, "warmup_steps >= 0"),
        (OptimizerConfig, {"weight_decay": 0.1}, "only adamw"),
        (OptimizerConfig, {"average": 1.0}, "average < 1"),
        (OptimizerConfig, {"clip_norm": 0.0}, "clip_norm > 0"),
        (FreezeConfig, {"first_epochs": -1}, "first_epochs >= 0"),
    ],
)
def test_settings_without_sense_are_refused(config, settings, rule):
    """With the rule and what came."""
    with pytest.raises(ValueError, match=rule):
        config(**settings)
