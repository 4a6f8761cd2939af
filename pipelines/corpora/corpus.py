"""What an adapter is: a name, where the recordings come from, and a function that lists them."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pipelines.clip import Listed
from pipelines.config import PrepareConfig


@dataclass(frozen=True, kw_only=True)
class Corpus:
    """One corpus.

    Attributes:
      name: as on the command line.
      licence: of the recordings, in words.
      citation: what to cite.
      source_page: where the recordings are found, in words.
      configured_by: names of the `PrepareConfig` fields, beyond those of every corpus, that change what
        this corpus lists or renders; the others stay out of the snapshot's key.
      needs_source: whether it reads files.
      list_clips: (source folder, config) -> what the corpus lists; it never decodes.
      max_missing_share: of a corpus that lists more than anybody has: clips without a file are counted apart from
        the rejected ones, and may be this share of all; None: a missing clip is a rejected one.
    """

    name: str
    licence: str
    citation: str
    source_page: str
    configured_by: tuple[str, ...]
    needs_source: bool
    list_clips: Callable[[Path, PrepareConfig], Listed]
    max_missing_share: float | None = None
