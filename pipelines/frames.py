"""Streams of frames that each begin with a header: where they are, and what lies between them.

Such streams have no table of contents, so that a player looks for the next header. What is skipped on the way is
counted here.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from pipelines.contents import Content, forget

LengthAt = Callable[[Content, int], int]  # (content, position) -> bytes of the frame there; 0: none

_BLOCK = 65_536
_FAR = 2**20  # nothing is looked for behind so many bytes of something else
_FORGET_AFTER = 50_000  # frames
_CHAIN = 3  # frames in a row that tell a stream from chance


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


def walk(content: Content, length_at: LengthAt) -> Frames | None:
    """Walks from the first frame to the last; None where there is no stream."""
    start = _after_tags(content, 0)
    first = begin = _next(content, start, length_at)
    inside = _next(content, 0, length_at) if start or begin is None else None
    is_lying = inside is not None and inside < start < _run(content, inside, length_at)[0]
    if is_lying or begin is None:
        first = begin = inside  # the tag says that it is longer than it is
        start = 0
    runs: list[tuple[int, int]] = []
    count = missing = skipped = after = 0
    while begin is not None and not missing:
        end, number, missing = _run(content, begin, length_at)
        if number:
            runs.append((begin, end))
            count += number
        after = _after_tags(content, end)
        begin = _next(content, after, length_at, like=first)
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


def _run(content: Content, begin: int, length_at: LengthAt) -> tuple[int, int, int]:
    """(byte after the last whole frame, whole frames, bytes that one more lacks)."""
    end, count, size, kind = begin, 0, len(content), _kind(content, begin)
    while (length := length_at(content, end)) and (content[end + 1] & 0xFE, content[end + 2] & 0x0C) == kind:
        if end + length > size:
            return end, count, end + length - size
        end += length
        count += 1
        if not count % _FORGET_AFTER:
            forget(content)
    return end, count, 0


def _kind(content: Content, position: int) -> tuple[int, int]:
    """What all frames of a stream have in common: version, layer and rate."""
    return content[position + 1] & 0xFE, content[position + 2] & 0x0C


def _next(content: Content, position: int, length_at: LengthAt, like: int | None = None) -> int | None:
    """The first position from which a chain of frames goes on, or reaches the end."""
    for candidate in _candidates(content, position):
        if _is_chain(content, candidate, length_at) and (
            like is None or _kind(content, candidate) == _kind(content, like)
        ):
            return candidate
    return None


def _is_chain(content: Content, position: int, length_at: LengthAt) -> bool:
    kind = _kind(content, position) if position + 2 < len(content) else None
    for _ in range(_CHAIN):
        length = length_at(content, position)
        if not length or _kind(content, position) != kind:
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
