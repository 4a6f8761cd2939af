"""Work on files that nobody vouches for, in a child process: a crash, a hang or a giant allocation costs one item.

The child does a whole task, and writes down in shared memory which of its items it is at; so it costs nothing
while all goes well. When the child dies or exceeds a limit, a new one does the task again, with a verdict in
place of that item: the result is that of a task whose item was rejected.
"""

import atexit
import contextlib
import json
import logging
import mmap
import pickle
import select
import signal
import struct
import subprocess
import sys
import tempfile
import threading
import time
import weakref
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import psutil

from pipelines.status import Status

LOG = logging.getLogger(__name__)

COMMAND = (sys.executable, "-P", "-m", "pipelines.child")
CELL = struct.Struct("<q")  # the item the child is at
NO_ITEM = -1
_TICK_SECONDS = 1.0
_CHANCES = 2  # the first death may be somebody's `kill`, or the system's for want of memory
_GIB = 2**30


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What one item may take: processor seconds, more for a large file, and as many times that of the clock.

    A second a MB is what the slowest decoders need for the densest recordings, ten times over.
    """

    seconds: float = 60.0
    seconds_per_mb: float = 10.0
    most_seconds: float = 7_200.0
    wall_factor: float = 10.0
    memory_bytes: int = 2 * _GIB

    def of(self, num_bytes: int) -> float:
        """Processor seconds for an item of that size."""
        return min(self.seconds + self.seconds_per_mb * num_bytes / 1e6, self.most_seconds)


LIMITS = Limits()


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """Why an item is not tried again."""

    status: Status
    reason: str


class Task(Protocol):
    """What a child does; it travels there as a pickle, and its result back as JSON."""

    @property
    def sizes(self) -> Sequence[int]:
        """Bytes of the file of each item."""

    def run(self, at: Callable[[int], None], verdicts: Mapping[int, Verdict]) -> Any:
        """Does it; calls `at` before anything is done to an item, and leaves out those with a verdict."""

    def clean(self) -> None:
        """Removes what a child that died left half-done."""


class Children:
    """Child processes of this one; each does one task at a time, and waits for the next."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._idle: list[_Child] = []

    def run(self, task: Task) -> Any:
        """The result of `task`; of an item that ends the child, its verdict.

        Raises:
          OSError: as the task did.
          RuntimeError: the task failed otherwise, or a child dies outside of any item.
        """
        verdicts: dict[int, Verdict] = {}
        deaths: Counter[int] = Counter()
        while True:
            with self._child() as child:
                try:
                    return child.run(task, verdicts)
                except _Ended as ended:
                    death = ended
            task.clean()
            deaths[death.item] += 1
            LOG.info("a decoder %s at item %d; once more", death.verdict.reason, death.item)
            is_free = death.item == NO_ITEM or death.item in verdicts  # of any item: none is to blame
            if is_free and deaths[death.item] >= _CHANCES:
                raise RuntimeError(f"The process that decodes {death.verdict.reason}, at no recording.")
            if not is_free and (death.is_certain or deaths[death.item] >= _CHANCES):
                verdicts[death.item] = death.verdict
                del deaths[death.item]

    def close(self) -> None:
        """Ends those that wait; a later task starts a new one."""
        with self._lock:
            idle, self._idle = self._idle, []
        for child in idle:
            child.end()

    @contextlib.contextmanager
    def _child(self) -> "Iterator[_Child]":
        with self._lock:
            child = self._idle.pop() if self._idle else None
        child = child or _Child()
        try:
            yield child
        except BaseException:
            child.end()
            raise
        if child.is_alive():
            with self._lock:
                self._idle.append(child)


CHILDREN = Children()
atexit.register(CHILDREN.close)


class _Ended(Exception):  # noqa: N818 - of a child, which is expected
    def __init__(self, item: int, verdict: Verdict, *, is_certain: bool) -> None:
        super().__init__(verdict.reason)
        self.item, self.verdict, self.is_certain = item, verdict, is_certain


