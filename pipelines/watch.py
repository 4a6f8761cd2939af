"""Looks after a pipeline on another engine: how far it is, and whether anything still happens.

What workers elsewhere leave in the snapshot's folder is the one sign that every engine gives.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import apache_beam as beam

from infra.files import TEMPORARY_SUFFIX
from infra.stage import report_progress
from pipelines.plan import PARTS_NAME, Plan

SILENCE_SECONDS = 3600.0  # engines queue jobs and start machines; one clip writes within minutes
_POLL_SECONDS = 1.0


def run(pipeline: beam.Pipeline, plan: Plan) -> None:
    """Runs a pipeline to its end, and reports the shards that are there.

    Raises:
      ValueError: no file has appeared or grown for `SILENCE_SECONDS`; the pipeline is cancelled then.
    """
    silent = threading.Event()
    results: list[Any] = []

    def give_up() -> None:
        for result in results:  # none while a runner of this process works, which knows its workers
            silent.set()
            result.cancel()

    with _watched(plan, give_up):
        try:
            results.append(pipeline.run())
            results[0].wait_until_finish()
        except Exception:
            if not silent.is_set():
                raise
    if silent.is_set():
        raise ValueError(
            f"A runner leaves files in the snapshot's folder. Received: nothing for {SILENCE_SECONDS:g} s in "
            f"{plan.folder}. Its workers have not started, or do not see this folder: look into the runner's log and "
            "at docs/engines.md; the same command goes on from there."
        )


@contextmanager
def _watched(plan: Plan, give_up: Callable[[], None]) -> Iterator[None]:
    ended = threading.Event()
    watcher = threading.Thread(target=_watch, args=(plan, give_up, ended), daemon=True)
    watcher.start()
    try:
        yield
    finally:
        ended.set()
        watcher.join()


def _watch(plan: Plan, give_up: Callable[[], None], ended: threading.Event) -> None:
    total, reported = len(plan.shards), -1
    seen, since = _signs(plan), time.monotonic()
    while True:
        over = ended.wait(_POLL_SECONDS)
        signs = _signs(plan)
        if signs != seen:
            seen, since = signs, time.monotonic()
        if seen[0] != reported:
            reported = seen[0]
            report_progress(reported, total, "shards")
        if over:
            return
        if time.monotonic() - since > SILENCE_SECONDS:
            give_up()
            since = time.monotonic()


def _signs(plan: Plan) -> tuple[int, int]:
    """Shards that are done, and bytes of those that are being written."""
    parts = sum(1 for _ in (plan.folder / PARTS_NAME).glob("[!.]*.tfrecord.arrow"))
    return parts, sum(_size(path) for path in plan.folder.glob(f".*{TEMPORARY_SUFFIX}"))


def _size(path: Path) -> int:
    try:
        return int(path.stat().st_size)
    except OSError:  # renamed meanwhile
        return 0
