"""MPEG layer III and AAC in ADTS: whether all frames are there, and a length that decoders can trust.

A stream without the number of its frames makes libsndfile guess from the first one: of a variable bitrate
it may return a tenth and say nothing. Such a stream gets an Xing frame in front, in memory, and so does one
whose own lies.
"""

import struct
from dataclasses import dataclass

from pipelines.contents import Content
from pipelines.frames import Frames, Framing, walk
from pipelines.status import Rejected

# kbit/s by the header's bitrate index, for MPEG-1 and for MPEG-2 and 2.5
_KBITS = (
    (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
)
_RATES = {3: (44_100, 48_000, 32_000), 2: (22_050, 24_000, 16_000), 0: (11_025, 12_000, 8_000)}
_MPEG_1 = 3
_MONO = 3
_HAS_FRAMES, _HAS_BYTES = 1, 2
_MOST_SKIPPED = 0.05  # of the stream; with more between its frames it is damaged


@dataclass(frozen=True, kw_only=True)
class Stream:
    """The pieces of an MPEG stream that are to be decoded, and what was odd about it."""

    pieces: tuple[Content | bytes, ...]
    note: str = ""

    @property
    def num_bytes(self) -> int:
        """Of all pieces."""
        return sum(map(len, self.pieces))


@dataclass(frozen=True, kw_only=True)
class _Xing:
    """What the first frame announces: frames after it, and bytes of the stream."""

    frames: int | None
    num_bytes: int | None


def layer_3(content: Content) -> Stream | None:
    """The layer III stream in `content`; None where there is none.

    Raises:
      Rejected: truncated, or corrupt where too much that is no frame lies between the frames.
    """
    frames = walk(content, LAYER_3)
    if frames is None:
        return None
    header = bytes(content[frames.begin : frames.begin + 4])
    xing = _xing(content, frames.begin, header)
    found = frames.count if xing is None else frames.count - 1
    announced = xing.frames if xing else None
    notes = [_skipped(frames)]
    if frames.missing and announced != found:
        raise Rejected("truncated", f"the last of {frames.count + 1} MPEG frames lacks {frames.missing} bytes")
    if announced is not None and found != announced:
        if found < announced and not _has_all_bytes(xing, frames):
            raise Rejected("truncated", f"the file announces {announced} MPEG frames and has {found}")
        notes.append(f"its header announces {announced} MPEG frames, and it has {found}")
    note = "; ".join(filter(None, notes))
    if not note and (announced is not None or _is_vbri(content, frames.begin)):
        return Stream(pieces=(content,))
    runs = [content[begin:end] for begin, end in frames.runs]
    if announced is not None and found == announced:
        return Stream(pieces=tuple(runs), note=note)
    if xing is not None:
        runs[0] = runs[0][LAYER_3.length_at(content, frames.begin) :]
    return Stream(pieces=(_xing_frame(header, found), *runs), note=note)


def adts(content: Content) -> Stream | None:
    """The AAC stream in `content`, without what is not of it; None where there is none.

    Raises:
      Rejected: as `layer_3`.
    """
    frames = walk(content, ADTS)
    if frames is None:
        return None
    if frames.missing:
        raise Rejected("truncated", f"the last of {frames.count + 1} AAC frames lacks {frames.missing} bytes")
    return Stream(pieces=tuple(content[begin:end] for begin, end in frames.runs), note=_skipped(frames))


def _skipped(frames: Frames) -> str:
    if frames.skipped > _MOST_SKIPPED * (frames.end - frames.begin):
        raise Rejected(
            "corrupt", f"{frames.skipped} bytes between the {frames.count} frames are neither frames nor tags"
        )
    places = {"before": frames.before, "between": frames.skipped, "behind": frames.behind}
    found = [f"{size} bytes {place} its frames" for place, size in places.items() if size]
    return f"{', '.join(found)} are neither frames nor tags, and were skipped" if found else ""


def _has_all_bytes(xing: _Xing | None, frames: Frames) -> bool:
    """Whether the stream is as long as its header says: then a wrong number of frames is a lie, and no cut."""
    return xing is not None and xing.num_bytes is not None and xing.num_bytes <= frames.end - frames.begin


def _length(header: int) -> int:
    """Bytes of the frame with this header of four bytes; 0 where it is none of layer III."""
    if header >> 16 & 0xFFE6 != 0xFFE2:
        return 0
    version, bitrate, rate = header >> 19 & 3, header >> 12 & 15, header >> 10 & 3
    if version not in _RATES or bitrate in {0, 15} or rate == 3:
        return 0
    kbits = _KBITS[0 if version == _MPEG_1 else 1][bitrate]
    factor = 144_000 if version == _MPEG_1 else 72_000
    return factor * kbits // _RATES[version][rate] + (header >> 9 & 1)


def _adts_length(header: int) -> int:
    """Bytes of the frame with this header of seven bytes; 0 where it is none of ADTS."""
    if header >> 40 & 0xFFF6 != 0xFFF0 or header >> 34 & 15 > 12:
        return 0
    length = header >> 13 & 0x1FFF
    return length if length > 7 else 0


LAYER_3 = Framing(header_bytes=4, same=0xFFFE_0C00, read=0xFFFE_FE00, length_of=_length)
ADTS = Framing(header_bytes=7, same=0xFFFE_0C << 32, read=0xFFFE_3C << 32 | 0x03FF_E000, length_of=_adts_length)


def _side_bytes(header: bytes) -> int:
    """Bytes between the header and an Xing block: the side information of that kind of frame."""
    is_mono = header[3] >> 6 == _MONO
    if header[1] >> 3 & 3 == _MPEG_1:
        return 17 if is_mono else 32
    return 9 if is_mono else 17


def _xing(content: Content, begin: int, header: bytes) -> _Xing | None:
    """The Xing or Info block of the first frame."""
    block = begin + 4 + _side_bytes(header)
    if bytes(content[block : block + 4]) not in {b"Xing", b"Info"} or len(content) < block + 16:
        return None
    flags, first, second = struct.unpack_from(">III", content, block + 4)
    values = iter((first, second))
    frames = next(values) if flags & _HAS_FRAMES else None
    return _Xing(frames=frames, num_bytes=next(values) if flags & _HAS_BYTES else None)


def _is_vbri(content: Content, begin: int) -> bool:
    return bytes(content[begin + 36 : begin + 40]) == b"VBRI"


def _xing_frame(header: bytes, frames: int) -> bytes:
    """A frame of this kind, without checksum and at the ninth bitrate, that holds the count alone."""
    own = bytes([header[0], header[1] | 1, header[2] & 0x0F | 0x90, header[3]])
    content = own + bytes(_side_bytes(own)) + b"Xing" + struct.pack(">II", _HAS_FRAMES, frames)
    return content.ljust(_length(int.from_bytes(own, "big")), b"\0")
