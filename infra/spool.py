"""What a trial has to tell the tracker, in files of its folder: durable at once, delivered whenever it can be.

The worker that trains appends events and never waits for a tracker; the process that started it delivers them
(`infra.delivery`). Both may be killed at any moment: an event is a whole line or none, and how far they are delivered
is a file of its own.
"""

import contextlib
import dataclasses
import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from infra.files import write_atomically

TRACKING_FOLDER = "tracking"
_EVENTS_NAME, _STATE_NAME, _LOCK_NAME = "events.jsonl", "delivered.json", "lock"

Kind = Literal["begin", "params", "tags", "metrics", "artifact", "model", "end"]


@dataclass(frozen=True, kw_only=True)
class Event:
    """One thing told.

    Attributes:
      kind: "begin": workflow, trial, name of an attempt; "params", "tags", "metrics": names and values; "artifact":
        path in the trial's folder, and the folder among the artifacts; "model": path, and the name that it is
        registered under; "end": status.
      values: see `kind`.
      step: of metrics.
      time_ms: when it was told, milliseconds since 1970; a second delivery has the same.
    """

    kind: Kind
    values: Mapping[str, Any]
    step: int = 0
    time_ms: int = 0


@dataclass(frozen=True, kw_only=True)
class Delivered:
    """How far the events of a trial are with the tracker.

    Attributes:
      address: of the tracker, without secrets.
      run_id: of the trial's run there; empty: there is none yet.
      offset: bytes of the events file that are delivered.
      refused: what the tracker would not take, and why.
    """

    address: str = ""
    run_id: str = ""
    offset: int = 0
    refused: tuple[str, ...] = field(default=())


class Spool:
    """The events of one trial, below `<its folder>/tracking/`."""

    def __init__(self, trial_folder: Path) -> None:
        self.trial_folder = trial_folder
        self._folder = trial_folder / TRACKING_FOLDER

    def append(self, event: Event) -> None:
        """Writes an event; when this returns, it outlasts a power cut."""
        self._folder.mkdir(parents=True, exist_ok=True)
        line = json.dumps(dataclasses.asdict(event), sort_keys=True) + "\n"
        with self._events.open("ab") as stream:
            _cut_torn_line(stream.fileno(), self._events)
            stream.write(line.encode())
            stream.flush()
            os.fsync(stream.fileno())

    def read(self, offset: int, *, most: int = 200) -> list[tuple[Event, int]]:
        """Up to `most` events from byte `offset` on, each with the offset behind it; no unfinished line."""
        found: list[tuple[Event, int]] = []
        if not self._events.is_file():
            return found
        with self._events.open("rb") as stream:
            stream.seek(offset)
            for line in stream:
                if not line.endswith(b"\n") or len(found) == most:
                    break
                offset += len(line)
                found.append((Event(**json.loads(line)), offset))
        return found

    def events(self) -> list[Event]:
        """All of them."""
        return [event for event, _ in self.read(0, most=-1)]

    @property
    def delivered(self) -> Delivered:
        """How far they are delivered."""
        path = self._folder / _STATE_NAME
        if not path.is_file():
            return Delivered()
        values = json.loads(path.read_text())
        return Delivered(**{**values, "refused": tuple(values["refused"])})

    @delivered.setter
    def delivered(self, state: Delivered) -> None:
        write_atomically(self._folder / _STATE_NAME, json.dumps(dataclasses.asdict(state), indent=2) + "\n")

    @property
    def pending(self) -> bool:
        """Whether there are events that are not delivered."""
        return self._events.is_file() and self._events.stat().st_size > self.delivered.offset

    @contextlib.contextmanager
    def deliverer(self) -> Iterator[bool]:
        """True while the block has the sole right to deliver these events; False: another process has it."""
        self._folder.mkdir(parents=True, exist_ok=True)
        with (self._folder / _LOCK_NAME).open("ab") as stream:
            try:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
                return
            yield True

    @property
    def _events(self) -> Path:
        return self._folder / _EVENTS_NAME


def _cut_torn_line(descriptor: int, path: Path) -> None:
    """Removes the end of a line that a killed writer left; nobody has read it, because it has no end."""
    size = os.fstat(descriptor).st_size
    if not size:
        return
    with path.open("rb") as stream:
        stream.seek(-1, os.SEEK_END)
        if stream.read() == b"\n":
            return
        stream.seek(0)
        os.ftruncate(descriptor, stream.read().rfind(b"\n") + 1)
