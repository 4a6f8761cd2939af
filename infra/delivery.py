"""Delivers what trials told to the tracker, beside the training: in order, once each, whenever the tracker is there."""

import dataclasses
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from infra.mlflow_store import FAILED, FINISHED, RUNNING, MlflowStore, RefusedError, UnreachableError
from infra.spool import Delivered, Event, Spool

_POLL_SECONDS = 0.5
_FIRST_WAIT_SECONDS, _LONGEST_WAIT_SECONDS = 1.0, 15.0
_PATIENCE_SECONDS = 10.0
# MLflow's own limit of a request is 30 s (`infra.environment`), and it tries twice.
_LONGEST_CALL_SECONDS = 90.0
_WRITTEN = ("params", "tags", "metrics")


class Delivery:
    """The events of some trials on their way to the tracker; see `delivering`."""

    def __init__(self, store: MlflowStore, *, on_line: Callable[[str], None]) -> None:
        self._store, self._on_line = store, on_line
        self._spools: dict[Path, Spool] = {}
        self._checked: set[Path] = set()
        self._told_away = False
        self._finishing, self._given_up = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._moved = time.monotonic()

    def follow(self, trial_folder: Path) -> None:
        """Delivers the events of this trial too, those that are there and those to come."""
        self._spools[trial_folder] = Spool(trial_folder)

    def start(self) -> None:
        """Begins to deliver."""
        self._thread.start()

    def finish(self, *, patience_seconds: float) -> int:
        """Delivers the rest, if the tracker is there; returns how many trials have undelivered events then."""
        self._moved = time.monotonic()
        self._finishing.set()
        # A call that hangs may outlast this: its thread ends with the process, and what it did not confirm is repeated.
        while self._thread.is_alive() and time.monotonic() - self._moved < (
            patience_seconds if self._told_away else _LONGEST_CALL_SECONDS
        ):
            self._thread.join(0.1)
        self._given_up.set()
        left = sum(spool.pending for spool in self._spools.values())
        if left:
            self._on_line(
                f"MLflow at {self._store.address} does not have everything yet: what {left} trials told is kept in "
                "their folders. `leafworks sync` delivers it, and so does the next `leafworks run`."
            )
        return left

    def _work(self) -> None:
        wait = _FIRST_WAIT_SECONDS
        while not self._given_up.is_set():
            finishing = self._finishing.is_set()  # before the last look: nothing is told after it
            try:
                self._deliver_all(finishing=finishing)
            except UnreachableError as error:
                self._away(error)
                # The end of the training is a reason to try again at once, once.
                wait = _FIRST_WAIT_SECONDS if self._pause(wait) else min(2 * wait, _LONGEST_WAIT_SECONDS)
                continue
            wait = _FIRST_WAIT_SECONDS
            if finishing:
                return
            self._pause(_POLL_SECONDS)

    def _pause(self, seconds: float) -> bool:
        """Waits; True: the end came meanwhile."""
        if self._finishing.is_set():
            time.sleep(min(seconds, _FIRST_WAIT_SECONDS))
            return False
        return self._finishing.wait(seconds)

    def _deliver_all(self, *, finishing: bool) -> None:
        workflows: dict[str, str] = {}
        spools = list(self._spools.items())  # trials are added meanwhile
        for folder, spool in spools:
            if spool.pending:
                with spool.deliverer() as mine:
                    if mine:
                        self._deliver(folder, spool)
        if finishing:
            for workflow, failed in (outcome(spool) for _, spool in spools):
                workflows[workflow] = FAILED if failed else workflows.get(workflow, FINISHED)
        for workflow, status in workflows.items():
            self._store.end_workflow(workflow, status)

    def _deliver(self, folder: Path, spool: Spool) -> None:
        state = self._state(folder, spool)
        while some := spool.read(state.offset):
            for events, offset in _together(some):
                refused = self._apply(state.run_id, events, spool.trial_folder)
                state = dataclasses.replace(state, offset=offset, refused=(*state.refused, *refused))
                spool.delivered = state
                self._back()

    def _state(self, folder: Path, spool: Spool) -> Delivered:
        """How far the spool is delivered to this tracker; from its beginning where the run is not there (any more)."""
        state = spool.delivered
        if state.address != self._store.address:
            state = Delivered()
        if state.run_id and folder not in self._checked and not self._store.is_there(state.run_id):
            state = Delivered()
        if not state.run_id:
            run_id = self._store.run_of(spool.read(0, most=1)[0][0])
            state = Delivered(address=self._store.address, run_id=run_id)
            spool.delivered = state
        self._checked.add(folder)
        return state

    def _apply(self, run_id: str, events: list[Event], folder: Path) -> list[str]:
        """Delivers events; returns what was refused, and why. Of a batch that is refused, the rest is not lost."""
        try:
            self._send(run_id, events, folder)
        except RefusedError as error:
            if len(events) > 1:
                return [reason for event in events for reason in self._apply(run_id, [event], folder)]
            names = ", ".join(map(str, events[0].values))
            self._on_line(f"MLflow at {self._store.address} refuses {events[0].kind} ({names}): {error}")
            return [f"{events[0].kind} ({names}): {error}"]
        return []

    def _send(self, run_id: str, events: list[Event], folder: Path) -> None:
        event = events[0]
        if event.kind in _WRITTEN:
            self._store.write(run_id, events)
        elif event.kind == "begin":
            self._store.set_status(run_id, RUNNING)
        elif event.kind == "end":
            self._store.set_status(run_id, event.values["status"])
        elif event.kind == "artifact":
            self._store.artifact(run_id, folder / event.values["path"], folder=event.values["folder"])
        else:
            path = Path(event.values["path"])
            self._store.artifact(run_id, folder / path, folder=path.name)
            self._store.register(run_id, path.name, name=event.values["name"])

    def _away(self, error: UnreachableError) -> None:
        # What is there when it comes back may be another database.
        self._checked.clear()
        self._store.forget()
        if not self._told_away:
            self._told_away = True
            self._on_line(
                f"MLflow at {self._store.address} cannot be reached ({error}). Training goes on; what it tells is kept "
                "in the trials' folders and delivered when MLflow is back."
            )

    def _back(self) -> None:
        self._moved = time.monotonic()
        if self._told_away:
            self._told_away = False
            self._on_line(f"MLflow at {self._store.address} is back; what was kept is being delivered.")


