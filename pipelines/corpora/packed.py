"""What importers of other people's packings share: which split a name means, and ids that stay unique."""

import re
from collections.abc import Collection

from pipelines.clip import printable
from pipelines.config import SplitConfig
from pipelines.splits import hashed_split, held_out

_PARTS = {
    "test": re.compile(r"(^|[^a-z])(test|testing|eval|evaluation)([^a-z]|$)"),
    "validation": re.compile(r"(^|[^a-z])(valid|validation|val|dev|development)([^a-z]|$)"),
    "train": re.compile(r"(^|[^a-z])(train|training|bal|unbal|balanced|unbalanced)([^a-z]|$)"),
}


def part_named(name: str) -> str | None:
    """The split that the name of a file, or of a folder above it, means; None: it says nothing."""
    for step in reversed(name.lower().split("/")):
        for part, pattern in _PARTS.items():
            if pattern.search(step):
                return part
    return None


def split_of(part: str | None, group: str, *, parts: Collection[str | None], shares: SplitConfig) -> str:
    """The split of a clip of `part` where the packing has `parts`.

    Without a part that tests or validates, a stable hash of the group decides, as for any corpus; with one that tests
    and none that validates, the hash takes `validation_share` from the rest.
    """
    if part in ("test", "validation"):
        return part
    if not {"test", "validation"} & set(parts):
        return hashed_split(group, shares)
    if "validation" not in parts and held_out(group, share=shares.validation_share, seed=shares.seed):
        return "validation"
    return "train"


class Ids:
    """Gives every clip an id of its own: the second of a name gets the place where it is behind it."""

    def __init__(self) -> None:
        self._known: set[str] = set()

    def of(self, name: str, where: str) -> str:
        """The id of the clip called `name` at `where`, which is unique."""
        clip_id = printable(name)
        if clip_id in self._known:
            clip_id = printable(f"{name} ({where})")
        self._known.add(clip_id)
        return clip_id
