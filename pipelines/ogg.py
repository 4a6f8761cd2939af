"""Ogg pages: every one complete and with the right checksum, the last one marked as the last.

libogg skips pages that do not match their checksum, and libsndfile returns what is left. Of
streams one behind the other it reads the first.
"""

import mmap
import struct
import zlib

from pipelines.status import Rejected

_HEADER = struct.Struct("<4sBBqIIIB")
_BEGIN_OF_STREAM, _END_OF_STREAM = 2, 4
_MIRROR = bytes(int(f"{value:08b}"[::-1], 2) for value in range(256))


def check_pages(content: bytes | mmap.mmap) -> None:
    """Walks the pages of an Ogg file.

    Raises:
      Rejected: truncated, corrupt, or several streams in a row. Bytes after the last page of a
        finished stream are let be.
    """
    position, pages, ended = 0, 0, False
    while content[position : position + 4] == b"OggS":
        page = _page(content, position)
        if page is None:
            raise _cut(content, f"the last of {pages + 1} Ogg pages is incomplete")
        if not _matches(page):
            raise Rejected("corrupt", f"Ogg page {pages} at byte {position} does not match its checksum")
        if ended and page[5] & _BEGIN_OF_STREAM:
            raise Rejected(
                "unsupported",
                f"a second Ogg stream begins at byte {position}, behind the end of the first, which is all that "
                "libsndfile reads: cut the file in two",
            )
        ended = bool(page[5] & _END_OF_STREAM)
        position += len(page)
        pages += 1
    if ended:
        return
    if position < len(content):
        raise Rejected("corrupt", f"no Ogg page at byte {position}, where page {pages} should begin")
    raise _cut(content, f"none of its {pages} Ogg pages is marked as the last")


def _page(content: bytes | mmap.mmap, position: int) -> bytes | None:
    if position + _HEADER.size > len(content):
        return None
    begin = position + _HEADER.size + content[position + 26]
    end = begin + sum(content[position + _HEADER.size : begin])
    return content[position:end] if end <= len(content) else None


def _matches(page: bytes) -> bool:
    """Ogg's CRC-32 is zlib's with mirrored bits, a start of 0 and no final inversion."""
    stored: int = _HEADER.unpack_from(page)[6]
    blank = page[:22] + bytes(4) + page[26:]
    mirrored = zlib.crc32(blank.translate(_MIRROR), 0xFFFF_FFFF) ^ 0xFFFF_FFFF
    return int(f"{mirrored:032b}"[::-1], 2) == stored


def _cut(content: bytes | mmap.mmap, why: str) -> Rejected:
    return Rejected("truncated", f"the file was cut off after {len(content)} bytes: {why}")
