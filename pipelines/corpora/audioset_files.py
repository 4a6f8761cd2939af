"""Finds the audio of AudioSet's segments below a folder, whatever habit its owner follows.

A name is a video id of 11 characters, perhaps behind one `Y` (ids may begin with `-`, which commands take for an
option), perhaps with the segment's start, or start and end, in seconds or milliseconds: `Y<id>.wav`, `<id>.wav`,
`<id>_30.flac`, `<id>_30000_40000.flac`, `Y<id>_30.000_40.000.wav`. The folders do not matter. Numbers must be those of
the listed segment; a name without numbers is the first listed segment of its video. Members of tar and zip archives
have such names too; rows of parquet files have the video's id in their column `video_id`.
"""

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from pipelines.clip import Stamp
from pipelines.corpora.recordings import has_audio_suffix, walk_files

_NAME = re.compile(r"(?P<id>[\w-]{11})(?P<span>(?:_\d+(?:\.\d+)?){0,2})", re.ASCII)
_ARCHIVES = re.compile(r"\.(tar|tar\.gz|tgz|tar\.bz2|tar\.xz|zip|parquet)$", re.IGNORECASE)


class Audio(NamedTuple):
    """A file, or a member of an archive, and what its name says about its span."""

    path: str
    stamp: Stamp | None
    span: str = ""
    member: str | None = None


class AudioFiles:
    """Audio by video id; every file is taken once.

    Attributes:
      ignored: other files, relative to the source folder.
    """

    def __init__(self) -> None:
        self.ignored: list[str] = []
        self._by_id: dict[str, Audio | list[Audio]] = {}

    def add(self, video: str, audio: Audio) -> None:
        """Audio of `video`."""
        known = self._by_id.setdefault(video, audio)
        if isinstance(known, list):
            known.append(audio)
        elif known is not audio:
            self._by_id[video] = [known, audio]

    def take(self, video: str, start: float, end: float) -> Audio | None:
        """The audio of a segment in seconds: one that names its span before one that names none."""
        known = self._by_id.get(video)
        if known is None:
            return None
        here = known if isinstance(known, list) else [known]
        fitting = [audio for audio in here if _fits(audio.span, start, end)]
        if not fitting:
            return None
        chosen = next((audio for audio in fitting if audio.span), fitting[0])
        if len(here) == 1:
            del self._by_id[video]
        else:
            self._by_id[video] = [audio for audio in here if audio is not chosen]
        return chosen

    def left(self) -> list[str]:
        """Paths of what no segment took, in order."""
        left = (known if isinstance(known, list) else [known] for known in self._by_id.values())
        return sorted(_where(audio) for several in left for audio in several)


def find_audio(source: Path, *, read: Iterable[Path]) -> AudioFiles:
    """Walks `source` once; hidden files are ignored, and so are those in `read`, without being named."""
    skip = {os.path.relpath(path, source) for path in read}
    files = AudioFiles()
    for path, stamp in walk_files(source):
        if path in skip:
            continue
        for video, audio in _audio_at(source, path, stamp):
            if video is None:
                files.ignored.append(_where(audio))
            else:
                files.add(video, audio)
    return files


def video_and_span(name: str) -> tuple[str, str]:
    """The video id in the name of a file without folder, and the numbers behind it as `_30000_40000`."""
    stem = name
    while has_audio_suffix(stem):
        stem = stem.rpartition(".")[0]
    found = _NAME.fullmatch(stem) or (_NAME.fullmatch(stem, 1) if stem[:1] == "Y" else None)
    return (found["id"], found["span"]) if found else (stem, "")


def _audio_at(source: Path, path: str, stamp: Stamp | None) -> Iterator[tuple[str | None, Audio]]:
    """(video id, audio) of everything at `path`; without an id where it is no audio."""
    name = path.rpartition("/")[2]
    if has_audio_suffix(name) and not name.startswith("."):
        video, span = video_and_span(name)
        yield video, Audio(path, stamp, span)
    elif stamp is None or name.startswith(".") or not _ARCHIVES.search(name):
        yield None, Audio(path, stamp)
    else:
        yield from _members(source, path, stamp)


def _members(source: Path, path: str, stamp: Stamp) -> Iterator[tuple[str | None, Audio]]:
    from pipelines.sources import members  # it loads pyarrow

    is_table = path.lower().endswith(".parquet")
    try:
        names = _names_in_table(f"{source}/{path}") if is_table else [name for name, _ in members(f"{source}/{path}")]
    except ValueError:  # not what its name says, or a table without audio: one more file that is none of ours
        yield None, Audio(path, stamp)
        return
    for row, name in enumerate(names):
        base = name.rpartition("/")[2]
        if is_table or (has_audio_suffix(base) and not base.startswith(".")):
            video, span = video_and_span(base)
            yield video, Audio(path, stamp, span, str(row) if is_table else name)


def _names_in_table(path: str) -> list[str]:
    from pipelines.tables import text_column

    return text_column(path, "video_id", "audio.path")


def _fits(span: str, start: float, end: float) -> bool:
    """Whether `_start` or `_start_end` is that of a segment, in s, whole s, or ms."""
    numbers = map(float, span.split("_")[1:])
    return all(
        number in (seconds, int(seconds), round(1000 * seconds))
        for number, seconds in zip(numbers, (start, end), strict=False)
    )


def _where(audio: Audio) -> str:
    return audio.path if audio.member is None else f"{audio.path}/{audio.member}"
