"""One frozen dataclass per front end, in human units (ms, Hz). Stdlib only.

The sample rate is not here: it belongs to the snapshot's card and is given to `frontends.build.build`.
"""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class MelFilterbankConfig:
    """Mel filterbank energies; see `frontends.MelFilterbank`."""

    kind: Literal["mel"] = "mel"
    num_filters: int = 40
    window_ms: float = 25.0
    stride_ms: float = 10.0
    min_hz: float = 60.0
    max_hz: float = 7800.0
    compression: Literal["log", "pcen"] | None = "log"

    def __post_init__(self) -> None:
        _check(self)


@dataclass(frozen=True, kw_only=True)
class LeafConfig:
    """LEAF; see `frontends.Leaf`."""

    kind: Literal["leaf"] = "leaf"
    num_filters: int = 40
    window_ms: float = 25.0
    stride_ms: float = 10.0
    min_hz: float = 60.0
    max_hz: float = 7800.0
    compression: Literal["log", "pcen"] | None = "pcen"

    def __post_init__(self) -> None:
        _check(self)


FrontendConfig = MelFilterbankConfig | LeafConfig


def _check(config: FrontendConfig) -> None:
    rules = (
        ("num_filters >= 1", config.num_filters >= 1, config.num_filters),
        ("0 < stride_ms", config.stride_ms > 0, config.stride_ms),
        ("0 < window_ms", config.window_ms > 0, config.window_ms),
        ("0 <= min_hz < max_hz", 0 <= config.min_hz < config.max_hz, (config.min_hz, config.max_hz)),
    )
    for rule, holds, received in rules:
        if not holds:
            raise ValueError(f"Rule: {rule}. Received: {received!r} for the front end `{config.kind}`.")
