"""Members of tar files, plain or compressed. Names go nowhere: nothing is unpacked, so none can escape."""

import bz2
import io
import logging
import lzma
import mmap
import tarfile
import threading
from pathlib import Path
from typing import IO

import indexed_gzip

from pipelines.status import Rejected

LOG = logging.getLogger(__name__)

_MOST_EXPANSION = 100  # more is a bomb: audio hardly compresses
_MOST_HEADER_BYTES = 2**20  # of a long name or a pax header, which tarfile reads whole
_SEEK_POINTS = 2_000  # of a .tar.gz, with 32 KiB each
_ENTRY_BYTES, _GZIP_POINT_BYTES = 300, 40_000
_DAMAGED = (tarfile.TarError, EOFError, OSError, ValueError, indexed_gzip.ZranError, lzma.LZMAError)


class Tar:
    """A tar and the offsets of its regular members in it, or in what it is compressed from."""

    def __init__(self, path: str, head: bytes, *, most_bytes: int) -> None:
        self._path = path
        self._most_bytes = most_bytes
        self._lock = threading.Lock()
        self._plain: mmap.mmap | None = None
        self._stream = _decompressed(path, head)
        if self._stream is None:
            self._plain = _mapped(path)
        self._members, self._others = self._index()
        gzip_bytes = _GZIP_POINT_BYTES * _SEEK_POINTS if head[:2] == b"\x1f\x8b" else 0
        self.index_bytes = _ENTRY_BYTES * len(self._members) + min(gzip_bytes, Path(path).stat().st_size)

    def members(self) -> list[tuple[str, int]]:
        """See `sources.members`."""
        return [(name, size) for name, (_, size) in self._members.items()]

    def read(self, member: str) -> bytes | memoryview:
        """See `sources.read_source`."""
        if member not in self._members:
            what = self._others.get(member)
            raise Rejected(*(("unsupported", f"the member is {what}") if what else _absent(member)))
        offset, size = self._members[member]
        if self._plain is not None:
            content: bytes | memoryview = memoryview(self._plain)[offset : offset + size]
        else:
            content = self._read_stream(offset, size)
        if len(content) < size:
            raise Rejected("truncated", f"the archive ends within the member, after {len(content)} of {size} bytes")
        return content

    def _read_stream(self, offset: int, size: int) -> bytes:
        assert self._stream is not None
        if size > self._most_bytes:
            raise Rejected(
                "unsupported",
                f"the member has {size} bytes; compressed ones are read up to {self._most_bytes}: unpack it",
            )
        with self._lock:
            try:
                self._stream.seek(offset)
                return self._stream.read(size)
            except _DAMAGED as error:
                raise Rejected("corrupt", f"the archive is damaged at this member: {_words(error)}") from error

    def _index(self) -> tuple[dict[str, tuple[int, int]], dict[str, str]]:
        found: dict[str, tuple[int, int]] = {}
        others: dict[str, str] = {}
        limit = _MOST_EXPANSION * max(Path(self._path).stat().st_size, 2**20)
        source = self._stream if self._stream is not None else Path(self._path).open("rb")  # noqa: SIM115
        try:
            with tarfile.open(fileobj=_Careful(source, limit), mode="r:") as tar:
                while info := tar.next():
                    tar.members = []  # type: ignore[attr-defined] # it would keep every header
                    found.pop(info.name, None)
                    others.pop(info.name, None)
                    if info.isreg() and not info.issparse():
                        found[info.name] = (info.offset_data, info.size)
                    elif not info.isdir():
                        others[info.name] = _kind(info)
        except _DAMAGED as error:
            if not found:
                raise Rejected("unsupported", f"no tar that can be read: {_words(error)}") from error
            LOG.warning("%s: %s after %d members", self._path, _words(error), len(found))
        finally:
            if source is not self._stream:
                source.close()
        return found, others


class _Careful(io.RawIOBase):
    """A file that tarfile may walk through, but not take into memory, nor follow to a size that cannot be."""

    def __init__(self, stream: IO[bytes], limit: int) -> None:
        self._stream = stream
        self._limit = limit

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= _MOST_HEADER_BYTES:
            raise tarfile.ReadError(f"a header of {size} bytes, and the limit is {_MOST_HEADER_BYTES}")
        return self._stream.read(size)

    def seek(self, offset: int, whence: int = 0) -> int:
        if offset > self._limit:
            raise tarfile.ReadError(
                f"a member reaches to byte {offset}, and the limit is {_MOST_EXPANSION} times the file"
            )
        return self._stream.seek(offset, whence)

    def tell(self) -> int:
        return self._stream.tell()


def _decompressed(path: str, head: bytes) -> IO[bytes] | None:
    """What the archive is compressed from, as a file that can be sought in; None for a plain one."""
    if head[:2] == b"\x1f\x8b":
        spacing = max(2**20, 4 * Path(path).stat().st_size // _SEEK_POINTS)
        stream: IO[bytes] = indexed_gzip.IndexedGzipFile(path, spacing=spacing)
        return stream
    if head[:3] == b"BZh":
        return bz2.open(path)
    return lzma.open(path) if head == b"\xfd7zXZ\0" else None


def _mapped(path: str) -> mmap.mmap:
    with Path(path).open("rb") as stream:
        try:
            return mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
        except ValueError as error:
            raise Rejected("empty", "the archive has 0 bytes") from error


def _kind(info: tarfile.TarInfo) -> str:
    if info.islnk() or info.issym():
        return f"a link to {info.linkname!r}, which is not followed"
    return "a sparse file, which is not read" if info.issparse() else "a device or a pipe"


def _absent(member: str) -> tuple[str, str]:
    return "missing", f"the archive has no member {member!r}"


def _words(error: BaseException) -> str:
    return (error.strerror or "") if isinstance(error, OSError) and error.strerror else str(error) or repr(error)
