"""Tar files as WebDataset packs them: the members of a sample share a name up to its first dot.

A sample's audio is the member with an audio suffix; its labels are in the `.json` (`webdataset.label` names the key),
else in the `.cls` (a name, or a number into the lines of `classes.txt` in the source folder), else a one-line `.txt`.
Its id is that common name, its group what the key `group` of the `.json` says, else the sample alone.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pipelines.clip import Clip, Listed, Stamp, printable
from pipelines.config import PrepareConfig
from pipelines.corpora.packed import Ids, part_named, split_of
from pipelines.corpora.recordings import has_audio_suffix, walk_files

LICENCE = "as the recordings"
CITATION = "the owner of the recordings"
SOURCE_PAGE = "the folder that was given"

_CLASSES_NAME = "classes.txt"
_SUFFIXES = (".tar", ".tar.gz", ".tgz")
_KEYS = ("labels", "label", "tags", "tag", "classes", "class")
_MOST_LABEL_BYTES = 1_000_000


def list_clips(source: Path, config: PrepareConfig) -> Listed:
    """Every audio member of every tar below the folder; `train`, `val` or `test` in a path is the split.

    Raises:
      ValueError: no such tar.
    """
    files = list(walk_files(source))
    tars = [(path, stamp) for path, stamp in files if stamp and path.lower().endswith(_SUFFIXES)]
    parts = {part_named(path) for path, _ in tars}
    names = _class_names(source)
    ids = Ids()
    clips = [
        clip
        for path, stamp in sorted(tars, key=lambda tar: part_named(tar[0]) != "test")
        for clip in _clips(source, path, stamp, names, ids, parts, config)
    ]
    if not clips:
        raise ValueError(
            "A WebDataset is a folder of tar files with samples such as 000001.flac, 000001.json. "
            f"Received: {source}, which holds none ({len(tars)} tar files). Give the folder as `--source`."
        )
    read = {path for path, _ in tars} | {_CLASSES_NAME}
    ignored = tuple(sorted(printable(path) for path, _ in files if path not in read))
    return Listed(clips=tuple(clips), folder=str(source), ignored=ignored)


def _clips(
    source: Path,
    path: str,
    stamp: Stamp | None,
    classes: list[str],
    ids: Ids,
    parts: set[str | None],
    config: PrepareConfig,
) -> Iterator[Clip]:
    from pipelines.sources import members, read_source

    samples: dict[str, dict[str, str]] = {}
    small: dict[str, int] = {}
    for member, num_bytes in members(source / path):
        folder, _, base = member.rpartition("/")
        stem, _, suffix = base.partition(".")
        if stem:
            samples.setdefault(f"{folder}/{stem}" if folder else stem, {})[suffix.lower()] = member
            small[member] = num_bytes
    for key, found in samples.items():
        texts = {
            suffix: _text(read_source(source / path, member))
            for suffix, member in found.items()
            if suffix in ("json", "cls", "txt") and small[member] <= _MOST_LABEL_BYTES
        }
        said = _json(texts.get("json", ""))
        labels = _labels(said, texts, classes, config.webdataset.label)
        audio = [suffix for suffix in found if has_audio_suffix(f".{suffix}")]
        for suffix in audio:
            name = key if len(audio) == 1 else f"{key}.{suffix}"
            clip_id = ids.of(name, f"{path}/{found[suffix]}")
            group = printable(str(said["group"])) if said.get("group") else clip_id
            yield Clip(
                clip_id=clip_id,
                source=path,
                labels=labels,
                split=split_of(part_named(path), group, parts=parts, shares=config.split),
                group=group,
                stamp=stamp,
                member=found[suffix],
            )


def _labels(said: dict[str, Any], texts: dict[str, str], classes: list[str], key: str | None) -> tuple[str, ...]:
    keys = (key,) if key else _KEYS
    value = next((said[name] for name in keys if said.get(name) not in (None, "", [])), None)
    if value is None and "cls" in texts:
        value = int(texts["cls"]) if texts["cls"].isdecimal() else texts["cls"]
    if value is None and texts.get("txt", "").count("\n") == 0:
        value = texts.get("txt")
    values = value if isinstance(value, list) else [] if value in (None, "") else [value]
    named = [classes[value] if isinstance(value, int) and value < len(classes) else str(value) for value in values]
    return tuple(dict.fromkeys(printable(name.strip()) for name in named if name.strip()))


def _text(content: bytes | memoryview) -> str:
    return bytes(content).decode("utf-8", "replace").strip()


def _json(text: str) -> dict[str, Any]:
    """What a sample says of itself; damaged JSON says nothing, and the clip is unlabelled."""
    try:
        said = json.loads(text) if text else {}
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


def _class_names(source: Path) -> list[str]:
    path = source / _CLASSES_NAME
    return path.read_text(encoding="utf-8").split("\n") if path.is_file() else []
