"""Finds the recordings below a folder, whatever their names."""

import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path

from pipelines.clip import Stamp, stamp_of
from pipelines.containers import HEAD_BYTES, container_of

_SUFFIXES = re.compile(
    r"\.(wav|wave|flac|ogg|oga|opus|mp[23]|aiff?|aifc|au|snd|caf|w64|rf64|m4[ab]|aac|mp4|wma|webm|mk[av]|mov|amr|3gp|3g2"
    r"|sph|nist|voc|wv|tta|ape|mpc|spx|e?ac3|dts|dsf|shn|sox|avi|flv|f4v|mpe?g|vob|asf|wmv|ogv)$",
    re.IGNORECASE,
)


def find_recordings(folder: Path) -> tuple[dict[str, Stamp | None], list[str]]:
    """Walks `folder` in sorted order, the files of a folder before its sub-folders.

    A recording has an audio suffix or begins like an audio file. Hidden names, links to folders and
    everything else are ignored, by name.

    Returns:
      Paths relative to `folder` as the file system spells them: recordings with their stamps, ignored.
    """
    found: dict[str, Stamp | None] = {}
    ignored = []
    for path, entry in _walk(str(folder)):
        status = _status(entry) if entry else None
        if entry and _is_recording(entry, status):
            found[path] = Stamp(status.st_size, status.st_mtime_ns) if status else None
        else:
            ignored.append(path)
    return found, ignored


def has_audio_suffix(name: str) -> bool:
    """Whether a file's name ends as those of recordings do."""
    return _SUFFIXES.search(name) is not None


def walk_files(folder: Path) -> Iterator[tuple[str, Stamp | None]]:
    """Every file below `folder` in the order of `find_recordings`, by its path relative to it, with its stamp.

    A stamp is None for what is no regular file. One look at each file, none into it: for millions of them.
    """
    root = str(folder)
    waiting = [""]
    while waiting:
        below = waiting.pop()
        files: list[str] = []
        folders: list[str] = []
        try:
            with os.scandir(f"{root}/{below}") as entries:
                for entry in entries:  # names, not entries: an entry keeps half a kilobyte once it was asked
                    is_folder = entry.is_dir(follow_symlinks=False) and not entry.name.startswith(".")
                    (folders if is_folder else files).append(entry.name)
        except OSError:
            continue
        for name in sorted(files):
            yield f"{below}{name}", stamp_of(f"{root}/{below}{name}")
        waiting += [f"{below}{name}/" for name in sorted(folders, reverse=True)]


def _walk(root: str) -> "Iterator[tuple[str, os.DirEntry[str] | None]]":
    """Everything that is no folder to go into; without an entry where a folder cannot be looked into."""
    waiting = [""]  # not recursion: folders may be nested a thousand deep
    while waiting:
        below = waiting.pop()
        try:
            with os.scandir(f"{root}/{below}") as entries:
                ordered = sorted(entries, key=lambda entry: entry.name)
        except OSError:  # forbidden, just removed, or too deep for the system
            yield below, None
            continue
        folders = []
        for entry in ordered:
            path = f"{below}{entry.name}"
            if entry.is_dir(follow_symlinks=False) and not entry.name.startswith("."):
                folders.append(f"{path}/")
            else:
                yield path, entry
        waiting += reversed(folders)


def _status(entry: os.DirEntry[str]) -> os.stat_result | None:
    """None of a link to nothing, or to itself."""
    try:
        return entry.stat()
    except OSError:
        return None


def _is_recording(entry: os.DirEntry[str], status: os.stat_result | None) -> bool:
    if entry.name.startswith("."):
        return False
    has_suffix = has_audio_suffix(entry.name)
    if status is None:  # listed, and missing
        return has_suffix
    if not stat.S_ISREG(status.st_mode):  # a link to a folder; a pipe would block whoever opens it
        return False
    return has_suffix or _begins_like_audio(entry.path)


def _begins_like_audio(path: str) -> bool:
    try:
        with open(path, "rb") as stream:  # noqa: PTH123
            return container_of(stream.read(HEAD_BYTES)) is not None
    except OSError:
        return False