@contextmanager
def delivering(
    tracking_uri: str | None,
    *,
    artifact_root: str | None,
    on_line: Callable[[str], None],
    patience_seconds: float = _PATIENCE_SECONDS,
) -> Iterator[Delivery]:
    """A delivery that works in a thread of its own while the block runs, and to its end when it ends.

    Args:
      tracking_uri: of MLflow; None: everything stays in the files.
      artifact_root: folder for artifacts where the tracking store is a local file, else None.
      on_line: told once that MLflow is away, once that it is back, and what it refuses.
      patience_seconds: how long the end of the block waits for a tracker that cannot be reached.
    """
    store = MlflowStore(tracking_uri or "", artifact_root=Path(artifact_root) if artifact_root else None)
    delivery = Delivery(store, on_line=on_line)
    if tracking_uri is None:
        yield delivery
        return
    delivery.start()
    try:
        yield delivery
    finally:
        delivery.finish(patience_seconds=patience_seconds)


def pending_trials(trials: Path) -> list[Path]:
    """The folders of trials below `trials` that have undelivered events, sorted."""
    return [folder for folder in sorted(trials.glob("*/")) if Spool(folder).pending]


def _together(some: Iterable[tuple[Event, int]]) -> Iterator[tuple[list[Event], int]]:
    """Neighbouring events that go in one request, with the offset behind the last of them."""
    events: list[Event] = []
    behind = 0
    for event, offset in some:
        if events and (event.kind not in _WRITTEN or events[0].kind not in _WRITTEN):
            yield events, behind
            events = []
        events.append(event)
        behind = offset
    if events:
        yield events, behind


def outcome(spool: Spool) -> tuple[str, bool]:
    """The workflow of a trial, and whether its last attempt failed."""
    events = spool.events()
    ends = [event.values.get("status") for event in events if event.kind in ("begin", "end")]
    return str(events[0].values["workflow"]), ends[-1] == FAILED
