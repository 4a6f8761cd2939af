"""How long a corpus is and how large its snapshot will be, guessed from file sizes and a few headers.

Headers are looked at and nothing is decoded, so that no damaged file can stop a plan. WAV and FLAC say how long they
are; of other formats the usual bit rate is taken. The few are chosen by a hash of their ids, and all others are taken
to be as long for their bytes.
"""

import collections
import hashlib
import heapq
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from pipelines.clip import Clip, Listed
from pipelines.config import PrepareConfig
from pipelines.containers import HEAD_BYTES, container_of
from pipelines.status import Rejected

_LOOKED_AT, _LOOKED_AT_IN_ARCHIVES = 64, 8  # what is in an archive may cost much to reach
_BYTES_A_SECOND = {"MP3": 16_000, "Ogg": 12_000, "MP4": 16_000, "FLAC": 60_000}  # where the file does not say
_PCM_BYTES_A_SECOND = 88_200  # 44.1 kHz, 16 bits, mono
_FEWEST_BYTES_A_SECOND = 500  # with less a header lies
_RECORD_BYTES = 200  # of a record beside its waveform


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """Of the clips that have a file: their number, bytes of the files, guessed seconds, and bytes of shards."""

    with_audio: int
    source_bytes: int
    seconds: float
    output_bytes: float


def estimate_sizes(listed: Listed, config: PrepareConfig) -> Sizes:
    """What the listed clips amount to; the same for the same recordings on any machine."""
    if config.corpus == "synthetic":
        count = len(listed.clips)
        return _sizes(count, 0, count * config.synthetic.duration_ms / 1000.0, config)
    weights = Weights(listed.clips)
    count, total, known, unknown = 0, 0.0, 0.0, 0.0  # unknown: bytes of clips of which only a header says how long
    for clip in listed.clips:
        if clip.stamp is not None:
            weight = weights.of(clip)
            count += 1
            total += weight
            if clip.end is not None:
                known += max(0.0, clip.end - (clip.start or 0.0))
            else:
                unknown += weight
    rate = _seconds_a_byte(listed, weights) if unknown else 0.0
    return _sizes(count, round(total), known + unknown * rate, config)


def sample(clips: Iterable[Clip], count: int) -> list[Clip]:
    """`count` of the clips that have a file, chosen by a hash of their ids."""
    present = (clip for clip in clips if clip.stamp is not None)
    return heapq.nsmallest(count, present, key=lambda clip: hashlib.sha256(clip.clip_id.encode()).digest())


class Weights:
    """The bytes of a clip: of its file, or its share of a file that holds several."""

    def __init__(self, clips: Iterable[Clip]) -> None:
        shared = (clip.source for clip in clips if clip.member is not None or clip.end is not None)
        self._clips_of = collections.Counter(shared)

    def of(self, clip: Clip) -> float:
        """Bytes of `clip`; 0 without a file."""
        return clip.stamp.num_bytes / self._clips_of.get(clip.source, 1) if clip.stamp else 0.0


def _seconds_a_byte(listed: Listed, weights: Weights) -> float:
    seconds, num_bytes, in_archives = 0.0, 0.0, 0
    for clip in sample((clip for clip in listed.clips if clip.end is None), _LOOKED_AT):
        if clip.member is not None:
            in_archives += 1
            if in_archives > _LOOKED_AT_IN_ARCHIVES:
                continue
        weight = weights.of(clip)
        found = _seconds(_head(listed.folder, clip), weight)
        if found is not None:
            seconds, num_bytes = seconds + found, num_bytes + weight
    return seconds / num_bytes if num_bytes else 1.0 / _PCM_BYTES_A_SECOND


def _head(folder: str, clip: Clip) -> bytes:
    try:
        if clip.member is not None:
            from pipelines.sources import read_source  # archives are rare, and their readers load pyarrow

            return bytes(memoryview(read_source(f"{folder}/{clip.source}", clip.member))[:HEAD_BYTES])
        with Path(folder, clip.source).open("rb") as stream:
            return stream.read(HEAD_BYTES)
    except (OSError, ValueError, Rejected):
        return b""


def _seconds(head: bytes, num_bytes: float) -> float | None:
    """How long a file of `num_bytes` is that begins with `head`; None: no audio, or a header that lies."""
    container = container_of(head)
    if container is None or len(head) < HEAD_BYTES:
        return None
    seconds = num_bytes / _BYTES_A_SECOND.get(container, _PCM_BYTES_A_SECOND)
    if container == "WAV" and head[12:16] == b"fmt ":
        bytes_a_second = struct.unpack_from("<I", head, 28)[0]
        seconds = num_bytes / max(bytes_a_second, 1)
    elif container == "FLAC" and head[4] & 0x7F == 0:
        packed = int.from_bytes(head[18:26], "big")  # 20 bits of rate, 8 of channels and depth, 36 of samples
        rate, samples = packed >> 44, packed & 0xF_FFFF_FFFF
        seconds = samples / rate if rate and samples else seconds
    return seconds if seconds * _FEWEST_BYTES_A_SECOND <= num_bytes else None


def _sizes(count: int, source_bytes: int, seconds: float, config: PrepareConfig) -> Sizes:
    output_bytes = 2.0 * seconds * config.sample_rate + count * _RECORD_BYTES
    return Sizes(with_audio=count, source_bytes=source_bytes, seconds=seconds, output_bytes=output_bytes)
