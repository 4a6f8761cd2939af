"""The clips that two snapshots have in common: what scores on both may be compared over.

`leafworks diff A B --common FILE` writes the list; whoever holds predictions by clip id reads it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from infra import config
from infra.files import write_atomically

Prediction = TypeVar("Prediction")


@dataclass(frozen=True, kw_only=True)
class CommonClips:
    """Two snapshots' ids, and the ids of the clips that both keep with the same samples and labels, sorted."""

    snapshots: tuple[str, str]
    clips: tuple[str, ...]

    def of(self, predictions: Mapping[str, Prediction]) -> dict[str, Prediction]:
        """Those of `predictions` (clip id -> anything) that are of common clips, in the order of the list."""
        return {clip_id: predictions[clip_id] for clip_id in self.clips if clip_id in predictions}


def write_common(path: Path, common: CommonClips) -> None:
    """Writes the list as JSON."""
    write_atomically(path, config.to_json(common))


def read_common(path: Path) -> CommonClips:
    """The inverse of `write_common`.

    Raises:
      ValueError: no such file, or another kind of file.
    """
    if not path.is_file():
        raise ValueError(f"A list of common clips is what `leafworks diff A B --common FILE` writes. Received: {path}.")
    return config.from_json(CommonClips, path.read_text())
