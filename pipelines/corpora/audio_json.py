"""Lists of AST and PSLA: `{"data": [{"wav": path, "labels": "/m/09x0r,/m/05zppz"}, ...]}`, one file a split.

Paths are those of the machine that wrote the list. `audio_json.root` is the folder there that is the source folder
here; without it, a path is looked for by its end, as long as possible, below the source folder. Class names come from
`class_labels_indices.csv`.
"""

import json
from pathlib import Path
from typing import Any

from pipelines.clip import Clip, Listed, Stamp, printable
from pipelines.config import PrepareConfig
from pipelines.corpora.audioset_files import video_and_span
from pipelines.corpora.audioset_labels import read_classes
from pipelines.corpora.packed import Ids, part_named, split_of
from pipelines.corpora.recordings import walk_files

LICENCE = "as the recordings; of AudioSet each video's own"
CITATION = "the owner of the recordings; AudioSet: J. F. Gemmeke et al., ICASSP 2017"
SOURCE_PAGE = "lists of the repositories YuanGongND/ast and YuanGongND/psla on GitHub"
MAX_MISSING_SHARE = 1.0  # as of AudioSet


def list_clips(source: Path, config: PrepareConfig) -> Listed:
    """Every entry of every list below the folder; `eval` or `val` in a list's name is the split.

    Raises:
      ValueError: no such list, or an entry that has no path.
    """
    files = dict(walk_files(source))
    lists = {path: entries for path in files if path.endswith(".json") and (entries := _entries(source / path))}
    if not lists:
        raise ValueError(
            'A list of AST is a JSON file {"data": [{"wav": ..., "labels": "/m/...,/m/..."}]}. '
            f"Received: {source}, which holds none. Give the folder with lists and audio as `--source`."
        )
    classes = read_classes(source, config.audioset)
    places = _Places(files, config.audio_json.root)
    parts = {part_named(path.rpartition("/")[2]) for path in lists}
    ids, listed, clips = Ids(), set[str](), []
    for path in sorted(lists, key=lambda path: part_named(path.rpartition("/")[2]) != "test"):
        for number, entry in enumerate(lists[path]):
            written = _written(entry, source / path, number)
            if written in listed:  # balanced.json is a part of full.json
                continue
            listed.add(written)
            here, stamp = places.of(written)
            name = video_and_span(here.rpartition("/")[2])[0]
            clip_id = ids.of(name if len(name) == 11 else here, here)
            group = printable(name) if len(name) == 11 else clip_id
            part = part_named(path.rpartition("/")[2])
            clips.append(
                Clip(
                    clip_id=clip_id,
                    source=here,
                    labels=classes.labels_of(str(entry.get("labels", ""))),
                    split=split_of(part, group, parts=parts, shares=config.split),
                    group=group,
                    stamp=stamp,
                )
            )
    read = {*lists, *(clip.source for clip in clips), *(str(path.relative_to(source)) for path in classes.paths)}
    ignored = tuple(sorted(printable(path) for path in files if path not in read))
    return Listed(clips=tuple(clips), folder=str(source), ignored=ignored, labels=classes.labels)


class _Places:
    """Where a path of another machine is here."""

    def __init__(self, files: dict[str, Stamp | None], root: str | None) -> None:
        self._files = files
        self._root = None if root is None else root.rstrip("/") + "/"
        self._skip: int | None = None  # steps of a path that the other machine had and this one has not

    def of(self, written: str) -> tuple[str, Stamp | None]:
        """The path relative to the source folder, with its stamp; None: it is missing."""
        steps = [step for step in written.split("/") if step not in ("", ".")]
        if ".." in steps:
            raise ValueError(f"A path in a list leads down. Received: {written!r}.")
        if self._root is not None:
            here = written.removeprefix(self._root).lstrip("/")
            return here, self._files.get(here)
        for skip in range(len(steps)) if self._skip is None else (self._skip,):
            here = "/".join(steps[skip:])
            if here in self._files:
                self._skip = skip
                return here, self._files[here]
        return "/".join(steps[self._skip or 0 :]), None


def _entries(path: Path) -> list[dict[str, Any]]:
    """The entries of a list; none: it is another JSON file."""
    try:
        said = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return []
    entries = said.get("data") if isinstance(said, dict) else None
    return entries if isinstance(entries, list) and all(isinstance(entry, dict) for entry in entries) else []


def _written(entry: dict[str, Any], path: Path, number: int) -> str:
    written = entry.get("wav")
    if not isinstance(written, str) or not written.strip("/ "):
        raise ValueError(f"{path}: an entry has the path `wav`. Received: entry {number}, {entry}.")
    return written
