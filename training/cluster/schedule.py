"""Which trial runs when: as many at once as there is room for, failed ones again after a while, up to a limit.

Knows neither Ray nor time: how an attempt is made, how much room there is and what the clock says is given to it.
"""

import queue
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from training.cluster.config import ClusterConfig
from training.cluster.ended import Ended
from training.config import TrialRequest

MAX_RETRY_WAIT_S = 600.0


@dataclass
class _Job:
    trial: TrialRequest
    failures: int = 0
    interruptions: int = 0
    not_before: float = 0.0


class Schedule:
    """The trials of one launch.

    Args:
      limits: on retries, and the waits between them.
      attempt: makes one attempt at a trial; called in a thread of its own.
      room: how many trials the cluster has room for now, those that run included.
      stop: asks the running attempts to stop; called more than once.
      on_failure: gets a trial that will not be tried again, and why.
      say: gets a line about every attempt that did not finish.
      clock: seconds that only grow.
      poll_s: how often `room` is asked, at least.
    """

    def __init__(
        self,
        limits: ClusterConfig,
        *,
        attempt: Callable[[TrialRequest], Ended],
        room: Callable[[], int],
        stop: Callable[[], None],
        on_failure: Callable[[TrialRequest, str], None],
        say: Callable[[str], None],
        clock: Callable[[], float],
        poll_s: float = 1.0,
    ) -> None:
        self._limits, self._attempt, self._room, self._stop = limits, attempt, room, stop
        self._on_failure, self._say = on_failure, say
        self._clock, self._poll_s = clock, poll_s
        self._waiting: list[_Job] = []
        self._running = 0
        self._ended: queue.Queue[tuple[_Job, Ended | BaseException]] = queue.Queue()
        self._failed: dict[str, str] = {}
        self._last_room = clock()
        self._stopped_at: float | None = None

    def run(self, trials: Sequence[TrialRequest], *, stopping: threading.Event) -> dict[str, str]:
        """Runs every trial to its end, or until `stopping` is set, when no more attempts begin.

        Returns:
          Trial id -> reason, for those that failed.
        """
        self._waiting = [_Job(trial) for trial in trials]
        while self._running or (self._waiting and not stopping.is_set()):
            if not stopping.is_set():
                self._start_ready(self._room())
            elif self._grace_is_over():
                break
            else:
                self._stop()
            try:
                job, ended = self._ended.get(timeout=self._poll_s)
            except queue.Empty:
                continue
            self._running -= 1
            if isinstance(ended, BaseException):
                raise ended
            self._judge(job, ended)
        return self._failed

    def _grace_is_over(self) -> bool:
        """Whether attempts that were asked to stop have had their time; it begins with the first call."""
        if self._stopped_at is None:
            self._stopped_at = self._clock()
        return self._clock() - self._stopped_at > self._limits.grace_s

    def _start_ready(self, room: int) -> None:
        now = self._clock()
        if room or self._running:
            self._last_room = now
        elif now - self._last_room > self._limits.node_wait_s:
            self._give_up()
        ready = [job for job in self._waiting if job.not_before <= now]
        for job in ready[: max(0, room - self._running)]:
            self._waiting.remove(job)
            self._running += 1
            threading.Thread(target=self._make, args=(job,), name=job.trial.trial_id, daemon=True).start()

    def _make(self, job: _Job) -> None:
        try:
            self._ended.put((job, self._attempt(job.trial)))
        except BaseException as error:
            self._ended.put((job, error))

    def _judge(self, job: _Job, ended: Ended) -> None:
        limits, name = self._limits, f"{job.trial.name}, seed {job.trial.config.seed}"
        if ended.kind == "finished":
            return
        if ended.kind == "failed" and job.failures < limits.max_failures:
            job.failures += 1
            wait = min(limits.retry_wait_s * 2 ** (job.failures - 1), MAX_RETRY_WAIT_S)
            self._say(f"{name}: {_first_line(ended)}; retry {job.failures} of {limits.max_failures} in {wait:g} s")
        elif ended.kind == "interrupted" and job.interruptions < limits.max_interruptions:
            job.interruptions += 1
            wait = 0.0
            self._say(f"{name}: interrupted: {_first_line(ended)}; it goes on from its last checkpoint")
        else:
            self._fail(job, _verdict(ended, job))
            return
        job.not_before = self._clock() + wait
        self._waiting.append(job)

    def _give_up(self) -> None:
        for job in self._waiting:
            self._fail(
                job,
                f"Rule: the cluster has room for a trial within {self._limits.node_wait_s:g} s (--node-wait-s). "
                "Received: none. Bring nodes back and run the same command again.",
            )
        self._waiting.clear()

    def _fail(self, job: _Job, reason: str) -> None:
        self._failed[job.trial.trial_id] = reason
        self._on_failure(job.trial, reason)


def _verdict(ended: Ended, job: _Job) -> str:
    if ended.kind == "lost":
        return f"Another run has taken this trial over; look for a second `leafworks run`. {ended.reason}"
    if ended.kind == "refused":
        return ended.reason
    count = (
        f"{job.failures + 1} attempts failed" if ended.kind == "failed" else f"{job.interruptions + 1} interruptions"
    )
    return f"{ended.reason}\n({count}; --max-failures and --max-interruptions are the limits.)"


def _first_line(ended: Ended) -> str:
    lines = [line for line in ended.reason.splitlines() if line.strip()]
    return lines[-1].strip() if lines else ended.kind
