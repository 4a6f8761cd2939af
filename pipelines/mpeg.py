"""MPEG layer III streams: whether all frames are there, and a length that libsndfile can trust.

A stream without the number of its frames makes libsndfile guess from the first one: of a variable bitrate
it may return a tenth and say nothing. Such a stream gets an Xing frame in front, in memory.
"""

import io
import mmap
import struct
from dataclasses import dataclass
from pathlib import Path

from pipelines.status import Rejected

Content = bytes | mmap.mmap

# kbit/s by the header's bitrate index, for MPEG-1 and for MPEG-2 and 2.5
_KBITS = (
    (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
)
_RATES = {3: (44_100, 48_000, 32_000), 2: (22_050, 24_000, 16_000), 0: (11_025, 12_000, 8_000)}
_MPEG_1 = 3
_MONO = 3
_HAS_FRAMES = 1
_TAILS = (b"TAG", b"APETAGEX", b"LYRICSBEGIN", b"ID3", b"\0")


@dataclass(frozen=True, kw_only=True)
class _Stream:
    """Where the frames begin and end, how many there are, and what the first one announces."""

    begin: int
    end: int
    frames: int
    announced: int | None


def check_frames(content: Content) -> None:
    """Walks the frames up to a tag or the end of the file.

    Raises:
      Rejected: truncated, or corrupt where something else lies between.
    """
    stream = _walk(content)
    if not stream.frames:
        return  # libsndfile may find its way; nothing can be said
    if stream.end > len(content):
        missing = stream.end - len(content)
        raise Rejected("truncated", f"the last of {stream.frames} MPEG frames lacks {missing} bytes")
    if stream.end < len(content) and not content[stream.end : stream.end + 16].startswith(_TAILS):
        raise Rejected("corrupt", f"neither MPEG frame nor tag at byte {stream.end} of {len(content)}")
    if stream.announced is not None and stream.frames - 1 < stream.announced:
        raise Rejected("truncated", f"the file announces {stream.announced} MPEG frames and has {stream.frames - 1}")


def with_length(path: Path) -> io.BytesIO | None:
    """The file at `path` behind an Xing frame with its number of frames; None where it says so itself."""
    content = path.read_bytes()
    stream = _walk(content)
    is_known = stream.announced is not None or content[stream.begin + 36 : stream.begin + 40] == b"VBRI"
    if is_known or not stream.frames:
        return None
    frame = _xing_frame(content[stream.begin : stream.begin + 4], stream.frames)
    return io.BytesIO(frame + content[stream.begin : stream.end])


def _walk(content: Content) -> _Stream:
    begin = end = _after_tag(content)
    frames = 0
    while length := _frame_length(content[end : end + 4]):
        end += length
        frames += 1
    return _Stream(begin=begin, end=end, frames=frames, announced=_announced_frames(content, begin))


def _after_tag(content: Content) -> int:
    """The first byte after an ID3v2 tag, whose size has seven bits a byte, and zeros behind it."""
    position = 0
    if content[:3] == b"ID3" and len(content) >= 10:
        a, b, c, d = content[6:10]
        footer = 10 if content[5] & 0x10 else 0
        position = 10 + (a << 21 | b << 14 | c << 7 | d) + footer
    while content[position : position + 1] == b"\0":
        position += 1
    return position


def _frame_length(header: bytes) -> int:
    """Bytes of the frame with this header; 0 where it is no header of layer III."""
    if len(header) < 4 or header[0] != 0xFF or header[1] & 0xE6 != 0xE2:
        return 0
    version, bitrate, rate = header[1] >> 3 & 3, header[2] >> 4, header[2] >> 2 & 3
    if version not in _RATES or bitrate in {0, 15} or rate == 3:
        return 0
    kbits = _KBITS[0 if version == _MPEG_1 else 1][bitrate]
    factor = 144_000 if version == _MPEG_1 else 72_000
    return factor * kbits // _RATES[version][rate] + (header[2] >> 1 & 1)


def _side_bytes(header: bytes) -> int:
    """Bytes between the header and an Xing block: the side information of that kind of frame."""
    is_mono = header[3] >> 6 == _MONO
    if header[1] >> 3 & 3 == _MPEG_1:
        return 17 if is_mono else 32
    return 9 if is_mono else 17


def _announced_frames(content: Content, begin: int) -> int | None:
    """Frames after the first, from its Xing or Info block; None where there is none."""
    header = content[begin : begin + 4]
    if len(header) < 4:
        return None
    block = begin + 4 + _side_bytes(header)
    if content[block : block + 4] not in {b"Xing", b"Info"} or len(content) < block + 12:
        return None
    flags, frames = struct.unpack_from(">II", content, block + 4)
    return int(frames) if flags & _HAS_FRAMES else None


def _xing_frame(header: bytes, frames: int) -> bytes:
    """A frame of this kind, without checksum and at the ninth bitrate, that holds the count alone."""
    own = bytes([header[0], header[1] | 1, header[2] & 0x0F | 0x90, header[3]])
    content = own + bytes(_side_bytes(own)) + b"Xing" + struct.pack(">II", _HAS_FRAMES, frames)
    return content.ljust(_frame_length(own), b"\0")
