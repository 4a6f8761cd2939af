"""Whether a file is whole: what its container announces against what is there.

libsndfile reads the front of a file that was cut off, and says nothing. Sizes that writers to a pipe leave
behind (nearly 2 or 4 GiB) mean unknown: such files are taken as they are.
"""

import math
import mmap
import struct
from collections.abc import Callable, Iterator
from pathlib import Path

from pipelines import flac, mpeg, ogg
from pipelines.status import Rejected

_UNKNOWN_FROM = 0x7FFF_0000  # sox, arecord and ffmpeg leave such sizes in streams

Content = bytes | mmap.mmap


def check_whole(path: Path, container: str | None) -> None:
    """Checks the file at `path`, which begins like `container`.

    Raises:
      Rejected: it is truncated, or a checksum of an Ogg page does not match.
    """
    check = _CHECKS.get(container or "")
    if check is None:
        return
    with path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as content:
        check(content)


def _check_riff(content: Content) -> None:
    long_size: int | None = None
    order = ">" if content[:4] == b"RIFX" else "<"
    for name, begin, size in _chunks(content, 12, struct.Struct(f"{order}4sI")):
        if name == b"ds64" and begin + 16 <= len(content):
            long_size = struct.unpack_from("<Q", content, begin + 8)[0]
        if name == b"data":
            _check_not_zero(content, begin, size)
            is_long = long_size is not None and size == 0xFFFF_FFFF
            _compare(content, begin, long_size if is_long else _known(size))
            return
    raise _no_data(content, "data")


def _check_aiff(content: Content) -> None:
    for name, begin, size in _chunks(content, 12, struct.Struct(">4sI")):
        if name == b"SSND":
            _compare(content, begin, _known(size) or None)
            return
    raise _no_data(content, "SSND")


def _check_au(content: Content) -> None:
    if len(content) < 24:
        raise _no_data(content, "header")
    begin, size = struct.unpack_from(">II", content, 4)
    _check_not_zero(content, begin, size)
    _compare(content, begin, _known(size))


def _check_caf(content: Content) -> None:
    for name, begin, size in _chunks(content, 8, struct.Struct(">4sq"), pad=False):
        if name == b"data":
            _compare(content, begin, size if size >= 0 else None)  # -1: to the end of the file
            return
    raise _no_data(content, "data")


def _check_w64(content: Content) -> None:
    position = 40
    while position + 24 <= len(content):
        (size,) = struct.unpack_from("<Q", content, position + 16)  # with its 24-byte header
        if content[position : position + 4] == b"data":
            _compare(content, position + 24, max(size - 24, 0))
            return
        position += max(-(-size // 8) * 8, 24)
    raise _no_data(content, "data")


def _check_nist(content: Content) -> None:
    lines = content[:1024].decode("latin-1").splitlines()  # a name, the bytes of the header, then fields
    fields = {words[0]: words[2] for words in map(str.split, lines) if len(words) == 3}
    try:
        begin = int(lines[1])
        sizes = [int(fields[name]) for name in ("sample_count", "channel_count", "sample_n_bytes")]
    except (IndexError, KeyError, ValueError):
        if len(content) < 1024:
            raise _no_data(content, "samples") from None
        return  # libsndfile may know better; nothing can be said
    _compare(content, begin, math.prod(sizes))


def _chunks(
    content: Content, position: int, header: struct.Struct, *, pad: bool = True
) -> Iterator[tuple[bytes, int, int]]:
    """Yields (name, first byte of the content, announced size) of chunk after chunk."""
    while position + header.size <= len(content):
        name, size = header.unpack_from(content, position)
        begin = position + header.size
        yield name, begin, size
        position = begin + max(size, 0) + (size & 1 if pad else 0)


def _known(size: int) -> int | None:
    return size if size < _UNKNOWN_FROM else None


def _check_not_zero(content: Content, begin: int, size: int) -> None:
    following = len(content) - begin
    if size == 0 and following > 0:
        raise Rejected(
            "corrupt",
            f"its header announces 0 bytes of samples and {following} bytes follow: its writer did not end "
            "properly, and libsndfile reads nothing; mend it, for instance with sox or ffmpeg",
        )


def _compare(content: Content, begin: int, announced: int | None) -> None:
    present = max(len(content) - begin, 0)
    if announced is not None and present < announced:
        raise Rejected(
            "truncated", f"the file announces {announced} bytes of samples and has {present}: it was cut off"
        )


def _no_data(content: Content, name: str) -> Rejected:
    return Rejected("truncated", f"the file ends after {len(content)} bytes, before its {name} block")


_CHECKS: dict[str, Callable[[Content], None]] = {
    "WAV": _check_riff,
    "RIFX": _check_riff,
    "RF64": _check_riff,
    "W64": _check_w64,
    "AIFF": _check_aiff,
    "AU": _check_au,
    "CAF": _check_caf,
    "NIST": _check_nist,
    "FLAC": flac.check_header,
    "Ogg": ogg.check_pages,
    "MP3": mpeg.check_frames,
}
