"""Why a training stops before its end, and the watch that a worker keeps for it."""

import ctypes
import faulthandler
import os
import signal
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from training.cluster.claim import Claim

HANG_NAME = "hang-worker-{}.txt"
_POLL_SECONDS = 0.5
_terminated = threading.Event()
_get_handler, _set_handler = ctypes.pythonapi.PyOS_getsig, ctypes.pythonapi.PyOS_setsig
_get_handler.argtypes, _get_handler.restype = [ctypes.c_int], ctypes.c_void_p
_set_handler.argtypes, _set_handler.restype = [ctypes.c_int, ctypes.c_void_p], ctypes.c_void_p
_handlers: list[int] = []  # the interpreter's, in C, once `listen_for_termination` was called


class InterruptedTraining(Exception):  # noqa: N818 - not an error, the training goes on in another attempt
    """All workers stopped after the same step; the last checkpoint is where another attempt goes on."""


class InterruptedEvaluation(Exception):  # noqa: N818 - likewise
    """This worker stopped between two batches of an evaluation, for which a checkpoint was written before it began."""


class Stop(Protocol):
    """Tells a training whether to stop."""

    def after_step(self) -> bool:
        """Whether all workers stop here; every worker asks after every step, and all get the same answer."""

    def asked(self) -> bool:
        """Whether this worker has been asked to stop, whatever the others were told."""


class NeverStop:
    """For a training that nobody interrupts."""

    def after_step(self) -> bool:
        """See `Stop`."""
        return False

    def asked(self) -> bool:
        """See `Stop`."""
        return False


NEVER = NeverStop()


def listen_for_termination() -> None:
    """Has SIGTERM ask this process to stop instead of ending it; called in its main thread, once.

    Ray keeps the main thread in C++ between its calls, where a handler in Python would wait for the next one; the
    byte that the interpreter writes at once wakes a thread that waits for it.
    """
    reading, writing = socket.socketpair()
    writing.setblocking(False)
    signal.signal(signal.SIGTERM, lambda number, frame: None)
    _handlers.append(_get_handler(signal.SIGTERM))
    signal.set_wakeup_fd(writing.detach(), warn_on_full_buffer=False)

    def wait() -> None:
        while reading.recv(1)[0] != signal.SIGTERM:
            pass
        _terminated.set()

    threading.Thread(target=wait, name="termination", daemon=True).start()


def _keep_listening() -> None:
    """Takes SIGTERM back from TensorFlow, whose multi-worker runtime installs a handler of its own in any thread."""
    for handler in _handlers:
        _set_handler(signal.SIGTERM, handler)


class Watch:
    """One worker's watch: has it been asked to stop, and does it still get on?

    It is asked by SIGTERM, by the claim on the trial's folder (the driver, or another attempt that took over), and
    by whatever `drained` knows. A worker that does not get on for `stall_timeout_s` writes where it stands into the
    trial's folder and ends itself, which Ray notices.

    Args:
      claim: of this attempt.
      index: of the worker.
      stall_timeout_s: longest time between two steps or two batches of an evaluation.
      drained: whether the node is about to go.
    """

    def __init__(
        self, claim: Claim, *, index: int, stall_timeout_s: float, drained: Callable[[], bool] = lambda: False
    ) -> None:
        self._claim, self._index, self._stall_timeout_s, self._drained = claim, index, stall_timeout_s, drained
        self._asked, self._ended = threading.Event(), threading.Event()
        self._last_beat = time.monotonic()
        threading.Thread(target=self._look, name="watch", daemon=True).start()

    def asked(self) -> bool:
        """Whether this worker has been asked to stop; also says that it gets on."""
        self._last_beat = time.monotonic()
        return self._asked.is_set() or _terminated.is_set()

    def holds(self) -> bool:
        """Whether this attempt still owns the trial."""
        return self._claim.state() != "lost"

    def end(self) -> None:
        """The training has ended; what follows may take its time."""
        self._ended.set()

    def _look(self) -> None:
        while not self._ended.wait(_POLL_SECONDS):
            _keep_listening()
            if self._drained() or self._claim.state() != "held":
                self._asked.set()
            stalled = time.monotonic() - self._last_beat
            if stalled > self._stall_timeout_s:
                self._give_up(stalled)

    def _give_up(self, stalled: float) -> None:
        path = Path(self._claim.folder, HANG_NAME.format(self._index))
        with path.open("w") as stream:
            stream.write(
                f"Rule: a step or a batch of an evaluation at least every {self._stall_timeout_s:g} s "
                f"(--stall-timeout-s). Received: none for {stalled:.0f} s. All threads of the worker:\n\n"
            )
            stream.flush()
            faulthandler.dump_traceback(stream)
            os.fsync(stream.fileno())
        os._exit(1)
