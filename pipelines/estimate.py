"""`python -m pipelines.estimate request.json`: what a preparation would make, in which time, and whether it fits.

The corpus is listed, and a few dozen clips, chosen by a hash of their ids, are decoded and thrown away.
"""

import math
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from infra.stage import StageError, run_stage
from pipelines.clip import Clip
from pipelines.config import PrepareRequest
from pipelines.corpora.catalog import CATALOG
from pipelines.listing import listing_of
from pipelines.measure import Measured, MeasureRequest
from pipelines.plan import Plan, make_plan
from pipelines.requests import PreparationPlan
from pipelines.sizes import Weights, sample
from pipelines.stage import serve
from pipelines.tasks import write_clips

_SAMPLE = 48
_RECORD_BYTES = 500  # of a clip in shard, ledger and ledger part, beside its waveform
_SPARE = 1.05  # times what is expected
_SHARDS_A_WORKER = 4


def estimate(request: PrepareRequest) -> PreparationPlan:
    """Plans a preparation and measures a sample; writes nothing.

    Raises:
      ValueError: the corpus is not where the request says.
    """
    plan = make_plan(request)
    listing = listing_of(plan)
    clips = _sample(plan)
    measured, note = _measure(plan, clips)
    times = _times(plan, clips)
    kept_seconds = measured.audio_seconds * times if measured else plan.sizes.seconds
    output_bytes = 2.0 * plan.config.sample_rate * kept_seconds + _RECORD_BYTES * len(plan.listed.clips)
    left = 0.0 if listing.finished else 1.0 - listing.shards_done / max(listing.num_shards, 1)
    free_bytes = shutil.disk_usage(_existing(plan.folder)).free
    return PreparationPlan(
        corpus=plan.config.corpus,
        snapshot=listing.snapshot,
        finished=listing.finished,
        clips=listing.clips,
        clips_with_audio=plan.sizes.with_audio,
        classes=len(plan.labels),
        hours=kept_seconds / 3600.0,
        source_bytes=plan.sizes.source_bytes,
        output_bytes=round(output_bytes),
        shards=listing.num_shards,
        shards_done=listing.shards_done,
        clips_per_shard=plan.config.clips_per_shard or 0,
        workers=request.workers,
        seconds=_seconds(measured, times=times * left, workers=min(request.workers, listing.num_shards)),
        sample=measured.statuses if measured else {},
        needed_bytes=round(output_bytes * left * _SPARE),
        free_bytes=free_bytes,
        fits=output_bytes * left * _SPARE <= free_bytes,
        notes=(*note, *_notes(plan, request)),
    )


def _sample(plan: Plan) -> tuple[Clip, ...]:
    """A few clips that can be decoded, the same every time."""
    if CATALOG[plan.config.corpus].needs_source:
        return tuple(sample(plan.listed.clips, _SAMPLE))
    return plan.listed.clips[:: math.ceil(len(plan.listed.clips) / _SAMPLE)]


def _measure(plan: Plan, clips: tuple[Clip, ...]) -> tuple[Measured | None, tuple[str, ...]]:
    if not clips:
        return None, ("no listed clip has a file: nothing could be measured, and nothing would be kept",)
    with tempfile.TemporaryDirectory(prefix="leafworks-") as folder:
        path = Path(folder, "clips.json")
        write_clips(path, clips)
        request = MeasureRequest(config=plan.config, folder=plan.listed.folder, clips_path=str(path))
        try:
            return run_stage("pipelines.measure", request, Measured, on_line=lambda line: None), ()
        except (StageError, ValueError) as error:
            return None, (f"the sample could not be measured: {str(error).splitlines()[0]}",)


def _times(plan: Plan, clips: tuple[Clip, ...]) -> float:
    """How many times the sample all clips with a file are: by their bytes, or by number where bytes say nothing."""
    weights = Weights(plan.listed.clips)
    in_sample = sum(map(weights.of, clips))
    if in_sample and all(clip.end is None for clip in clips):
        return plan.sizes.source_bytes / in_sample
    return plan.sizes.with_audio / max(len(clips), 1)


def _seconds(measured: Measured | None, *, times: float, workers: int) -> float | None:
    if measured is None:
        return None
    at_once = max(1, min(workers, os.cpu_count() or 1))
    return measured.seconds * times / at_once


def _notes(plan: Plan, request: PrepareRequest) -> Iterator[str]:
    shards, clips = len(plan.shards), len(plan.listed.clips)
    if shards < request.workers and clips > shards:
        fewer = max(1, clips // (request.workers * _SHARDS_A_WORKER))
        yield (
            f"{shards} shards keep {shards} of {request.workers} workers busy; smaller ones, "
            f"`--clips-per-shard {fewer}`, would keep all of them"
        )
    missing = clips - plan.sizes.with_audio
    if missing:
        yield f"{missing} of {clips} listed clips ({missing / clips:.1%}) have no file: they are listed as missing"


def _existing(folder: Path) -> Path:
    """The folder or the nearest of its parents that is there."""
    return next(path for path in (folder, *folder.parents) if path.is_dir())


if __name__ == "__main__":
    serve(PrepareRequest, estimate)