class _Child:
    def __init__(self) -> None:
        with tempfile.TemporaryFile() as stream:
            stream.write(CELL.pack(NO_ITEM))
            stream.flush()
            self._cell = mmap.mmap(stream.fileno(), CELL.size)
            self._process = subprocess.Popen(
                [*COMMAND, str(stream.fileno()), str(LIMITS.memory_bytes)],
                stdin=subprocess.PIPE,  # tasks; its end tells the child that its parent has gone
                stdout=subprocess.PIPE,
                pass_fds=(stream.fileno(),),
            )
        # Once: when it is told to, or when nobody has it any more, as a runner's thread may outlive `Children.close`.
        self.end = weakref.finalize(self, _end, self._process)

    def run(self, task: Task, verdicts: Mapping[int, Verdict]) -> Any:
        """One task.

        Raises:
          _Ended: the child is no more.
        """
        assert self._process.stdin is not None
        self._cell[:] = CELL.pack(NO_ITEM)
        content = pickle.dumps((task, dict(verdicts), LIMITS))
        try:
            self._process.stdin.write(struct.pack("<Q", len(content)) + content)
            self._process.stdin.flush()
        except BrokenPipeError:
            raise self._death() from None
        return _result(self._answer(task))

    def is_alive(self) -> bool:
        """Whether it can take a task."""
        return self._process.poll() is None

    def _answer(self, task: Task) -> bytes:
        assert self._process.stdout is not None
        watch = _Watch(self._process.pid)
        while not select.select([self._process.stdout], [], [], _TICK_SECONDS)[0]:
            item = self._item()
            exceeded = watch.exceeded(item, task)
            if exceeded:
                self.end()
                raise _Ended(item, Verdict(status="timed_out", reason=exceeded), is_certain=True)
        line = self._process.stdout.readline()
        if not line.endswith(b"\n"):
            raise self._death()
        return line

    def _death(self) -> _Ended:
        code = self._process.wait()
        how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
        self.end()
        return _Ended(self._item(), Verdict(status="crashed", reason=f"{how}, twice"), is_certain=False)

    def _item(self) -> int:
        return int(CELL.unpack(self._cell[:])[0])


def _end(process: "subprocess.Popen[bytes]") -> None:
    """Kills it, if it is still there."""
    process.kill()
    process.wait()
    for stream in (process.stdin, process.stdout):
        with contextlib.suppress(BrokenPipeError):
            stream.close()  # type: ignore[union-attr]


class _Watch:
    """How long a child has been at the same item."""

    def __init__(self, pid: int) -> None:
        self._process = psutil.Process(pid)
        self._item, self._cpu, self._wall = NO_ITEM, self._cpu_seconds(), time.monotonic()

    def exceeded(self, item: int, task: Task) -> str:
        """The limit that is exceeded, in words; empty: none."""
        cpu, wall = self._cpu_seconds(), time.monotonic()
        if item != self._item:
            self._item, self._cpu, self._wall = item, cpu, wall
        if max(cpu - self._cpu, (wall - self._wall) / LIMITS.wall_factor) <= LIMITS.of(0):
            return ""  # no need to ask the task, which may have to read a list for it
        seconds = LIMITS.of(task.sizes[item] if item != NO_ITEM else sum(task.sizes))
        if cpu - self._cpu > seconds:
            return f"took more than {seconds:.0f} s of processor time"
        if wall - self._wall > LIMITS.wall_factor * seconds:
            return f"took more than {LIMITS.wall_factor * seconds:.0f} s"
        return ""

    def _cpu_seconds(self) -> float:
        try:
            times = self._process.cpu_times()
        except psutil.Error:  # gone: its pipe says so
            return 0.0
        return float(times.user + times.system)


def _result(line: bytes) -> Any:
    answer = json.loads(line)
    if "os_error" in answer:
        raise OSError(*answer["os_error"])
    if "error" in answer:
        raise RuntimeError(answer["error"])
    return answer["result"]
