"""The parent's end of a process that measures."""

import json
import os
import re
import select
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal, Self

from benchmarks.task import ENVIRONMENTS, Task

ROOT = Path(__file__).parents[1]
LIMIT_SECONDS = 400.0  # for one answer


class Worker:
    """A child process with tasks of one environment; see `benchmarks.child`. A context manager.

    Whatever befalls the child, there is an answer: a failure is {"error": text}.
    """

    def __init__(self, mode: Literal["time", "memory"], tasks: Sequence[Task]) -> None:
        # -P and PYTHONPATH: else `benchmarks/frontends.py`, in its own folder, would be found as `frontends`.
        command = [sys.executable, "-P", "-m", "benchmarks.child", mode, json.dumps([asdict(task) for task in tasks])]
        quiet = {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"}
        environment = {**os.environ, **quiet, "PYTHONPATH": str(ROOT), **ENVIRONMENTS[tasks[0].engine]}
        self._errors = tempfile.TemporaryFile("w+", errors="replace")  # noqa: SIM115 (closed on exit)
        self._process = subprocess.Popen(
            command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors, bufsize=0
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()
        self._errors.close()

    def ask(self, index: int) -> dict[str, Any]:
        """Run the task of that index once."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(f"{index}\n".encode())
        except BrokenPipeError:
            return {"error": self._last_words()}
        return self.answer()

    def answer(self) -> dict[str, Any]:
        """The next line the child says."""
        assert self._process.stdout is not None
        if not select.select([self._process.stdout], [], [], LIMIT_SECONDS)[0]:
            self._process.kill()
            return {"error": f"no answer within {LIMIT_SECONDS:.0f} s"}
        line = self._process.stdout.readline()
        answer: dict[str, Any] = json.loads(line) if line else {"error": self._last_words()}
        if "error" in answer:
            answer["error"] = _in_short(answer["error"])
        return answer

    def _last_words(self) -> str:
        status = self._process.wait()
        self._errors.seek(0)
        lines = self._errors.read().strip().splitlines()
        return f"the process ended with status {status}" + (f": {lines[-1]}" if lines and status > 0 else "")


def _in_short(error: str) -> str:
    """One line without folders of this machine."""
    line = " ".join(re.sub(r"(/[\w.+-]+)+/", "", error).split())
    return line if len(line) <= 160 else line[:157] + "..."
