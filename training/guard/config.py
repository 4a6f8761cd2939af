"""What happens when a loss, a gradient or a weight is not finite. Stdlib only."""

from dataclasses import dataclass
from typing import Any, Literal


@dataclass(frozen=True, kw_only=True)
class GuardConfig:
    """What happens when a loss, a gradient or a weight is not finite.

    The training goes back to its last checkpoint and finds step, clips and layer. Both actions are part of the
    checkpoint, so that a resumed run does the same as an unbroken one.

    Attributes:
      action: "fail" ends the trial with that report; "skip" leaves the batch out; "lower" multiplies all learning rates
        by `rate_factor` from the checkpoint on.
      limit: incidents that are acted on; the next one ends the trial.
      rate_factor: of "lower".
    """

    action: Literal["fail", "skip", "lower"] = "fail"
    limit: int = 3
    rate_factor: float = 0.5

    def __post_init__(self) -> None:
        _require(self.limit >= 0, "limit >= 0", self.limit)
        _require(0 < self.rate_factor < 1, "0 < rate_factor < 1", self.rate_factor)


def _require(holds: bool, rule: str, received: Any) -> None:
    if not holds:
        raise ValueError(f"Rule: {rule}. Received: {received!r}.")
