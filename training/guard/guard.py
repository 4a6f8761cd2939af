"""When numbers stop being finite: back to the last checkpoint, find out why, and go on as configured."""

import json
import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

import keras
import numpy as np

from infra.files import write_atomically
from infra.tracking import Run
from training.checkpoint import Progress
from training.guard.config import GuardConfig
from training.guard.examine import Finding

REPORT_NAME, TAG = "not_finite.json", "not_finite"
_SHOWN_CLIPS = 5


class NotFiniteError(FloatingPointError):
    """A trial ends because of numbers that are not finite; the text is the report."""


class DivergedError(Exception):
    """Something since the last checkpoint is not finite; which step it was is not known yet."""


class Steps(Protocol):
    """The part of `training.loop.Loop` that the guard works with."""

    @property
    def variables(self) -> list[Any]:
        """All that a checkpoint holds."""

    def train(self, batch: Any) -> tuple[Any, Any]:
        """One update; returns the loss first."""

    def slow_down(self, factor: float) -> None:
        """Multiplies the learning rates as they are configured by `factor` from now on."""

    def finite(self) -> bool:
        """Whether all variables are."""

    def examine(self, batch: Any) -> Finding:
        """Which layer."""


class Guard:
    """What to do about one training's numbers that are not finite; every worker has one, and all do the same."""

    def __init__(
        self,
        config: GuardConfig,
        *,
        loop: Steps,
        batches: Callable[[int, int], Iterator[Any]],
        clip_ids: Callable[[int, int], Sequence[str]],
        steps_per_epoch: int,
        restore: Callable[[], Progress],
        save: Callable[[Progress], None],
        run: Run,
        folder: Path | None,
    ) -> None:
        """Puts together what a recovery needs.

        Args:
          config: what to do.
          loop: model and optimizer.
          batches: (epoch, first step) -> this worker's part of every batch from there on.
          clip_ids: (epoch, step) -> ids of the clips in that whole batch.
          steps_per_epoch: of the training; one of them at least is not skipped.
          restore: sets all variables from the last checkpoint.
          save: replaces the last checkpoint.
          run: gets the report as a tag.
          folder: receives the report; None: another worker writes it.
        """
        self._config, self._loop = config, loop
        self._batches, self._clip_ids, self._steps_per_epoch = batches, clip_ids, steps_per_epoch
        self._restore, self._save, self._run, self._folder = restore, save, run, folder

    def check(self, losses: Sequence[float]) -> None:
        """Looks at the losses since the last checkpoint, and at the weights they led to.

        Raises:
          DivergedError: not all are finite.
        """
        if not all(map(math.isfinite, losses)) or not self._loop.finite():
            raise DivergedError

    def recover(self) -> Progress:
        """Back to the last checkpoint, with this incident and what is done about it noted there.

        Raises:
          NotFiniteError: the configuration is to fail, or there were too many incidents.
        """
        progress = self._restore()
        step, loss, finding = self._find(progress)
        progress = self._restore()
        action = self._action(progress)
        clips = list(self._clip_ids(progress.epoch, step)) if step is not None else []
        progress.incidents.append(
            {
                "epoch": progress.epoch,
                "step": step,
                "loss": repr(loss),
                "layer": finding.layer,
                "what": finding.what,
                "others": list(finding.others),
                "clips": clips,
                "action": action,
            }
        )
        if action == "lower":
            progress.rate_factor *= self._config.rate_factor
            self._loop.slow_down(progress.rate_factor)
        self._report(progress)
        if action == "fail":
            raise NotFiniteError(in_words(progress.incidents, self._config))
        self._save(progress)
        return progress

    def _action(self, progress: Progress) -> str:
        skipped = sum(is_skipped(progress, step) for step in range(self._steps_per_epoch))
        nothing_left = self._config.action == "skip" and skipped + 1 >= self._steps_per_epoch
        return "fail" if len(progress.incidents) >= self._config.limit or nothing_left else self._config.action

    def _find(self, progress: Progress) -> tuple[int | None, float, Finding]:
        """The first step since the checkpoint after which something is not finite; None: this time there is none."""
        loss, step = 0.0, progress.step
        for step, batch in enumerate(self._batches(progress.epoch, progress.step), start=progress.step):
            if is_skipped(progress, step):
                continue
            before = [np.asarray(keras.ops.convert_to_tensor(variable)) for variable in self._loop.variables]
            loss = float(self._loop.train(batch)[0])
            if not math.isfinite(loss) or not self._loop.finite():
                for variable, value in zip(self._loop.variables, before, strict=True):
                    variable.assign(value)
                return step, loss, self._loop.examine(batch)
        return None, loss, Finding(layer="", what="not repeated", others=())

    def _report(self, progress: Progress) -> None:
        if self._folder is None:
            return
        path = self._folder / REPORT_NAME
        write_atomically(path, json.dumps(progress.incidents, indent=2) + "\n")
        self._run.artifact(path)
        self._run.tags({TAG: in_words(progress.incidents, self._config)})


def is_skipped(progress: Progress, step: int) -> bool:
    """Whether the batch of `step` of the present epoch is left out."""
    return any(
        (incident["action"], incident["epoch"], incident["step"]) == ("skip", progress.epoch, step)
        for incident in progress.incidents
    )


def in_words(incidents: Sequence[dict[str, Any]], config: GuardConfig) -> str:
    """The report of the last incident, for people."""
    last = incidents[-1]
    clips = ", ".join(last["clips"][:_SHOWN_CLIPS]) + (" ..." if len(last["clips"]) > _SHOWN_CLIPS else "")
    where = {
        "weight": f"a weight of `{last['layer']}` was not finite before it",
        "output": f"the output of `{last['layer']}` is the first that is not finite",
        "gradient": f"the gradient of `{last['layer']}` is the first that is not finite",
        "update": "outputs and gradients are finite, the updated weights are not",
        "not repeated": "it did not happen again when the steps were repeated: look for faulty memory or hardware",
    }[last["what"]]
    step = "?" if last["step"] is None else last["step"] + 1
    received = f"epoch {1 + last['epoch']}, step {step} (loss {last['loss']}): {where}; clips: {clips or '?'}"
    return (
        f"Rule: losses, gradients and weights are finite. Received: {received}. This is incident {len(incidents)}, and "
        f"{config.limit} are acted on; action: {last['action']}. Look at the clips, lower the learning rate, or set "
        "`--train.guard.action`."
    )
