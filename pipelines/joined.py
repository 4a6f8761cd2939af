"""Several files read as one: archives that were cut into parts for their download."""

import bisect
import io
import itertools
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import IO


class Joined(io.RawIOBase):
    """The bytes of `paths`, one after another; can be sought, so that no joined copy is needed."""

    def __init__(self, paths: Sequence[Path]) -> None:
        super().__init__()
        self._streams: list[IO[bytes]] = [path.open("rb") for path in paths]
        self.begins = [0, *itertools.accumulate(path.stat().st_size for path in paths)]
        self._position = 0

    def readable(self) -> bool:
        """True."""
        return True

    def seekable(self) -> bool:
        """True."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Moves to `offset`, as of any file."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self.begins[-1]}[whence]
        if base + offset < 0:
            raise OSError("a position in a file is not negative")
        self._position = base + offset
        return self._position

    def tell(self) -> int:
        """The position in the whole."""
        return self._position

    def readinto(self, buffer: "memoryview") -> int:  # type: ignore[override]
        """Reads from one part; the caller comes again for the next."""
        part = bisect.bisect_right(self.begins, self._position) - 1
        if part >= len(self._streams):
            return 0
        stream, left = self._streams[part], self.begins[part + 1] - self._position
        stream.seek(self._position - self.begins[part])
        content = stream.read(min(len(buffer), left))
        buffer[: len(content)] = content
        self._position += len(content)
        return len(content)

    def close(self) -> None:
        """Closes every part."""
        for stream in self._streams:
            stream.close()
        super().close()


def open_zip(stream: Joined) -> zipfile.ZipFile:
    """A zip archive, whole, cut anywhere (`.zip.001`), or split by zip itself (`.z01` ... `.zip`).

    zip counts the offsets of a split archive from the beginning of each part and says which part in `volume`.
    `zipfile` takes all for the last one, where the directory is; this sets them right.

    Raises:
      zipfile.BadZipFile: it is none, or damaged.
    """
    archive = zipfile.ZipFile(io.BufferedReader(stream))
    members = archive.infolist()
    if any(member.volume for member in members):
        _set_offsets_right(members, stream.begins)
    return archive


def _set_offsets_right(members: Sequence[zipfile.ZipInfo], begins: Sequence[int]) -> None:
    last = begins[-2]
    for member in members:
        if member.volume >= len(begins) - 1:
            raise zipfile.BadZipFile(f"it names part {member.volume + 1}, and there are {len(begins) - 1}")
        member.header_offset += begins[member.volume] - last
        if hasattr(member, "_end_offset"):  # made of the wrong offsets; it finds overlaps, as our size limit does
            member._end_offset = None
