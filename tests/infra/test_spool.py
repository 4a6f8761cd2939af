"""Events are whole or absent, whoever is killed."""

import os
import signal
import subprocess
import sys

import pytest

from infra.spool import Delivered, Event, Spool

WRITER = """
import sys
from pathlib import Path
from infra.spool import Event, Spool
spool, first = Spool(Path(sys.argv[1])), int(sys.argv[2])
for number in range(first, 10_000_000):
    spool.append(Event(kind="metrics", values={"loss": float(number), "text": "x" * (number % 3000)}, step=number))
    print(number, flush=True)
"""


def event(step):
    """An event that can be told from others."""
    return Event(kind="metrics", values={"loss": step / 2}, step=step, time_ms=7)


def test_what_is_told_is_read_in_order(tmp_path):
    """From any offset that an earlier read returned."""
    spool = Spool(tmp_path)
    for step in range(5):
        spool.append(event(step))
    some = spool.read(0, most=2)
    assert [read for read, _ in some] == [event(0), event(1)]
    assert [read for read, _ in spool.read(some[-1][1])] == [event(2), event(3), event(4)]
    assert spool.events() == [event(step) for step in range(5)]


@pytest.mark.parametrize("torn", [b"{", b'{"kind": "metrics"', b"x" * 200_000])
def test_a_torn_line_is_neither_read_nor_kept(tmp_path, torn):
    """A writer killed in the middle of a line leaves nothing that the next one's line could grow from."""
    spool = Spool(tmp_path)
    for step in range(3):
        spool.append(event(step))
    path = tmp_path / "tracking" / "events.jsonl"
    with path.open("ab") as stream:
        stream.write(torn)
    assert len(spool.events()) == 3
    spool.append(event(3))
    assert spool.events() == [event(step) for step in range(4)]


def test_a_killed_writer_loses_nothing_that_it_was_told_is_safe(tmp_path):
    """SIGKILL at three moments: every event that `append` returned for is there, in order, without gaps."""
    first = 0
    for said in (3, 20, 57):
        command = [sys.executable, "-c", WRITER, str(tmp_path), str(first)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            for _ in range(said):
                last = int(process.stdout.readline())
            os.kill(process.pid, signal.SIGKILL)
        steps = [told.step for told in Spool(tmp_path).events()]
        assert steps == list(range(len(steps)))
        assert len(steps) > last
        first = len(steps)


def test_one_deliverer_at_a_time(tmp_path):
    """A second one is told so, and may when the first has ended."""
    spool = Spool(tmp_path)
    with spool.deliverer() as first:
        assert first
        with Spool(tmp_path).deliverer() as second:
            assert not second
    with spool.deliverer() as third:
        assert third


def test_pending_is_what_lies_behind_the_delivered_offset(tmp_path):
    """Nothing told: nothing pending."""
    spool = Spool(tmp_path)
    assert not spool.pending
    spool.append(event(1))
    assert spool.pending
    spool.delivered = Delivered(address="a", run_id="r", offset=spool.read(0)[-1][1])
    assert not spool.pending
    assert spool.delivered.run_id == "r"
