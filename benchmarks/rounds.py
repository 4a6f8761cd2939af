"""Tasks measured in turn, round by round, across processes."""

import random
import statistics
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict
from typing import Any

from benchmarks.task import ENVIRONMENTS, Task
from benchmarks.worker import Worker

TRIAL_ROUNDS = 3
HOPELESS = 1.5
Row = dict[str, Any]


def in_turn(tasks: Sequence[Task], *, rounds: int) -> list[Row]:
    """A row a task: the median, the least and the most of its CPU-seconds, or its error.

    Every round runs every task once, in another order. Where a task has been `HOPELESS` times as dear as another that
    differs in its setting of oneDNN alone, after `TRIAL_ROUNDS`, it is not run again: only the better one counts.
    """
    with ExitStack() as stack:
        places = _prepared(tasks, stack)
        seconds: dict[Task, list[float]] = {task: [] for task in places}
        errors = {task: error for task, (_, _, error) in places.items() if error}
        for number in range(rounds):
            progress(f"  round {number + 1} of {rounds}, {len(seconds) - len(errors)} tasks")
            for task in random.Random(number).sample(tasks, len(tasks)):
                if task in errors or (number >= TRIAL_ROUNDS and _is_hopeless(task, seconds)):
                    continue
                worker, index, _ = places[task]
                answer = worker.ask(index)
                if "error" in answer:
                    errors[task] = answer["error"]
                else:
                    seconds[task].append(answer["cpu_seconds"])
    return [_row(task, seconds[task], errors.get(task)) for task in tasks]


def progress(text: str) -> None:
    """Tell who waits."""
    print(text, file=sys.stderr, flush=True)


def _prepared(tasks: Sequence[Task], stack: ExitStack) -> dict[Task, tuple[Worker, int, str | None]]:
    """Of each task: its worker, its index there, and the error of its first calls, if any."""
    by_process: dict[str, list[Task]] = {}
    for task in tasks:
        by_process.setdefault(str(ENVIRONMENTS[task.engine]), []).append(task)
    workers = [(stack.enter_context(Worker("time", group)), group) for group in by_process.values()]
    places = {}
    # All compile at the same time; answers wait in the pipes.
    for worker, group in workers:
        for index, task in enumerate(group):
            error = worker.answer().get("error")
            places[task] = (worker, index, error)
            progress(f"  ready: {task}" if error is None else f"  failed: {task}: {error}")
    return places


def _is_hopeless(task: Task, seconds: dict[Task, list[float]]) -> bool:
    return any(
        median(seconds[task]) > HOPELESS * median(seconds[other])
        for other in seconds
        if _but_for_onednn(other) == _but_for_onednn(task) and seconds[other] and other != task
    )


def _but_for_onednn(task: Task) -> Row:
    return {**asdict(task), "engine": task.engine.removesuffix(", oneDNN off")}


def median(values: list[float]) -> float:
    """0 where there is none."""
    return statistics.median(values) if values else 0.0


def _row(task: Task, seconds: list[float], error: str | None) -> Row:
    if error or not seconds:
        return {**asdict(task), "error": error or "not run"}
    spread = {"least": min(seconds), "most": max(seconds), "rounds": len(seconds)}
    return {**asdict(task), "cpu_seconds": median(seconds), **spread}
