"""A child whose decoder does to some recordings what their names say; started by the tests of isolation."""

import ctypes
import errno
import os
import signal
import sys
from pathlib import Path

import numpy as np

from pipelines import audio, child, decoding
from pipelines.reading import read
from pipelines.shards import ShardWriter
from pipelines.status import Rejected

MANNER = sys.argv.pop(1)
BAD = ("segfault", "loop", "wait", "explode", "exit", "resample")
FATAL_HZ = 12_345


def hostile(name, make, **span):
    """Reads, or dies."""
    path = Path(name)
    if MANNER == "rejects" and path.stem in BAD:
        raise Rejected("corrupt", "known to be bad")
    if path.stem == "once" and not (marker := path.with_name("marker")).exists():
        marker.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    deeds = {
        "segfault": lambda: ctypes.string_at(0),
        "loop": loop,
        "wait": signal.pause,
        "exit": lambda: os._exit(3),
        "explode": lambda: np.ones(2**40),
    }
    deeds.get(path.stem, lambda: None)()
    return read(name, make, **span)


def fatal(waveform, *, source_rate, target_rate):
    """Resamples, or dies, when all recordings of a few were read."""
    return (
        ctypes.string_at(0)
        if source_rate == FATAL_HZ
        else resample(waveform, source_rate=source_rate, target_rate=target_rate)
    )


def loop():
    """Never ends."""
    while True:
        pass


def full(writer, *payload):
    """A disk without room."""
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def fall(writer, *payload):
    """Ends the process where no clip is to blame."""
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    decoding.read = hostile
    resample, audio.resample = audio.resample, fatal
    if MANNER in ("full", "fall"):
        ShardWriter.write = full if MANNER == "full" else fall
    child.main()
