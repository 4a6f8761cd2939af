"""Runs the Beam pipeline that makes shards: locally in threads, or on the runner that the options name."""

from collections.abc import Sequence

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions

from pipelines.config import PrepareRequest
from pipelines.plan import Plan, Shard
from pipelines.transforms import PROGRESS, MakeShards, ShardTask


def make_shards(plan: Plan, shards: Sequence[Shard], request: PrepareRequest) -> None:
    """Makes `shards`; when it returns, their files and ledger parts are on disk."""
    tasks = [
        ShardTask(shard=shard, path=str(plan.folder / shard.name), part_path=str(plan.part_path(shard)))
        for shard in shards
    ]
    PROGRESS.start(done=len(plan.shards) - len(shards), total=len(plan.shards))
    with _pipeline(request) as pipeline:
        # One collection from one source to one end: a runner that computes only the last is enough.
        _ = (
            pipeline
            | "list shards" >> beam.Create(tasks, reshuffle=False)
            | "make shards" >> MakeShards(config=plan.config, folder=plan.listed.folder, labels=plan.labels)
        )


def _pipeline(request: PrepareRequest) -> beam.Pipeline:
    if any(option.startswith("--runner") for option in request.beam_options):
        return beam.Pipeline(options=PipelineOptions(list(request.beam_options)))
    options = PipelineOptions(
        list(request.beam_options),
        # Threads: decoding and resampling release the interpreter, and nothing is copied between processes.
        direct_running_mode="multi_threading",
        direct_num_workers=request.workers,
    )
    # The default runner would first try to download another one.
    return beam.Pipeline(runner="FnApiRunner", options=options)
