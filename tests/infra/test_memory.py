"""Freed memory that is kept is not asked for again; the peak is counted right."""

import platform
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPT = """
import resource
{call}
for _ in range(100):  # two at a time, as a waveform and what is made of it
    first = b"x" * 3_000_000
    second = first + b"y"
    del first, second
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="needs glibc")
def test_pages_are_not_asked_for_again():
    """The kernel hands out a tenth of the pages."""
    faults = []
    for call in ("", "from infra.memory import keep_freed_memory; keep_freed_memory()"):
        command = [sys.executable, "-c", SCRIPT.format(call=call)]
        done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
        faults.append(int(done.stdout))
    assert faults[1] < faults[0] / 10


def test_the_peak_is_that_of_this_process():
    """Not that of its parent, which is larger here; and what was freed counts."""
    script = "from infra.memory import peak_bytes; before = peak_bytes(); a = b'x' * 50_000_000; del a; "
    held = b"x" * 400_000_000
    command = [sys.executable, "-c", script + "print(before, peak_bytes())"]
    before, after = map(int, subprocess.check_output(command, text=True, cwd=ROOT).split())
    del held
    assert before < 200e6
    assert 49e6 < after - before < 60e6
