"""Members of zip files. Names go nowhere: nothing is unpacked, so none can escape."""

import mmap
import stat
import struct
import zipfile
import zlib
from pathlib import Path

from pipelines.status import Rejected

_ENTRY_BYTES = 700
_LOCAL_HEADER = struct.Struct("<4s22xHH")
_ENCRYPTED = 1


class Zip:
    """A zip; members that are stored are views of the file, the others are inflated into memory."""

    def __init__(self, path: str, *, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        try:
            self._zip = zipfile.ZipFile(path)
        except (zipfile.BadZipFile, NotImplementedError, OSError, ValueError) as error:
            raise Rejected("unsupported", f"no zip that can be read: {error}") from error
        with Path(path).open("rb") as stream:
            self._map = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
        self.index_bytes = _ENTRY_BYTES * len(self._zip.infolist())

    def members(self) -> list[tuple[str, int]]:
        """See `sources.members`."""
        sizes = {info.filename: info.file_size for info in self._zip.infolist() if _is_regular(info)}
        return list(sizes.items())

    def read(self, member: str) -> bytes | memoryview:
        """See `sources.read_source`."""
        try:
            info = self._zip.getinfo(member)
        except KeyError:
            raise Rejected("missing", f"the archive has no member {member!r}") from None
        if not _is_regular(info):
            raise Rejected("unsupported", "the member is a folder, a link or a device, which is not read")
        if info.flag_bits & _ENCRYPTED:
            raise Rejected("unsupported", "the member is encrypted")
        return self._stored(info) if info.compress_type == zipfile.ZIP_STORED else self._inflated(info)

    def _stored(self, info: zipfile.ZipInfo) -> memoryview:
        header = self._map[info.header_offset : info.header_offset + _LOCAL_HEADER.size]
        if len(header) < _LOCAL_HEADER.size or header[:4] != b"PK\x03\x04":
            raise Rejected("corrupt", f"the archive has no member at byte {info.header_offset}, where it says")
        _, name_bytes, extra_bytes = _LOCAL_HEADER.unpack(header)
        begin = info.header_offset + _LOCAL_HEADER.size + name_bytes + extra_bytes
        content = memoryview(self._map)[begin : begin + info.file_size]
        if len(content) < info.file_size:
            raise Rejected(
                "truncated", f"the archive ends within the member, after {len(content)} of {info.file_size} bytes"
            )
        if len(content) <= self._most_bytes and zlib.crc32(content) != info.CRC:
            raise Rejected("corrupt", "the member does not match its checksum in the zip")
        return content

    def _inflated(self, info: zipfile.ZipInfo) -> bytes:
        if info.file_size > self._most_bytes:
            raise Rejected(
                "unsupported",
                f"the member has {info.file_size} bytes; compressed ones are read up to {self._most_bytes}: unpack it",
            )
        try:
            with self._zip.open(info) as stream:
                return stream.read(self._most_bytes)  # never more than the size in the directory
        except NotImplementedError as error:
            raise Rejected("unsupported", f"the member is compressed in a way that is not read: {error}") from error
        except (zipfile.BadZipFile, EOFError, OSError, ValueError, zlib.error) as error:
            raise Rejected("corrupt", f"the member cannot be decompressed: {error}") from error


def _is_regular(info: zipfile.ZipInfo) -> bool:
    """Neither folder nor link nor device; zips made elsewhere than on Unix say no type."""
    return not info.is_dir() and stat.S_IFMT(info.external_attr >> 16) in (0, stat.S_IFREG)
