"""Memory of this process: when garbage is looked for, what happens to what was freed, and the most there was."""

import ctypes
import gc
import resource
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # malloc.h
_TRIM_BYTES, _MMAP_BYTES = 2**27, 2**25  # the second at its upper bound


def keep_freed_memory() -> None:
    """Keeps up to 128 MiB of freed memory for the next clip or batch; nothing happens where there is no glibc.

    Waveforms come and go by the megabyte. By default each goes back to the system, and the kernel clears its pages
    for the next one, which costs a fifth of the time it takes to decode and resample a clip, and more than reading
    the windows of a batch.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return
    mallopt(_TRIM_THRESHOLD, _TRIM_BYTES)
    mallopt(_MMAP_THRESHOLD, _MMAP_BYTES)


@contextmanager
def without_collection() -> Iterator[None]:
    """No garbage is looked for while the block makes what will stay, nor later among all that is there at its end.

    A library is a million objects, a corpus as many, and Python looks through them again and again: a quarter of the
    time that TensorFlow takes to load, a fifth of Beam's. What nobody refers to is freed as always; only circles that
    are there when the block ends are never found.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if was_enabled:
            gc.enable()


def collect_rarely() -> None:
    """Looks for garbage after 20,000 new objects instead of 700: graphs, rows and modules are hardly ever any."""
    gc.set_threshold(20_000, 20, 20)


def peak_bytes() -> int:
    """The most that this process has had in memory.

    Linux counts in `ru_maxrss` also the process that started this one, which it was for a moment.
    """
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return 1024 * int(status.partition("VmHWM:")[2].split()[0])
