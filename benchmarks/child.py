"""A process that measures: `python -P -m benchmarks.child time|memory TASKS`, TASKS in JSON.

Answers are lines of JSON on what was standard output. "time" prepares all tasks, with an answer for each, then runs
the task whose index it reads from standard input. "memory" is for one task, in a process that has done nothing else.
"""

import json
import os
import resource
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import psutil  # type: ignore[import-untyped]

from benchmarks.task import Task

WARM_UPS = 2
CALLS = 5  # of a training step, before memory is read
Answer = dict[str, Any]


def main() -> None:
    """Answer until there is nothing left to do."""
    # Libraries write to standard output too.
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    mode, tasks = sys.argv[1], [Task(**task) for task in json.loads(sys.argv[2])]
    for answer in {"time": timed, "memory": weighed}[mode](tasks):
        answers.write(json.dumps(answer) + "\n")


def timed(tasks: list[Task]) -> Iterator[Answer]:
    """An answer for each task once it is compiled, then the CPU-seconds of those asked for."""
    from benchmarks.contenders import prepare, set_up

    set_up(tasks[0].engine)
    runs = {}

    def compiled(index: int) -> Answer:
        runs[index] = prepare(tasks[index])
        for _ in range(WARM_UPS):
            runs[index]()
        return {}

    def measured(index: int) -> Answer:
        before = _cpu_seconds()
        runs[index]()
        return {"cpu_seconds": _cpu_seconds() - before}

    for index in range(len(tasks)):
        yield _or_error(partial(compiled, index))
    for line in sys.stdin:
        yield _or_error(partial(measured, int(line)))


def weighed(tasks: list[Task]) -> Iterator[Answer]:
    """Memory of the process before and at its peak, and the wall seconds of the first call."""
    from benchmarks.contenders import prepare, set_up

    set_up(tasks[0].engine)

    def measured() -> Answer:
        run = prepare(tasks[0])
        before = psutil.Process().memory_info().rss
        start = time.monotonic()
        run()
        first = time.monotonic() - start
        for _ in range(CALLS - 1):
            run()
        peak = 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return {"resident_mb": before / 1e6, "peak_mb": peak / 1e6, "first_call_seconds": first}

    yield _or_error(measured)


def _or_error(work: Callable[[], Answer]) -> Answer:
    try:
        return work()
    except Exception as error:
        return {"error": f"{type(error).__name__}: {error}"}


def _cpu_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    main()
