"""A stage is a child interpreter: `python -m MODULE request.json result.json`.

`tfrecord` and TensorFlow cannot live in one process, and the workflow process must stay light, so every
stage runs in a process of its own. The request and the result are configs (`infra.config`) in files; what
the child prints is its log, streamed line by line; progress travels in the same stream behind a mark.
"""

import collections
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from infra import config
from infra.environment import stage_environment
from infra.files import write_atomically

Request = TypeVar("Request")
Result = TypeVar("Result")

_PROGRESS_MARK = "@progress "
_CHILD_MARK = "LEAFWORKS_STAGE"
_TAIL_LINES = 30
_USER_ERROR, _FAILURE = 2, 1
_GRACE_SECONDS = 45.0  # for 30 s in which trials stop, and the end of their cluster


class StageError(RuntimeError):
    """A stage ended without a result; the text says which, how, and its last words."""


def run_stage(
    module: str,
    request: Any,
    result_type: type[Result],
    *,
    on_line: Callable[[str], None] = lambda line: print(line, file=sys.stderr),
    on_progress: Callable[[int, int, str], None] = lambda done, total, unit: None,
) -> Result:
    """Runs `module` in a child interpreter and returns its result.

    Args:
      module: e.g. "pipelines.prepare"; it ends in `serve(...)` under `__main__`.
      request: a config.
      result_type: the config type of the answer.
      on_line: called with every line of the child's log.
      on_progress: called with (done, total, unit).

    Raises:
      ValueError: the child refused the request; the text is the child's.
      StageError: it died or failed; the text ends with the last lines of its log.
    """
    with tempfile.TemporaryDirectory(prefix="leafworks-") as folder:
        request_path, result_path = Path(folder, "request.json"), Path(folder, "result.json")
        write_atomically(request_path, config.to_json(request))
        # -P: a file of the user's in the current folder must not stand in for a module.
        command = [sys.executable, "-P", "-m", module, str(request_path), str(result_path)]
        tail: collections.deque[str] = collections.deque(maxlen=_TAIL_LINES)
        code = _stream(command, on_line, on_progress, tail)
        answer = json.loads(result_path.read_text()) if result_path.is_file() else {}
        if code == 0 and "result" in answer:
            return config.from_dict(result_type, answer["result"])
        if "refused" in answer:
            raise ValueError(answer["refused"])
        how = f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
        raise StageError(f"The stage `{module}` {how}. Its last lines:\n" + "\n".join(tail))


def serve(request_type: type[Request], work: Callable[[Request], Any]) -> None:
    """The main function of a stage: reads the request, works, writes the result, exits.

    A `ValueError` is an answer for the user (exit code 2); anything else keeps its traceback (1). The
    child ends at once when its parent has gone, however the parent ended.
    """
    if not 2 <= len(sys.argv) <= 3:
        raise SystemExit(f"usage: python -m {Path(sys.argv[0]).stem} request.json [result.json]")
    if os.environ.get(_CHILD_MARK):
        threading.Thread(target=_exit_with_parent, daemon=True).start()
    answer: dict[str, Any]
    try:
        answer = {"result": config.to_dict(work(config.from_json(request_type, Path(sys.argv[1]).read_text())))}
    except ValueError as error:
        answer = {"refused": str(error)}
        if not os.environ.get(_CHILD_MARK):  # the parent says it where there is one
            print(f"error: {error}", file=sys.stderr, flush=True)
    text = json.dumps(answer, indent=2, sort_keys=True)
    if len(sys.argv) == 3:
        write_atomically(Path(sys.argv[2]), text)
    else:
        print(text)
    sys.stdout.flush()
    sys.exit(_USER_ERROR if "refused" in answer else 0)


def report_progress(done: int, total: int, unit: str) -> None:
    """Tells the parent how far this stage is; a line of plain text where there is no parent."""
    with contextlib.suppress(BrokenPipeError):  # whoever read it has gone; raised in a worker, Beam would wait for ever
        if os.environ.get(_CHILD_MARK):
            print(_PROGRESS_MARK + json.dumps([done, total, unit]), flush=True)
        else:
            print(f"{done} of {total} {unit}", file=sys.stderr, flush=True)


def _stream(
    command: list[str],
    on_line: Callable[[str], None],
    on_progress: Callable[[int, int, str], None],
    tail: collections.deque[str],
) -> int:
    environment = {**stage_environment(), _CHILD_MARK: "1"}
    with subprocess.Popen(
        command,
        env=environment,
        stdin=subprocess.PIPE,  # never written: its end tells the child that the parent has gone
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        errors="backslashreplace",
    ) as child:
        assert child.stdout is not None
        try:
            for line in child.stdout:
                if line.startswith(_PROGRESS_MARK):
                    done, total, unit = json.loads(line.removeprefix(_PROGRESS_MARK))
                    on_progress(done, total, unit)
                else:
                    tail.append(line.rstrip())
                    on_line(line.rstrip())
        except BaseException:
            _end(child, on_line)
            raise
        return child.wait()


def _end(child: subprocess.Popen[str], on_line: Callable[[str], None]) -> None:
    """Ends a child whose stage was interrupted: a training needs a while to write its checkpoint."""
    child.terminate()
    deadline = threading.Timer(_GRACE_SECONDS, child.kill)
    deadline.start()
    try:
        for line in child.stdout or ():  # or it would block with a full pipe
            if not line.startswith(_PROGRESS_MARK):
                on_line(line.rstrip())
    except BaseException:
        child.kill()
        raise
    finally:
        deadline.cancel()


def _exit_with_parent() -> None:
    """Blocks until standard input ends, which happens when the parent exits or is killed."""
    while os.read(0, 1):  # not sys.stdin: its lock would be held when the interpreter shuts down
        pass
    os._exit(_FAILURE)
