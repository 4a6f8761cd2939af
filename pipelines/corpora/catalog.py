"""The corpora by name. A new corpus is a file beside this one and an entry here."""

import dataclasses
import hashlib
import heapq
import itertools
import os
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType

from pipelines.clip import Clip, Listed
from pipelines.config import PrepareConfig
from pipelines.corpora import (
    audio_json,
    audioset,
    crema_d,
    dcase2018_birds,
    esc10,
    esc50,
    folder,
    fsd50k,
    fsdd,
    hf_parquet,
    librispeech,
    magnatagatune,
    nsynth,
    panns_hdf5,
    speech_commands,
    synthetic,
    tfds,
    tut_urban_2018,
    urbansound8k,
    voxceleb1,
    voxforge,
    webdataset,
)
from pipelines.corpora.config import CorpusName
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
    "fsdd": _corpus(fsdd, configured_by=("fsdd",)),
    "esc10": _corpus(esc10, configured_by=("esc10",)),
    "esc50": _corpus(esc50, configured_by=("esc50",)),
    "speech_commands": _corpus(speech_commands, configured_by=("speech_commands",)),
    "voxceleb1": _corpus(voxceleb1),
    "librispeech": _corpus(librispeech, configured_by=("split", "librispeech")),
    "nsynth": _corpus(nsynth, configured_by=("nsynth",)),
    "crema_d": _corpus(crema_d, configured_by=("crema_d",)),
    "voxforge": _corpus(voxforge, configured_by=("split",)),
    "tut_urban_2018": _corpus(tut_urban_2018, configured_by=("split",)),
    "dcase2018_birds": _corpus(dcase2018_birds, configured_by=("split", "dcase2018_birds")),
    "urbansound8k": _corpus(urbansound8k, configured_by=("urbansound8k",)),
    "magnatagatune": _corpus(magnatagatune, configured_by=("magnatagatune",)),
    "fsd50k": _corpus(fsd50k),
    "audioset": _corpus(audioset, configured_by=("split", "audioset")),
    "panns_hdf5": _corpus(panns_hdf5, configured_by=("split", "audioset")),
    "audio_json": _corpus(audio_json, configured_by=("split", "audioset", "audio_json")),
    "tfds": _corpus(tfds, configured_by=("split", "tfds")),
    "webdataset": _corpus(webdataset, configured_by=("split", "webdataset")),
    "hf_parquet": _corpus(hf_parquet, configured_by=("split", "hf_parquet")),
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
    clips = tuple(sorted(_chosen(listed.clips, config.max_clips_per_split), key=lambda clip: clip.clip_id))
    return dataclasses.replace(listed, clips=clips)


def _chosen(clips: tuple[Clip, ...], most: int | None) -> Iterable[Clip]:
    """Of each split the clips with the smallest hashes: the same ones, whatever else is listed."""
    if most is None:
        return clips
    by_split: dict[str, list[Clip]] = {}
    for clip in clips:
        by_split.setdefault(clip.split, []).append(clip)
    return itertools.chain.from_iterable(heapq.nsmallest(most, of_split, key=_rank) for of_split in by_split.values())


def _rank(clip: Clip) -> bytes:
    return hashlib.sha256(clip.clip_id.encode()).digest()
