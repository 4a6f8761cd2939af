"""Stages: results, refusals, deaths, and the end of the parent."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from infra.stage import StageError, run_stage

STAGE = """
import os, signal
from dataclasses import dataclass
from infra.stage import serve, report_progress

@dataclass(frozen=True)
class Ask:
    what: str

@dataclass(frozen=True)
class Answer:
    text: str

def work(ask):
    print("log line of", ask.what)
    if ask.what == "refuse": raise ValueError("rule X. Received: 3")
    if ask.what == "fail": raise KeyError("lost")
    if ask.what == "die": os.kill(os.getpid(), signal.SIGKILL)
    if ask.what == "wait":
        print(os.getpid(), flush=True)
        signal.pause()
    if ask.what == "save":
        signal.signal(signal.SIGTERM, lambda number, frame: print("saved", flush=True))
        print("ready", flush=True)
        signal.pause()
    report_progress(1, 2, "things")
    return Answer(text=ask.what.upper())

if __name__ == "__main__":
    serve(Ask, work)
"""


@dataclass(frozen=True)
class Ask:
    """A request."""

    what: str


@dataclass(frozen=True)
class Answer:
    """A result."""

    text: str


@pytest.fixture
def stage(tmp_path, monkeypatch):
    """A module that stages can be started from."""
    Path(tmp_path, "toy_stage.py").write_text(STAGE)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return "toy_stage"


def test_result_log_and_progress(stage):
    """The three things that come back."""
    lines, steps = [], []
    answer = run_stage(stage, Ask("hello"), Answer, on_line=lines.append, on_progress=lambda *step: steps.append(step))
    assert answer == Answer("HELLO")
    assert lines == ["log line of hello"]
    assert steps == [(1, 2, "things")]


def test_refusal_is_a_value_error_in_the_stage_s_words(stage):
    """Bad input is the user's to read."""
    with pytest.raises(ValueError, match=r"^rule X. Received: 3$"):
        run_stage(stage, Ask("refuse"), Answer, on_line=lambda line: None)


@pytest.mark.parametrize(("what", "word"), [("fail", "exit code 1"), ("die", "signal 9")])
def test_death_says_how_and_the_last_lines(stage, what, word):
    """A crash is told from a refusal."""
    with pytest.raises(StageError, match=word) as caught:
        run_stage(stage, Ask(what), Answer, on_line=lambda line: None)
    assert what == "die" or "lost" in str(caught.value)


def test_an_interrupted_stage_is_asked_and_waited_for(stage):
    """Ctrl-C here is SIGTERM there; what it says before it ends is still passed on."""
    lines = []

    def on_line(line):
        lines.append(line)
        if line == "ready":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_stage(stage, Ask("save"), Answer, on_line=on_line)
    assert lines[1:] == ["ready", "saved"]


def test_a_stage_ends_with_its_parent(stage, tmp_path):
    """However the parent ends: kill -9 leaves no orphan."""
    parent = (
        "from infra.stage import run_stage; from dataclasses import make_dataclass;"
        "ask = make_dataclass('Ask', [('what', str)])('wait');"
        "run_stage('toy_stage', ask, dict, on_line=lambda line: print(line, flush=True))"
    )
    with subprocess.Popen([sys.executable, "-c", parent], stdout=subprocess.PIPE, text=True) as process:
        process.stdout.readline()
        child = psutil.Process(int(process.stdout.readline()))
        process.send_signal(signal.SIGKILL)
        process.wait()
    _, left = psutil.wait_procs([child], timeout=20)
    assert not [orphan for orphan in left if orphan.status() != psutil.STATUS_ZOMBIE], "the stage outlived its parent"


def test_a_stage_goes_on_when_nobody_reads_its_progress(stage, tmp_path):
    """By hand, as in `python -m STAGE request.json 2>&1 | head`: a worker's thread must not be stopped by a line."""
    request, result = tmp_path / "request.json", tmp_path / "result.json"
    request.write_text('{"what": "hello"}')
    reading, writing = os.pipe()
    os.close(reading)
    try:
        subprocess.run([sys.executable, "-m", stage, request, result], stderr=writing, check=False)
    finally:
        os.close(writing)
    assert json.loads(result.read_text()) == {"result": {"text": "HELLO"}}
