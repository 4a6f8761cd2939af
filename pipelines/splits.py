"""The split of a clip whose corpus has no official one: a stable hash of its group."""

import hashlib

from pipelines.config import SplitConfig


def hashed_split(group: str, config: SplitConfig) -> str:
    """The split of every clip of `group`, the same on any machine and in any order."""
    digest = hashlib.sha256(f"{config.seed}:{group}".encode()).digest()
    position = int.from_bytes(digest[:8], "big") / 2**64
    if position < config.test_share:
        return "test"
    return "validation" if position < config.test_share + config.validation_share else "train"
