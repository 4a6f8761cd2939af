"""Runs the Beam pipeline that makes shards: locally in threads, or on the runner that the options name."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions

from pipelines import watch
from pipelines.config import PrepareRequest
from pipelines.plan import CANNOT_WRITE, Plan
from pipelines.tasks import ShardTask
from pipelines.transforms import PROGRESS, MakeShards


def make_shards(plan: Plan, tasks: Sequence[ShardTask], request: PrepareRequest) -> None:
    """Makes the shards of `tasks`; when it returns, their files and ledger parts are on disk.

    Raises:
      ValueError: a file could not be written, or Beam knows no such option.
    """
    with _refusals():
        pipeline = make_pipeline(request)
        # One collection from one source to one end: a runner that computes only the last is enough.
        _ = (
            pipeline
            | "list shards" >> beam.Create(tasks, reshuffle=False)
            | "make shards" >> MakeShards(config=plan.config, folder=plan.listed.folder, labels=plan.labels)
        )
        if request.beam_options:
            watch.run(pipeline, plan)
        else:
            PROGRESS.start(done=len(plan.shards) - len(tasks), total=len(plan.shards))
            pipeline.run().wait_until_finish()


@contextmanager
def _refusals() -> Iterator[None]:
    """Beam hands on what a worker raised with a text of its own, most often in a RuntimeError; finds `cannot_write`."""
    try:
        yield
    except (RuntimeError, ValueError) as error:
        refused = re.search(rf"({re.escape(CANNOT_WRITE)}.*?)( \[while running|\n|$)", str(error))
        if refused is None:
            raise
        raise ValueError(refused[1]) from error


def make_pipeline(request: PrepareRequest) -> beam.Pipeline:
    """An empty pipeline on the runner of the request, whose Beam options win over ours."""
    if any(option.split("=")[0] == "--runner" for option in request.beam_options):
        return beam.Pipeline(options=PipelineOptions(list(request.beam_options)))
    # Threads: children decode, and nothing is copied between processes. Alone, a worker needs no servers, which poll.
    mode = "in_memory" if request.workers == 1 and not request.beam_options else "multi_threading"
    ours = [f"--direct_running_mode={mode}", f"--direct_num_workers={request.workers}"]
    options = PipelineOptions([*ours, *request.beam_options])  # of an option given twice the last one counts
    # The default runner would first try to download another one.
    return beam.Pipeline(runner="FnApiRunner", options=options)
