"""What a training uses, on a clock of the test's own."""

import pytest

from training import resources
from training.resources import Meter, visible_gpus


class Clock:
    """Seconds that pass when the test says so, and processor seconds, twice as many."""

    def __init__(self):
        self.now = 100.0

    def monotonic(self):
        return self.now

    def cpu_seconds(self):
        return 2.0 * self.now


@pytest.fixture
def clock(monkeypatch):
    """Instead of the machine's."""
    clock = Clock()
    monkeypatch.setattr(resources.time, "monotonic", clock.monotonic)
    monkeypatch.setattr(resources, "_cpu_seconds", clock.cpu_seconds)
    return clock


def steps(meter, clock, *, count, wait, work):
    """So many steps, of which each waits and works so many seconds."""

    def batches():
        for number in range(count):
            clock.now += wait
            yield number

    for _ in meter.timed(batches()):
        clock.now += work


def test_waiting_is_told_from_working(clock):
    """Ten steps that wait 10 ms and work 40; and what is read is not read again."""
    meter = Meter()
    steps(meter, clock, count=10, wait=0.01, work=0.04)
    found = meter.read(batch_size=16)
    assert found["time.input_wait_ms"] == pytest.approx(10.0)
    assert found["time.step_ms"] == pytest.approx(40.0)
    assert found["time.input_wait_share"] == pytest.approx(0.2)
    assert found["time.examples_per_second"] == pytest.approx(320.0)
    assert found["cpu.cores_used"] == pytest.approx(2.0)
    steps(meter, clock, count=1, wait=0.0, work=1.0)
    assert meter.read(batch_size=16)["time.examples_per_second"] == pytest.approx(16.0)


def test_energy_is_what_the_formula_says(clock, monkeypatch):
    """An hour of two processors and 4 GB, on two workers."""
    process = type("Process", (), {"memory_info": lambda self: type("Memory", (), {"rss": 4e9})()})
    monkeypatch.setattr(resources.psutil, "Process", process)
    meter = Meter(workers=2)
    clock.now += 3600.0
    assert meter.read(batch_size=1)["energy.kwh_estimate"] == pytest.approx(2 * (2 * 12.0 + 4 * 0.3725) / 1000.0)


def test_no_step_at_all_is_no_error(clock):
    """As where a resumed run finds everything done."""
    found = Meter().read(batch_size=16)
    assert found["time.examples_per_second"] == 0.0
    assert found["memory.peak_gb"] > 0.01


@pytest.mark.parametrize(("value", "ids"), [("0,1", "0,1"), ("-1", ""), ("", ""), (None, "")])
def test_only_gpus_that_may_be_used_are_read(value, ids, monkeypatch):
    """Those that the environment names."""
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if value is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", value)
    assert visible_gpus() == ids
