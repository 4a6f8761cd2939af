"""The corpora by name. A new corpus is a file beside this one and an entry here."""

import dataclasses
import os
from pathlib import Path
from types import ModuleType

from pipelines.clip import Listed
from pipelines.config import CorpusName, PrepareConfig
from pipelines.corpora import audioset, esc10, folder, fsdd, synthetic
from pipelines.corpora.corpus import Corpus


def _corpus(module: ModuleType, *, configured_by: tuple[str, ...] = (), needs_source: bool = True) -> Corpus:
    return Corpus(
        name=module.__name__.rpartition(".")[2],
        licence=module.LICENCE,
        citation=module.CITATION,
        source_page=module.SOURCE_PAGE,
        configured_by=configured_by,
        needs_source=needs_source,
        list_clips=module.list_clips,
        max_missing_share=getattr(module, "MAX_MISSING_SHARE", None),
    )


CATALOG: dict[CorpusName, Corpus] = {
    "synthetic": _corpus(synthetic, configured_by=("synthetic",), needs_source=False),
    "folder": _corpus(folder, configured_by=("split",)),  # the table's whole content is in the clips
    "fsdd": _corpus(fsdd),
    "esc10": _corpus(esc10),
    "audioset": _corpus(audioset, configured_by=("split", "audioset")),
}


def list_corpus(config: PrepareConfig, source: str | None) -> Listed:
    """Lists the clips of the configured corpus, sorted by id.

    Raises:
      ValueError: no source folder, or nothing of this corpus in it.
    """
    corpus = CATALOG[config.corpus]
    is_folder = os.path.isdir(source or "")  # noqa: PTH112 - pathlib raises where a name is too long
    if corpus.needs_source and not is_folder:
        raise ValueError(
            f"The corpus `{corpus.name}` is read from a folder. Received: source {source!r}, which is none. "
            f"Give it as `--source`; the recordings: {corpus.source_page}."
        )
    listed = corpus.list_clips(Path(source or ".").absolute(), config)
    clips = tuple(sorted(listed.clips, key=lambda clip: clip.clip_id))
    return dataclasses.replace(listed, clips=clips)
