"""MP4 and its kin (m4a, 3gp): whether all boxes are there, and how long the sound is said to be.

Encoders put samples before and after the recording; the edit list says what of them is the recording.
"""

import struct
from collections.abc import Iterator

from pipelines.contents import Content
from pipelines.status import Rejected

_OUTER = (b"ftyp", b"styp", b"moov", b"moof", b"mdat", b"mfra", b"free", b"skip", b"wide", b"uuid", b"sidx", b"meta")
_PARENTS = (b"moov", b"trak", b"mdia", b"edts")
_MOST_BOXES = 100_000


def check_boxes(content: Content) -> None:
    """Walks the outer boxes.

    Raises:
      Rejected: one reaches beyond the end of the file, or there is none with the table of contents.
    """
    names = []
    for name, _, end in _boxes(content, 0, len(content)):
        if name not in _OUTER and b"moov" in names:
            break  # bytes behind the recording
        if end > len(content):
            raise Rejected(
                "truncated",
                f"its box {_text(name)} ends at byte {end}, the file after {len(content)}: it was cut off",
            )
        names.append(name)
    if b"moov" not in names and b"moof" not in names:
        raise Rejected("truncated", f"the file ends after {len(content)} bytes, before its moov box")


def sound_seconds(content: Content) -> float | None:
    """Seconds of the recording by the edit list of its first sound track; None where there is none."""
    scale = None
    for name, body in _inside(content, 0, len(content)):
        if name == b"mvhd":
            scale = struct.unpack_from(">I", body, 20 if body[0] else 12)[0]
    for begin, end in [(b, e) for name, b, e in _nested(content, 0, len(content)) if name == b"trak"]:
        fields = dict(_inside(content, begin, end))
        if bytes(fields.get(b"hdlr", b"")[8:12]) == b"soun":
            edits = fields.get(b"elst")
            return sum(_edits(edits)) / scale if edits and scale else None
    return None


def _edits(body: bytes) -> Iterator[int]:
    """Durations of the edits that are not empty."""
    is_long = body[0] == 1
    entry = struct.Struct(">Qqi" if is_long else ">Iii")
    for index in range(struct.unpack_from(">I", body, 4)[0]):
        duration, media_time, _ = entry.unpack_from(body, 8 + index * entry.size)
        if media_time >= 0:
            yield duration


def _inside(content: Content, begin: int, end: int) -> Iterator[tuple[bytes, bytes]]:
    """(name, content) of the small boxes at any depth."""
    for name, first, last in _nested(content, begin, end):
        if name not in _PARENTS and last - first < 2**16:
            yield name, bytes(content[first:last])


def _nested(content: Content, begin: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    waiting = [(begin, end)]
    while waiting:
        first, last = waiting.pop()
        for name, inner, outer in _boxes(content, first, last):
            yield name, inner, outer
            if name in _PARENTS:
                waiting.append((inner, min(outer, last)))


def _boxes(content: Content, position: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """(name, first byte of the content, byte after the last) of box after box."""
    for _ in range(_MOST_BOXES):
        if position + 8 > end:
            return
        size, name = struct.unpack_from(">I4s", content, position)
        begin = position + 8
        if size == 1 and begin + 8 <= end:
            (size,) = struct.unpack_from(">Q", content, begin)
            begin += 8
        elif size == 0:  # to the end
            size = end - position
        if size < begin - position:
            return
        yield name, begin, position + size
        position += size


def _text(name: bytes) -> str:
    return repr(name.decode("latin-1"))
