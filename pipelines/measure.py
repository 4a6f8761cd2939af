"""`python -m pipelines.measure request.json`: how long a few clips take, and what becomes of them.

In a process of its own with an end: a recording that stops or stalls its decoder costs the measurement, no more.
"""

import collections
import io
import signal
import time
from dataclasses import dataclass
from pathlib import Path

from pipelines.config import PrepareConfig
from pipelines.making import store_clips
from pipelines.shards import ShardWriter
from pipelines.stage import serve
from pipelines.tasks import read_clips

_MOST_SECONDS = 120


@dataclass(frozen=True, kw_only=True)
class MeasureRequest:
    """Clips of `folder` to decode and to encode, without keeping anything; a file of `pipelines.tasks` lists them."""

    config: PrepareConfig
    folder: str
    clips_path: str


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What the clips took, in seconds; how long the kept ones are, in seconds; status -> clips."""

    seconds: float
    audio_seconds: float
    statuses: dict[str, int]


def measure(request: MeasureRequest) -> Measured:
    """Does with every clip what the preparation does, and measures the time."""
    signal.alarm(_MOST_SECONDS)  # ends this process wherever it is, within a decoder too
    clips = read_clips(Path(request.clips_path))
    begin = time.perf_counter()
    rows = store_clips(
        clips,
        ShardWriter(io.BytesIO()),
        shard="",
        folder=request.folder,
        labels=sorted({label for clip in clips for label in clip.labels}),
        config=request.config,
    )
    return Measured(
        seconds=time.perf_counter() - begin,
        audio_seconds=sum(row.num_samples or 0 for row in rows) / request.config.sample_rate,
        statuses=dict(sorted(collections.Counter(row.status for row in rows).items())),
    )


if __name__ == "__main__":
    serve(MeasureRequest, measure)
