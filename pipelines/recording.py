"""A recording that is being decoded: what it is, and its samples as they come."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from pipelines.audio import Block

# Of all channels together, decoded at a time: ordinary clips at once, as every change between decoding and measuring
# finds the caches cold.
BLOCK_SAMPLES = 2**20


class Undecodable(Exception):  # noqa: N818 - of one decoder; another one may be able to
    """A decoder cannot open a recording, or stops part-way; the text says why, without a path."""


@dataclass(slots=True, kw_only=True)
class Recording:
    """A span of a recording, open at its beginning.

    Attributes:
      rate: of the file, in Hz.
      channels: of the file.
      format: e.g. "WAV/PCM_16".
      decoder: library and version.
      blocks: float32 [samples, channels] at the file's own rate, one behind the other, none of them empty; taking the
        next one may raise `Undecodable` or `Rejected`.
      notes: what was odd, in sentences; more may come with the blocks.
    """

    rate: int
    channels: int
    format: str
    decoder: str
    blocks: Iterator[Block]
    notes: list[str] = field(default_factory=list)
