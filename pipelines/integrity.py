"""Whether a recording is whole: what its container announces against what is there.

Decoders read the front of a file that was cut off, and say nothing. Sizes that writers to a pipe leave behind
(nearly 2 or 4 GiB) mean unknown: such files are taken as they are. Headers that lie without loss are noted, and
mended in memory where a decoder would believe them.
"""

import math
import struct
from collections.abc import Callable, Iterator
from typing import NamedTuple

from pipelines import boxes, ebml, flac, mpeg, ogg
from pipelines.containers import HEAD_BYTES, container_of
from pipelines.contents import Content
from pipelines.frames import after_tag
from pipelines.status import Rejected

_UNKNOWN_FROM = 0x7FFF_0000  # sox, arecord and ffmpeg leave such sizes in streams
_AMR = (13, 14, 16, 18, 20, 21, 27, 32, 6, *[1] * 7)  # bytes of a frame by its type
_AMR_WIDE = (18, 24, 33, 37, 41, 47, 51, 59, 61, 6, *[1] * 6)
_MOST_OVERSTATED = 64  # bytes: a header that counts itself, a missing pad byte


class Whole(NamedTuple):
    """A recording that is whole.

    Attributes:
      container: what it is; None: nothing that is known here.
      parts: what to decode one after another, each of pieces one behind the other.
      note: what was odd, and did no harm.
    """

    container: str | None
    parts: tuple[tuple[Content | bytes, ...], ...]
    note: str = ""

    def is_content(self, content: Content) -> bool:
        """Whether exactly the content is to be decoded, so that a decoder may open the file itself."""
        return self.parts == ((content,),)


def inspect(content: Content) -> Whole:
    """Looks at a recording from the outside.

    Raises:
      Rejected: it is truncated, or a checksum does not match.
    """
    container, begin = _container(content)
    content = content[begin:] if begin else content
    note = f"{begin} bytes of tags before its {container}" if begin else ""
    check = _CHECKS.get(container or "", _unknown)
    found = check(content)
    notes = "; ".join(filter(None, (note, found.note)))
    return found._replace(container=found.container or container, note=notes)


def _container(content: Content) -> tuple[str | None, int]:
    """What it is and where that begins: behind ID3 tags, which only MP3 has by right, and the zeros after them."""
    position = 0
    while (behind := after_tag(content, position)) > position and bytes(content[position : position + 3]) == b"ID3":
        position = behind
    while 0 < position < len(content) and content[position] == 0:
        position += 1
    inner = container_of(bytes(content[position : position + HEAD_BYTES]))
    if position and inner not in (None, "MP3", "ADTS"):
        return inner, position
    return inner if inner == "ADTS" else container_of(bytes(content[:HEAD_BYTES])), 0


def _as_it_is(content: Content, note: str = "") -> Whole:
    return Whole(container=None, parts=((content,),), note=note)


def _unknown(content: Content) -> Whole:
    """Garbage before MPEG frames, if most of it are frames; or something that only a decoder knows."""
    for name, find in (("MP3", mpeg.layer_3), ("ADTS", mpeg.adts)):
        stream = find(content)
        if stream is not None and 2 * stream.num_bytes > len(content):  # not a few frames in another container
            return Whole(container=name, parts=(stream.pieces,), note=stream.note)
    return _as_it_is(content)


def _mp3(content: Content) -> Whole:
    stream = mpeg.layer_3(content)
    return _unknown(content) if stream is None else Whole(container=None, parts=(stream.pieces,), note=stream.note)


def _adts(content: Content) -> Whole:
    stream = mpeg.adts(content)
    return _as_it_is(content) if stream is None else Whole(container=None, parts=(stream.pieces,), note=stream.note)


def _ogg(content: Content) -> Whole:
    streams = ogg.streams(content)
    if len(streams) == 1:
        return _as_it_is(content)
    return Whole(
        container=None,
        parts=tuple((stream,) for stream in streams),
        note=f"{len(streams)} Ogg streams, one behind the other",
    )


def _flac(content: Content) -> Whole:
    announced, held = flac.announced_samples(content), flac.held_samples(content)
    if held <= announced:  # fewer is found out where it is decoded
        return _as_it_is(content)
    note = f"its header announces {announced} samples, and it has {held}"
    return Whole(container=None, parts=(flac.with_samples(content, held),), note=note)


def _mp4(content: Content) -> Whole:
    boxes.check_boxes(content)
    return _as_it_is(content)


def _matroska(content: Content) -> Whole:
    ebml.check_elements(content)
    return _as_it_is(content)


def _riff(content: Content) -> Whole:
    long_size: int | None = None
    order = ">" if bytes(content[:4]) == b"RIFX" else "<"
    for name, begin, size in _chunks(content, 12, struct.Struct(f"{order}4sI")):
        if name == b"ds64" and begin + 16 <= len(content):
            long_size = struct.unpack_from("<Q", content, begin + 8)[0]
        if name == b"data":
            if _is_understated(content, begin, size, order):
                return _with_size(content, begin, size, struct.Struct(f"{order}I"))
            is_long = long_size is not None and size == 0xFFFF_FFFF
            return _compare(content, begin, long_size if is_long else _known(size))
    raise _no_data(content, "data")


def _aiff(content: Content) -> Whole:
    for name, begin, size in _chunks(content, 12, struct.Struct(">4sI")):
        if name == b"SSND":
            return _compare(content, begin, _known(size) or None)
    raise _no_data(content, "SSND")


def _au(content: Content) -> Whole:
    if len(content) < 24:
        raise _no_data(content, "header")
    begin, size = struct.unpack_from(">II", content, 4)
    if not size and len(content) > begin:
        head = bytes(content[:8]) + b"\xff" * 4 + bytes(content[12:begin])  # a size that means: to the end
        return Whole(container=None, parts=((head, content[begin:]),), note=_unended(0, len(content) - begin))
    return _compare(content, begin, _known(size))


