"""FLAC: whether its header is whole, what it says of the length, and why its decoder stops."""

import soundfile

from pipelines.contents import Content, Pieces
from pipelines.status import Rejected


def announced_samples(content: Content) -> int:
    """Samples of each channel by STREAMINFO, the first block; 0 where a writer to a pipe did not know.

    Raises:
      Rejected: the file ends within it.
    """
    if len(content) < 42:
        raise Rejected("truncated", f"the file ends after {len(content)} bytes, within its STREAMINFO block")
    return int.from_bytes(content[21:26], "big") & 0xF_FFFF_FFFF


def stops_at_the_end(content: Content) -> bool:
    """Whether decoding fails for want of more bytes, and not at a damaged place before."""
    watched = Pieces([content])
    try:
        with soundfile.SoundFile(watched) as file:
            while len(file.read(4096)):
                pass
    except soundfile.LibsndfileError:
        return watched.ran_out
    return False
