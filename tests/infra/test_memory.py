"""What is loaded is not looked through for garbage; freed memory is not asked for again; the peak is counted right."""

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


@pytest.mark.parametrize("switch", ["enable", "disable"])
def test_what_is_loaded_is_not_looked_through(switch):
    """No collection in the block, none of its objects in a later one; garbage made afterwards is found as before."""
    script = f"""
import gc
from infra.memory import without_collection
gc.{switch}()
before = [generation["collections"] for generation in gc.get_stats()]
with without_collection():
    loaded = [[] for _ in range(200_000)]
    during = [generation["collections"] for generation in gc.get_stats()]
looked_at = len(gc.get_objects())
circle = []
circle.append(circle)
del circle
print(before == during, gc.isenabled(), looked_at < 100_000, gc.collect() > 0)
"""
    told = subprocess.check_output([sys.executable, "-c", script], text=True, cwd=ROOT).split()
    assert told == ["True", str(switch == "enable"), "True", "True"]
