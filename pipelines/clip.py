"""A clip: one recording, or a span of one, that a corpus lists. No samples in it."""

import os
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")  # ends a line, or moves the cursor


class Stamp(NamedTuple):
    """What tells a changed file from an unchanged one: its size in bytes and its time in ns."""

    num_bytes: int
    mtime_ns: int


class Clip(NamedTuple):
    """One clip of a corpus; a tuple, which takes a third of the time of a dataclass to make, millions of times.

    Attributes:
      clip_id: stable and unique in the corpus; printable UTF-8.
      source: path relative to the corpus folder as the file system spells it (undecodable bytes as
        surrogates), or a `synthetic:` URI.
      labels: class names; none: of none of the classes, or, in a folder corpus, unlabelled and kept out.
      split: train, validation or test.
      group: clips of one group belong in one split (speaker, original recording).
      start: first second of the clip in its source; None: from the beginning.
      end: second after the last; None: to the end.
      stamp: of the source file when it was listed; None: no such file, or none needed.
      member: where `source` is an archive, the name of the recording in it, or the number of its row.
    """

    clip_id: str
    source: str
    labels: tuple[str, ...]
    split: str
    group: str
    start: float | None = None
    end: float | None = None
    stamp: Stamp | None = None
    member: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """What a corpus lists.

    Attributes:
      clips: all of them.
      folder: their sources are relative to it.
      ignored: names of files that are no recordings of this corpus.
      labels: class names in the corpus's own order, also those without a clip; None: sorted, as they occur.
      facts: what else the corpus's files say, as JSON values; a part of `stats.json`.
    """

    clips: tuple[Clip, ...]
    folder: str
    ignored: tuple[str, ...] = ()
    labels: tuple[str, ...] | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)


def stamp_of(path: str) -> Stamp | None:
    """The stamp of the regular file at `path`, symbolic links followed; None where there is none."""
    try:
        status = os.stat(path)  # noqa: PTH116 - pathlib would copy the path a million times
    except OSError:
        return None
    return Stamp(status.st_size, status.st_mtime_ns) if stat.S_ISREG(status.st_mode) else None


def printable(path: str) -> str:
    r"""A path as one line of UTF-8 text, no two the same.

    Bytes that are not UTF-8 and those of control characters become `\xff`, a backslash becomes two.
    """
    if path.isascii() and path.isprintable() and "\\" not in path:  # nearly every one
        return path
    text = os.fsencode(path).replace(b"\\", b"\\\\").decode("utf-8", "backslashreplace")
    return _CONTROL.sub(lambda found: "".join(f"\\x{byte:02x}" for byte in found[0].encode()), text)
