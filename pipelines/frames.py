"""Streams of frames that each begin with a header: where they are, and what lies between them.

Such streams have no table of contents, so that a player looks for the next header. What is skipped on the way is
counted here.
"""

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from pipelines.contents import Content, forget

_BLOCK = 65_536
_FAR = 2**20  # nothing is looked for behind so many bytes of something else
_FORGET_AFTER = 50_000  # frames
_CHAIN = 3  # frames in a row that tell a stream from chance
_EIGHT = struct.Struct(">Q")  # bytes: at least a header


@dataclass(frozen=True, kw_only=True)
class Framing:
    """How the frames of a format begin: with a header, taken as one big-endian number.

    Attributes:
      header_bytes: its length.
      same: the bits that all frames of a stream have in common: version, layer and rate.
      read: the bits that say the length, and those.
      length_of: any such number -> bytes of its frame, 0 where it is no header.
    """

    header_bytes: int
    same: int
    read: int
    length_of: Callable[[int], int]

    def header_at(self, content: Content, position: int) -> int:
        """What would be the header of a frame at `position`."""
        return int.from_bytes(content[position : position + self.header_bytes], "big")

    def length_at(self, content: Content, position: int) -> int:
        """Bytes of the frame at `position`; 0 where there is none."""
        return self.length_of(self.header_at(content, position))


@dataclass(frozen=True, kw_only=True)
class Frames:
    """What a walk found.

    Attributes:
      runs: (first byte, byte after the last) of frames without a gap.
      count: whole frames.
      missing: bytes that the last frame, which is not counted, lacks.
      before: bytes before the first frame that are no tag.
      skipped: bytes between the runs that are no tags.
      behind: bytes after the last frame that are no tags.
    """

    runs: tuple[tuple[int, int], ...]
    count: int
    missing: int
    before: int
    skipped: int
    behind: int

    @property
    def begin(self) -> int:
        """The first byte of the first frame."""
        return self.runs[0][0]

    @property
    def end(self) -> int:
        """The byte after the last whole frame."""
        return self.runs[-1][1]


def walk(content: Content, framing: Framing) -> Frames | None:
    """Walks from the first frame to the last; None where there is no stream."""
    start = _after_tags(content, 0)
    first = begin = _next(content, start, framing)
    inside = _next(content, 0, framing) if start or begin is None else None
    is_lying = inside is not None and inside < start < _run(content, inside, framing)[0]
    if is_lying or begin is None:
        first = begin = inside  # the tag says that it is longer than it is
        start = 0
    runs: list[tuple[int, int]] = []
    count = missing = skipped = after = 0
    while begin is not None and not missing:
        end, number, missing = _run(content, begin, framing)
        if number:
            runs.append((begin, end))
            count += number
        after = _after_tags(content, end)
        begin = _next(content, after, framing, like=first)
        skipped += begin - after if begin is not None else 0
    if not runs:
        return None
    before = runs[0][0] - start if runs[0][0] > start else 0
    behind = 0 if missing else max(len(content) - after, 0)
    return Frames(runs=tuple(runs), count=count, missing=missing, before=before, skipped=skipped, behind=behind)


def after_tag(content: Content, position: int) -> int:
    """The byte after the ID3v2, ID3v1 or APE tag at `position`; `position` where there is none."""
    head = bytes(content[position : position + 32])
    if head[:3] == b"ID3" and len(head) >= 10 and max(head[6:10]) < 128:
        a, b, c, d = head[6:10]
        return position + 10 + (a << 21 | b << 14 | c << 7 | d) + (10 if head[5] & 0x10 else 0)
    if head[:8] == b"APETAGEX" and len(head) == 32:
        is_header = bool(head[23] & 0x20)
        return position + 32 + (int.from_bytes(head[12:16], "little") if is_header else 0)
    return position + 128 if head[:3] == b"TAG" else position


def _after_tags(content: Content, position: int) -> int:
    """Also after zeros, which pad tags."""
    while (behind := after_tag(content, position)) > position:
        position = behind
    while position < len(content) and content[position] == 0:
        position += 1
    return position


def _run(content: Content, begin: int, framing: Framing) -> tuple[int, int, int]:
    """(byte after the last whole frame, whole frames, bytes that one more lacks)."""
    kind = framing.header_at(content, begin) & framing.same
    lengths: dict[int, int] = {}  # an hour has 140,000 frames, and few kinds of headers
    end, count, size = begin, 0, len(content)
    shift, last = 8 * (_EIGHT.size - framing.header_bytes), size - _EIGHT.size
    while True:
        header = _EIGHT.unpack_from(content, end)[0] >> shift if end <= last else framing.header_at(content, end)
        header &= framing.read
        length = lengths.get(header)
        if length is None:
            lengths[header] = length = framing.length_of(header) if header & framing.same == kind else 0
        if not length or end + length > size:
            return end, count, end + length - size if length else 0
        end += length
        count += 1
        if not count % _FORGET_AFTER:
            forget(content)


def _next(content: Content, position: int, framing: Framing, like: int | None = None) -> int | None:
    """The first position from which a chain of frames goes on, or reaches the end; frames like that at `like`."""
    kind = None if like is None else framing.header_at(content, like) & framing.same
    for candidate in _candidates(content, position):
        if _is_chain(content, candidate, framing) and kind in (
            None,
            framing.header_at(content, candidate) & framing.same,
        ):
            return candidate
    return None


def _is_chain(content: Content, position: int, framing: Framing) -> bool:
    kind = framing.header_at(content, position) & framing.same
    for _ in range(_CHAIN):
        header = framing.header_at(content, position)
        length = framing.length_of(header)
        if not length or header & framing.same != kind:
            return False
        position += length
        if position >= len(content) or after_tag(content, position) > position:
            return True
    return True


def _candidates(content: Content, position: int) -> Iterator[int]:
    """Positions of the byte 0xFF, with which sync words begin, within `_FAR` bytes."""
    stop = min(len(content), position + _FAR)
    while position < stop:
        block = bytes(content[position : position + _BLOCK])
        found = block.find(0xFF)
        while found >= 0:
            yield position + found
            found = block.find(0xFF, found + 1)
        position += _BLOCK
