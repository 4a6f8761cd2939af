"""Matroska and WebM: whether the segment and its clusters are there to their ends."""

from pipelines.contents import Content
from pipelines.status import Rejected

_SEGMENT = 0x18538067
_MOST_ELEMENTS = 1_000_000


def check_elements(content: Content) -> None:
    """Walks the outer elements and those of the segment. Live writers leave sizes unknown.

    Raises:
      Rejected: an element reaches beyond the end of the file.
    """
    position, size = 0, len(content)
    for _ in range(_MOST_ELEMENTS):
        if position >= size:
            return
        element = _element(content, position)
        if element is None:
            return  # no element: a decoder may know better
        name, begin, length = element
        if length is not None and begin + length > size:
            raise Rejected(
                "truncated",
                f"its element {name:x} ends at byte {begin + length}, the file after {size}: it was cut off",
            )
        # into a segment, and into a cluster of unknown size; over all others
        is_entered = name == _SEGMENT or length is None
        position = begin if is_entered else begin + (length or 0)


def _element(content: Content, position: int) -> tuple[int, int, int | None] | None:
    """(name, first byte of the content, its length or None where unknown)."""
    name_bytes = _width(content, position, 4)
    length_bytes = _width(content, position + name_bytes, 8) if name_bytes else 0
    begin = position + name_bytes + length_bytes
    if not name_bytes or not length_bytes or begin > len(content):
        return None
    name = int.from_bytes(content[position : position + name_bytes], "big")
    mask = (1 << 7 * length_bytes) - 1
    length = int.from_bytes(content[position + name_bytes : begin], "big") & mask
    return name, begin, None if length == mask else length


def _width(content: Content, position: int, most: int) -> int:
    """Bytes of the number at `position`: the leading zero bits of its first byte, and one."""
    if position >= len(content) or not content[position]:
        return 0
    width = 9 - content[position].bit_length()
    return width if width <= most else 0
