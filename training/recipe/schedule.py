"""Learning rates over a training, as pure functions of its position and its history: nothing to be saved."""

import math
from collections.abc import Sequence

from training.recipe.config import ScheduleConfig


def rate_factor(config: ScheduleConfig, *, step: int, steps: int, validation_losses: Sequence[float]) -> float:
    """What the learning rates are multiplied by at `step` (from 0) of `steps`.

    During the warm-up (step + 1) / (warmup_steps + 1), so that no step is lost to a rate of 0; the cosine falls from
    there to 0 at the end.

    Args:
      config: of the schedule.
      step: of the whole training.
      steps: of the whole training.
      validation_losses: one for every finished epoch.

    Source: the cosine of Loshchilov and Hutter, SGDR, 2017, without restarts.
    """
    warm = min(1.0, (step + 1) / (config.warmup_steps + 1))
    if config.name == "plateau":
        return warm * config.plateau_factor ** reductions(validation_losses, patience=config.plateau_patience)
    if config.name == "constant" or step < config.warmup_steps:
        return warm
    return 0.5 * (1.0 + math.cos(math.pi * (step - config.warmup_steps) / max(1, steps - config.warmup_steps)))


def reductions(losses: Sequence[float], *, patience: int) -> int:
    """How often `patience` epochs in a row were none below the lowest before; each time counting starts anew."""
    lowest, waited, count = math.inf, 0, 0
    for loss in losses:
        lowest, waited = (loss, 0) if loss < lowest else (lowest, waited + 1)
        if waited == patience:
            waited, count = 0, count + 1
    return count
