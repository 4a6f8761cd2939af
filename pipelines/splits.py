"""The split of a clip whose corpus has no official one: a stable hash of its group."""

import hashlib

from pipelines.config import SplitConfig


def hashed_split(group: str, config: SplitConfig) -> str:
    """The split of every clip of `group`, the same on any machine and in any order."""
    position = _position(group, config.seed)
    if position < config.test_share:
        return "test"
    return "validation" if position < config.test_share + config.validation_share else "train"


def held_out(group: str, *, share: float, seed: int = 0) -> bool:
    """Whether every clip of `group` is among the `share` [0 to 1] of the groups that a split is taken from."""
    return _position(group, seed) < share


def _position(group: str, seed: int) -> float:
    """From 0 to 1, the same for ever."""
    digest = hashlib.sha256(f"{seed}:{group}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64
