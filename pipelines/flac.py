"""FLAC: whether its header is whole, and why its decoder stops."""

import mmap
from pathlib import Path
from typing import IO

import soundfile

from pipelines.status import Rejected


def check_header(content: bytes | mmap.mmap) -> None:
    """Looks at STREAMINFO, the first block of a FLAC.

    Raises:
      Rejected: the file ends within it, or it does not say how many samples follow.
    """
    if len(content) < 42:
        raise Rejected("truncated", f"the file ends after {len(content)} bytes, within its STREAMINFO block")
    total = int.from_bytes(content[21:26], "big") & 0xF_FFFF_FFFF
    if not total:
        raise Rejected(
            "unsupported",
            "a FLAC that does not say its length, as writers to a pipe leave it, which libsndfile does not "
            "read to its end: encode it again to a file",
        )


def stops_at_the_end(path: Path) -> bool:
    """Whether decoding fails for want of more bytes, and not at a damaged place before."""
    with path.open("rb") as stream:
        watched = _Watched(stream)
        try:
            with soundfile.SoundFile(watched) as file:
                while len(file.read(4096)):
                    pass
        except soundfile.LibsndfileError:
            return watched.ran_out
        return False


class _Watched:
    """A file for libsndfile that remembers whether a read came back short."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self.ran_out = False

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._stream.seek(offset, whence)

    def tell(self) -> int:
        return self._stream.tell()

    def read(self, size: int) -> bytes:
        content = self._stream.read(size)
        self.ran_out |= len(content) < size
        return content

    def write(self, content: bytes) -> int:
        return self._stream.write(content)
