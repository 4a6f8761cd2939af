"""FLAC: how long it is, by its header and by its last frames, and why its decoder stops."""

import re
from collections.abc import Iterator, Sequence

import soundfile

from pipelines.contents import Content, Pieces
from pipelines.status import Rejected

_TAIL_BYTES = 2**18  # a few frames of any kind
_SEARCHED_BYTES = 2**14  # at a time
_TOTAL = slice(21, 26)  # in STREAMINFO; 36 bits


def announced_samples(content: Content) -> int:
    """Samples of each channel by STREAMINFO, the first block; 0 where a writer to a pipe did not know.

    Raises:
      Rejected: the file ends within it.
    """
    if len(content) < 42:
        raise Rejected("truncated", f"the file ends after {len(content)} bytes, within its STREAMINFO block")
    return int.from_bytes(content[_TOTAL], "big") & 0xF_FFFF_FFFF


def held_samples(content: Content) -> int:
    """The sample after the last by the frames' own numbers; what is announced, where that agrees or none is found."""
    announced = announced_samples(content)
    blocks = []
    for block in _blocks_from_the_end(content):
        if block[1] == announced:
            return announced
        blocks.append(block)
    # a header may be chance; one that goes on from another one is not
    ends = {end for _, end in blocks}
    return next((end for begin, end in blocks if begin in ends or not begin), announced)


def with_samples(content: Content, samples: int) -> tuple[bytes, Content]:
    """The same file in two pieces, with another length in its header."""
    total = (content[_TOTAL.start] & 0xF0) << 32 | samples
    return bytes(content[: _TOTAL.start]) + total.to_bytes(5, "big"), content[_TOTAL.stop :]


def stops_at_the_end(pieces: Sequence[Content | bytes]) -> bool:
    """Whether decoding fails for want of more bytes, and not at a damaged place before."""
    watched = Pieces(pieces)
    try:
        with soundfile.SoundFile(watched) as file:
            while len(file.read(4096)):
                pass
    except soundfile.LibsndfileError:
        return watched.ran_out
    return False


def _blocks_from_the_end(content: Content) -> Iterator[tuple[int, int]]:
    """(first sample, sample after the last) of what looks like a frame, the last one first."""
    usual, end = int.from_bytes(content[8:10], "big"), len(content)
    while end > max(len(content) - _TAIL_BYTES, 0):
        begin = max(end - _SEARCHED_BYTES, 0)
        found = re.finditer(b"\xff[\xf8\xf9]", bytes(content[begin : end + 1]))
        for match in reversed(list(found)):
            position = begin + match.start()
            head = bytes(content[position : position + 16])
            if len(head) == 16 and (block := _block(head, usual)):
                yield block
        end = begin


def _block(head: bytes, usual: int) -> tuple[int, int] | None:
    """What a frame header says, if it is one; `usual` samples are in a frame of those that are all alike."""
    size_code, rate_code = head[2] >> 4, head[2] & 15
    ones = 8 - (~head[4] & 0xFF).bit_length()  # as in UTF-8: of the first byte of a number of several
    if not size_code or rate_code == 15 or ones in {1, 8}:
        return None
    position = 4 + max(ones, 1)
    number = head[4] & 0xFF >> (ones + 1)
    for byte in head[5:position]:
        number = number << 6 | byte & 0x3F
    size = _size(size_code, head[position : position + 2])
    position += {6: 1, 7: 2}.get(size_code, 0) + {12: 1, 13: 2, 14: 2}.get(rate_code, 0)
    if position >= len(head) or _crc(head[:position]) != head[position]:
        return None
    begin = number if head[1] & 1 else number * usual
    return begin, begin + size


def _size(code: int, behind: bytes) -> int:
    """Samples of a block by its code in the header, or by the bytes behind the number."""
    if code in {6, 7}:
        return int.from_bytes(behind[: code - 5], "big") + 1
    if code < 6:
        return 192 if code == 1 else 576 << (code - 2)
    return 256 << (code - 8)


def _crc(header: bytes) -> int:
    crc = 0
    for byte in header:
        crc ^= byte
        for _ in range(8):
            crc = (crc << 1 ^ 0x07 if crc & 0x80 else crc << 1) & 0xFF
    return crc
