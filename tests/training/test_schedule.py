"""When trials run, and how often: without Ray and without waiting, on a clock that the test moves."""

import threading
from collections import Counter
from pathlib import Path

import pytest

from frontends.config import MelFilterbankConfig
from training.cluster.config import ClusterConfig
from training.cluster.ended import Ended
from training.cluster.schedule import Schedule
from training.config import TrainConfig, TrialConfig, TrialRequest
from training.tasks.config import TaskConfig

TRIAL = TrialConfig(frontend=MelFilterbankConfig(), train=TrainConfig(), seed=0, tasks=(TaskConfig(name="sounds"),))
FINISHED, FAILED = Ended("finished"), Ended("failed", "the worker died")
INTERRUPTED, REFUSED, LOST = Ended("interrupted", "its node went"), Ended("refused", "bad input"), Ended("lost", "")


def trials(*names):
    """Trials by their names."""
    return [
        TrialRequest(name=name, trial_id=name, config=TRIAL, snapshots=(), folder=str(Path("unused", name)))
        for name in names
    ]


class Play:
    """Runs a schedule on attempts that end as told; its clock jumps a second whenever it is looked at."""

    def __init__(self, script, *, room=2, limits=None):
        self._script, self._rooms = {name: list(ends) for name, ends in script.items()}, room
        self.now, self.began, self.said, self.failures = 0.0, [], [], {}
        self.stopping, self.asked_to_stop = threading.Event(), threading.Event()
        self._lock, self._running, self.most = threading.Lock(), 0, 0
        self.schedule = Schedule(
            limits or ClusterConfig(max_failures=2, retry_wait_s=10.0),
            attempt=self._attempt,
            room=self._room,
            stop=self.asked_to_stop.set,
            on_failure=lambda trial, reason: self.failures.__setitem__(trial.name, reason),
            say=self.said.append,
            clock=self._clock,
            poll_s=0.001,
        )

    def run(self):
        """All trials of the script, to their end."""
        return self.schedule.run(trials(*self._script), stopping=self.stopping)

    def _clock(self):
        self.now += 1.0
        return self.now

    def _room(self):
        return self._rooms if isinstance(self._rooms, int) else self._rooms()

    def _attempt(self, trial):
        with self._lock:
            self._running += 1
            self.most = max(self.most, self._running)
            self.began.append((trial.name, self.now))
        try:
            end = self._script[trial.name].pop(0)
            return end() if callable(end) else end
        finally:
            with self._lock:
                self._running -= 1


def test_a_failed_trial_waits_twice_as_long_each_time_and_then_is_given_up():
    """Three attempts with two retries, at least 10 s and 20 s apart; the reason names the count and the limits."""
    play = Play({"a": [FAILED] * 4})
    assert set(play.run()) == {"a"}
    times = [time for _, time in play.began]
    assert len(times) == 3
    assert times[1] - times[0] >= 10
    assert times[2] - times[1] >= 20
    assert "3 attempts failed" in play.failures["a"]
    assert [line.split("; ")[1] for line in play.said] == ["retry 1 of 2 in 10 s", "retry 2 of 2 in 20 s"]


def test_an_interruption_neither_waits_nor_counts_as_a_failure():
    """A trial that loses its node five times still has both its retries, and has a limit of its own."""
    play = Play({"a": [INTERRUPTED] * 5 + [FAILED, FAILED, FINISHED]})
    assert play.run() == {}
    assert len(play.began) == 8
    assert play.began[5][1] < 40
    limits = ClusterConfig(max_interruptions=3)
    assert "4 interruptions" in Play({"a": [INTERRUPTED] * 4}, limits=limits).run()["a"]


@pytest.mark.parametrize("end", [REFUSED, LOST])
def test_what_would_end_alike_is_not_tried_again(end):
    """Bad input, and a trial that another run has taken over; the others go on."""
    play = Play({"a": [end], "b": [FINISHED]})
    assert set(play.run()) == {"a"}
    assert Counter(name for name, _ in play.began) == {"a": 1, "b": 1}


def test_as_many_run_as_there_is_room_for_now():
    """One at first, none while its node is away, three together when more have come."""
    asked, together = [], threading.Barrier(3)

    def room():
        asked.append(len(play.began))
        gone = sum(began == 1 for began in asked) if play.began else 0
        return 1 if not play.began else 0 if gone < 20 else 3

    def meet():
        together.wait(30)  # breaks unless three are there
        return FINISHED

    play = Play({"a": [INTERRUPTED, FINISHED], "b": [meet], "c": [meet], "d": [meet]}, room=room)
    assert play.run() == {}
    assert sum(began == 1 for began in asked) >= 20
    assert play.most == 3
    assert Counter(name for name, _ in play.began) == {"a": 2, "b": 1, "c": 1, "d": 1}


def test_without_room_for_long_the_rest_fails():
    """With the time, instead of waiting for ever."""
    play = Play({"a": [FINISHED], "b": [FINISHED]}, room=0, limits=ClusterConfig(node_wait_s=50.0))
    failed = play.run()
    assert set(failed) == set(play.failures) == {"a", "b"}
    assert "within 50 s" in failed["a"]
    assert 50 < play.now < 60
    assert play.began == []


def test_a_stop_lets_attempts_end_and_begins_none():
    """The running one is asked to stop and waited for; the waiting one is left for the next call."""
    play = Play({"a": [], "b": [FINISHED]}, room=1)

    def attempt_a():
        play.stopping.set()
        assert play.asked_to_stop.wait(30)
        return INTERRUPTED

    play._script["a"] = [attempt_a]
    assert play.run() == {}
    assert [name for name, _ in play.began] == ["a"]


def test_who_does_not_stop_is_left_behind():
    """After the grace the run ends although an attempt goes on."""
    play, never = Play({"a": []}, room=1, limits=ClusterConfig(grace_s=20.0)), threading.Event()

    def attempt_a():
        play.stopping.set()
        never.wait(60)
        return FINISHED

    play._script["a"] = [attempt_a]
    assert play.run() == {}
    assert 20 < play.now < 40
    never.set()


def test_an_error_of_ours_is_not_taken_for_a_failed_trial():
    """It ends the run with its traceback."""

    def broken():
        raise RuntimeError("a bug")

    with pytest.raises(RuntimeError, match="a bug"):
        Play({"a": [broken]}).run()
