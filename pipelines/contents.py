"""The bytes of a recording, in a file or in an archive, and files made of pieces of them without a copy."""

import io
import mmap
import os
from collections.abc import Sequence

from pipelines.sources import read_source
from pipelines.status import Rejected

Content = memoryview

_MAPPED_FROM = 2**18  # bytes: fewer are read sooner than they are mapped


def content_of(path: str, member: str | None = None) -> Content:
    """The bytes of the file at `path`, mapped, or of a member of that archive.

    Raises:
      Rejected: they cannot be read, or are none.
    """
    content = _mapped(path) if member is None else memoryview(read_source(path, member))
    if not len(content):
        raise Rejected("empty", f"the {'file' if member is None else 'member'} has 0 bytes")
    return content


def _mapped(path: str) -> Content:
    try:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            size = os.fstat(descriptor).st_size
            if size < _MAPPED_FROM:
                return memoryview(os.read(descriptor, size))
            return memoryview(mmap.mmap(descriptor, 0, access=mmap.ACCESS_READ))
        finally:
            os.close(descriptor)
    except OSError as error:
        raise Rejected("missing", f"the file cannot be read: {error.strerror}") from error


def forget(content: Content) -> None:
    """Lets the system take back the memory of a mapped file that was walked through; it is read again if need be."""
    if isinstance(content.obj, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
        content.obj.madvise(mmap.MADV_DONTNEED)


class Pieces(io.RawIOBase):
    """A file whose content is that of the pieces, one behind the other."""

    def __init__(self, pieces: Sequence[Content | bytes]) -> None:
        self._pieces = [memoryview(piece) for piece in pieces]
        self._size = sum(map(len, self._pieces))
        self._position = 0
        self.ran_out = False  # whether somebody wanted more than there is

    def readable(self) -> bool:
        """Yes."""
        return True

    def seekable(self) -> bool:
        """Yes."""
        return True

    def tell(self) -> int:
        """Where the next byte is read."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Goes there, also behind the end."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        self._position = max(base + offset, 0)
        return self._position

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        """Fills the buffer as far as there is something."""
        wanted, begin, done = len(buffer), 0, 0
        for piece in self._pieces:
            inside = self._position + done - begin
            if 0 <= inside < len(piece) and done < wanted:
                found = piece[inside : inside + wanted - done]
                buffer[done : done + len(found)] = found
                done += len(found)
            begin += len(piece)
        self._position += done
        self.ran_out |= done < wanted
        return done