def _caf(content: Content) -> Whole:
    for name, begin, size in _chunks(content, 8, struct.Struct(">4sq"), pad=False):
        if name == b"data":
            return _compare(content, begin, size if size >= 0 else None)  # -1: to the end of the file
    raise _no_data(content, "data")


def _w64(content: Content) -> Whole:
    position = 40
    while position + 24 <= len(content):
        (size,) = struct.unpack_from("<Q", content, position + 16)  # with its 24-byte header
        if bytes(content[position : position + 4]) == b"data":
            return _compare(content, position + 24, max(size - 24, 0) if size < 2**62 else None)
        position += max(-(-size // 8) * 8, 24)
    raise _no_data(content, "data")


def _nist(content: Content) -> Whole:
    lines = bytes(content[:1024]).decode("latin-1").splitlines()  # a name, the bytes of the header, then fields
    fields = {words[0]: words[2] for words in map(str.split, lines) if len(words) == 3}
    try:
        begin = int(lines[1])
        sizes = [int(fields[name]) for name in ("sample_count", "channel_count", "sample_n_bytes")]
    except (IndexError, KeyError, ValueError):
        if len(content) < 1024:
            raise _no_data(content, "samples") from None
        return _as_it_is(content)  # a decoder may know better; nothing can be said
    if "," in fields.get("sample_coding", ""):  # "pcm,embedded-shorten-v2.00": fewer bytes than samples
        return _as_it_is(content)
    return _compare(content, begin, math.prod(sizes))


def _amr(content: Content) -> Whole:
    """Frames whose first byte says their length; nothing says how many there are."""
    is_wide = bytes(content[:9]) == b"#!AMR-WB\n"
    sizes, position = (_AMR_WIDE, 9) if is_wide else (_AMR, 6)
    while position < len(content):
        position += sizes[content[position] >> 3 & 15]
    if position > len(content):
        raise Rejected("truncated", f"the last AMR frame lacks {position - len(content)} bytes")
    return _as_it_is(content)


def _asf(content: Content) -> Whole:
    """The file properties object, of a file that is no broadcast, has the size of the file."""
    position = 30
    while position + 24 <= min(len(content), 2**20):
        (size,) = struct.unpack_from("<Q", content, position + 16)
        if bytes(content[position : position + 4]) == b"\xa1\xdc\xab\x8c" and position + 92 <= len(content):
            (announced,) = struct.unpack_from("<Q", content, position + 40)
            is_broadcast = content[position + 88] & 1
            return _compare(content, 0, None if is_broadcast else announced)
        position += max(size, 24)
    return _as_it_is(content)


def _chunks(
    content: Content, position: int, header: struct.Struct, *, pad: bool = True
) -> Iterator[tuple[bytes, int, int]]:
    """Yields (name, first byte of the content, announced size) of chunk after chunk."""
    while position + header.size <= len(content):
        name, size = header.unpack_from(content, position)
        begin = position + header.size
        yield name, begin, size
        position = begin + max(size, 0)
        if pad and size & 1 and not (_is_name(content, position) and not _is_name(content, position + 1)):
            position += 1  # some writers leave it out


def _is_name(content: Content, position: int) -> bool:
    name = bytes(content[position : position + 4])
    return len(name) == 4 and all(32 <= byte < 127 for byte in name)


def _known(size: int) -> int | None:
    return size if size < _UNKNOWN_FROM else None


def _is_understated(content: Content, begin: int, size: int, order: str) -> bool:
    """Whether more samples follow than a data chunk says: neither chunks nor something behind the RIFF."""
    end = position = begin + size + (size & 1)
    for _, first, length in _chunks(content, position, struct.Struct(f"{order}4sI")):
        end = first + length + (length & 1)
    (riff_size,) = struct.unpack_from(f"{order}I", content, 4)
    is_inside = not size or abs(riff_size + 8 - len(content)) <= _MOST_OVERSTATED
    return position < len(content) and abs(end - len(content)) > 1 and is_inside


def _with_size(content: Content, begin: int, announced: int, number: struct.Struct) -> Whole:
    size = len(content) - begin
    head = bytes(content[: begin - 4]) + number.pack(min(size, 0xFFFF_FFFF))
    return Whole(container=None, parts=((head, content[begin:]),), note=_unended(announced, size))


def _unended(announced: int, size: int) -> str:
    return f"its header announces {announced} bytes of samples, and {size} follow: its writer did not end properly"


def _compare(content: Content, begin: int, announced: int | None) -> Whole:
    present = max(len(content) - begin, 0)
    lacking = 0 if announced is None else announced - present
    if lacking > _MOST_OVERSTATED or lacking > 0 == present:
        raise Rejected(
            "truncated", f"the file announces {announced} bytes of samples and has {present}: it was cut off"
        )
    return _as_it_is(content, f"its header announces {lacking} bytes more than there are" if lacking > 0 else "")


def _no_data(content: Content, name: str) -> Rejected:
    return Rejected("truncated", f"the file ends after {len(content)} bytes, before its {name} block")


_CHECKS: dict[str, Callable[[Content], Whole]] = {
    "WAV": _riff,
    "RIFX": _riff,
    "RF64": _riff,
    "W64": _w64,
    "AIFF": _aiff,
    "AU": _au,
    "CAF": _caf,
    "NIST": _nist,
    "FLAC": _flac,
    "Ogg": _ogg,
    "MP3": _mp3,
    "ADTS": _adts,
    "MP4": _mp4,
    "Matroska": _matroska,
    "ASF": _asf,
    "AMR": _amr,
}
