"""`python -m pipelines.child FD BYTES`: does the tasks that `pipelines.isolation` sends, until that has gone."""

import json
import mmap
import os
import pickle
import queue
import resource
import signal
import struct
import sys
import threading
import traceback
from typing import Any

from infra.memory import collect_rarely, keep_freed_memory
from pipelines.isolation import CELL, NO_ITEM
from pipelines.stage import leave_out_pandas

_GRACE_SECONDS = 60  # after the parent's own limit; the kernel ends a child that hangs and has no parent


def main() -> None:
    """Reads tasks from standard input; answers each with a line of JSON."""
    cell = mmap.mmap(int(sys.argv[1]), CELL.size)
    _limit(int(sys.argv[2]))
    leave_out_pandas()
    keep_freed_memory()
    collect_rarely()
    answers = os.fdopen(os.dup(1), "wb")
    sys.stderr = os.fdopen(os.dup(2), "w", buffering=1)
    for stream in (1, 2):  # what C libraries print is neither an answer nor worth a line of the log
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream)
    tasks: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_receive, args=(tasks,), daemon=True).start()
    while True:
        answer = _do(tasks.get(), cell)
        answers.write(json.dumps(answer).encode() + b"\n")
        answers.flush()


def _do(content: bytes, cell: mmap.mmap) -> dict[str, Any]:
    task, verdicts, limits = pickle.loads(content)  # noqa: S301 - from our own parent, through its pipe

    def at(item: int) -> None:
        cell[:] = CELL.pack(item)
        signal.alarm(round(limits.wall_factor * limits.of(task.sizes[item])) + _GRACE_SECONDS)

    try:
        result = task.run(at, verdicts)
    except OSError as error:
        return {"os_error": [error.errno, error.strerror]}
    except Exception:
        return {"error": traceback.format_exc()}
    finally:
        signal.alarm(0)
        cell[:] = CELL.pack(NO_ITEM)
    return {"result": result}


def _limit(memory_bytes: int) -> None:
    """No core files, and an error instead of memory without end; files that are mapped do not count."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _, most = resource.getrlimit(resource.RLIMIT_DATA)
    limit = memory_bytes if most == resource.RLIM_INFINITY else min(memory_bytes, most)
    resource.setrlimit(resource.RLIMIT_DATA, (limit, most))


def _receive(tasks: "queue.SimpleQueue[bytes]") -> None:
    """Ends the process, whatever it does, when the parent has gone."""
    with os.fdopen(0, "rb") as stream:
        while len(head := stream.read(8)) == 8:
            content = stream.read(struct.unpack("<Q", head)[0])
            tasks.put(content)
    os._exit(1)


if __name__ == "__main__":
    main()
