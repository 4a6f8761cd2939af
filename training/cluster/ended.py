"""How an attempt at a trial ended."""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["finished", "refused", "failed", "interrupted", "lost"]


@dataclass(frozen=True)
class Ended:
    """How an attempt ended.

    Attributes:
      kind: "finished"; "refused": another attempt would end alike; "failed": a worker died, hung or raised;
        "interrupted": its node went, or it was asked to stop; "lost": another attempt owns the trial.
      reason: in words; empty where it finished.
    """

    kind: Kind
    reason: str = ""
