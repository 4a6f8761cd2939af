"""Ogg pages: every one there and with the right checksum, the last one marked as the last.

libogg skips pages that do not match their checksum, and libsndfile returns what is left. Of streams one
behind the other it reads the first: they are cut apart here.
"""

import struct
import zlib

from pipelines.contents import Content, forget
from pipelines.status import Rejected

_HEADER = struct.Struct("<4sBBqIIIB")
_BEGIN_OF_STREAM, _END_OF_STREAM = 2, 4
_FORGET_AFTER = 5_000  # pages
_MIRROR = bytes(int(f"{value:08b}"[::-1], 2) for value in range(256))


def streams(content: Content) -> list[Content]:
    """The streams of an Ogg file that follow each other, most often one.

    Raises:
      Rejected: truncated or corrupt. Bytes after the last page of a finished stream are let be.
    """
    begins, position, pages, ended = [0], 0, 0, False
    numbers: dict[int, int] = {}
    while bytes(content[position : position + 4]) == b"OggS":
        page = _page(content, position)
        if page is None:
            raise _cut(content, f"the last of {pages + 1} Ogg pages is incomplete")
        if not _matches(page):
            raise Rejected("corrupt", f"Ogg page {pages} at byte {position} does not match its checksum")
        _, _, flags, _, serial, number, _, _ = _HEADER.unpack_from(page)
        if ended and flags & _BEGIN_OF_STREAM:
            begins.append(position)
            numbers.clear()
        if number > numbers.get(serial, number):
            raise Rejected("corrupt", f"Ogg pages are lost before byte {position}: {numbers[serial]} to {number - 1}")
        numbers[serial] = number + 1
        ended = bool(flags & _END_OF_STREAM)
        position += len(page)
        pages += 1
        if not pages % _FORGET_AFTER:
            forget(content)
    if ended:
        return [content[begin:end] for begin, end in zip(begins, [*begins[1:], position], strict=True)]
    if position < len(content):
        raise Rejected("corrupt", f"no Ogg page at byte {position}, where page {pages} should begin")
    raise _cut(content, f"none of its {pages} Ogg pages is marked as the last")


def _page(content: Content, position: int) -> bytes | None:
    if position + _HEADER.size > len(content):
        return None
    begin = position + _HEADER.size + content[position + 26]
    end = begin + sum(content[position + _HEADER.size : begin])
    return bytes(content[position:end]) if end <= len(content) else None


def _matches(page: bytes) -> bool:
    """Ogg's CRC-32 is zlib's with mirrored bits, a start of 0 and no final inversion."""
    mirrored = memoryview(page.translate(_MIRROR))
    checksum = zlib.crc32(mirrored[26:], zlib.crc32(bytes(4), zlib.crc32(mirrored[:22], 0xFFFF_FFFF))) ^ 0xFFFF_FFFF
    return checksum == int.from_bytes(mirrored[22:26], "big")


def _cut(content: Content, why: str) -> Rejected:
    return Rejected("truncated", f"the file was cut off after {len(content)} bytes: {why}")
