"""`python -m pipelines.measure request.json`: how long a few clips take, and what becomes of them.

In a process of its own with an end: a recording that stops or stalls its decoder costs the measurement, no more.
"""

import collections
import hashlib
import io
import signal
import time
from dataclasses import dataclass

from infra.stage import serve
from pipelines import examples
from pipelines.clip import Clip
from pipelines.config import PrepareConfig
from pipelines.decoding import decode_clip
from pipelines.shards import ShardWriter

_MOST_SECONDS = 120


@dataclass(frozen=True, kw_only=True)
class MeasureRequest:
    """Clips of `folder` to decode and to encode, without keeping anything."""

    config: PrepareConfig
    folder: str
    clips: tuple[Clip, ...]


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What the clips took, in seconds; how long the kept ones are, in seconds; status -> clips."""

    seconds: float
    audio_seconds: float
    statuses: dict[str, int]


def measure(request: MeasureRequest) -> Measured:
    """Does with every clip what the preparation does, and measures the time."""
    signal.alarm(_MOST_SECONDS)  # ends this process wherever it is, within a decoder too
    writer, samples = ShardWriter(io.BytesIO()), 0
    statuses: collections.Counter[str] = collections.Counter()
    begin = time.perf_counter()
    for clip in request.clips:
        decoded = decode_clip(clip, folder=request.folder, config=request.config)
        statuses[decoded.status] += 1
        if decoded.samples is not None:
            samples += len(decoded.samples)
            hashlib.sha256(decoded.samples.tobytes()).hexdigest()
            record = examples.Record(
                clip_id=clip.clip_id,
                group=clip.group,
                labels=(0,) * len(clip.labels),
                sample_rate=request.config.sample_rate,
                samples=decoded.samples,
            )
            writer.write(examples.encode(record)[0])
    return Measured(
        seconds=time.perf_counter() - begin,
        audio_seconds=samples / request.config.sample_rate,
        statuses=dict(sorted(statuses.items())),
    )


if __name__ == "__main__":
    serve(MeasureRequest, measure)
