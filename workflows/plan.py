"""What would run, and why; computed from files alone, in a moment."""

import statistics
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar

from infra import config
from infra.card import read_card
from infra.stage import run_stage
from pipelines.config import Listing, PrepareRequest
from training.config import FAILURE_NAME, REQUEST_NAME, RESULT_NAME, TrialConfig, TrialRequest, TrialResult
from training.tasks.config import TaskSnapshot
from workflows.places import Places
from workflows.workflow import Workflow

Config = TypeVar("Config")
Sources = Mapping[str, str]  # task -> folder of its corpus; a corpus that is made on the spot has none
State = Literal["finished", "new", "changed", "unfinished", "failed", "waits"]


@dataclass(frozen=True, kw_only=True)
class PlannedTrial:
    """One trial.

    Attributes:
      name: of the front end.
      seed: of the trial.
      trial_id: empty while the snapshot's id is not known.
      state: "finished" ones do not run again; "waits" for the snapshot.
      why: in words.
      seconds: estimated from finished trials of the same front end and encoder; None: there are none.
    """

    name: str
    seed: int
    trial_id: str
    state: State
    why: str
    seconds: float | None


@dataclass(frozen=True, kw_only=True)
class PlannedSnapshot:
    """The data of one task.

    Attributes:
      task: its name.
      corpus: that is prepared.
      folder: of the snapshot.
      snapshot_id: of the finished snapshot, else None.
      state: of the preparation: "finished", "unfinished" or "new".
      why: in words.
      clips: split -> listed clips.
      source_bytes: of the listed recordings.
    """

    task: str
    corpus: str
    folder: str
    snapshot_id: str | None
    state: State
    why: str
    clips: dict[str, int]
    source_bytes: int


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a run of a workflow would do.

    Attributes:
      workflow: its name.
      snapshots: of its tasks, in their order.
      trials: all of them.
    """

    workflow: str
    snapshots: tuple[PlannedSnapshot, ...]
    trials: tuple[PlannedTrial, ...]

    @property
    def prepared(self) -> bool:
        """Whether every snapshot is finished."""
        return all(snapshot.state == "finished" for snapshot in self.snapshots)

    @property
    def task_snapshots(self) -> tuple[TaskSnapshot, ...]:
        """The snapshots of a plan whose snapshots are finished."""
        return tuple(
            TaskSnapshot(task=snapshot.task, folder=snapshot.folder, snapshot_id=snapshot.snapshot_id)
            for snapshot in self.snapshots
            if snapshot.snapshot_id is not None
        )

    @property
    def to_run(self) -> tuple[PlannedTrial, ...]:
        """The trials that are not finished."""
        return tuple(trial for trial in self.trials if trial.state != "finished")

    @property
    def finished(self) -> bool:
        """Whether nothing is left to do."""
        return self.prepared and not self.to_run


def make_plan(workflow: Workflow, *, places: Places, sources: Sources) -> Plan:
    """Lists the corpora (names and sizes, no audio) and compares with what is on disk."""
    requests = prepare_requests(workflow, places=places, sources=sources)
    with ThreadPoolExecutor(len(requests)) as pool:
        listings = list(pool.map(lambda request: run_stage("pipelines.listing", request, Listing), requests.values()))
    snapshots = tuple(
        _planned_snapshot(task, request.config.corpus, listing)
        for (task, request), listing in zip(requests.items(), listings, strict=True)
    )
    ids = [snapshot.snapshot_id or "" for snapshot in snapshots]
    history = _History(places)
    return Plan(
        workflow=workflow.name,
        snapshots=snapshots,
        trials=tuple(
            _planned(name, trial, trial_id if all(ids) else "", history)
            for trial_id, (name, trial) in workflow.trials(*ids).items()
        ),
    )


def prepare_requests(
    workflow: Workflow,
    *,
    places: Places,
    sources: Sources,
    workers: int = PrepareRequest.workers,
    max_rejected_share: float = PrepareRequest.max_rejected_share,
) -> dict[str, PrepareRequest]:
    """Task -> the request that both listing and preparation of its corpus get."""
    return {
        task: PrepareRequest(
            config=prepare,
            source=sources.get(task),
            root=str(places.snapshots),
            workers=workers,
            max_rejected_share=max_rejected_share,
        )
        for task, prepare in workflow.preparations.items()
    }


def _planned_snapshot(task: str, corpus: str, listing: Listing) -> PlannedSnapshot:
    state, why = _preparation(listing)
    return PlannedSnapshot(
        task=task,
        corpus=corpus,
        folder=listing.snapshot,
        snapshot_id=read_card(Path(listing.snapshot)).snapshot_id if listing.finished else None,
        state=state,
        why=why,
        clips=listing.clips,
        source_bytes=listing.num_bytes,
    )


def _preparation(listing: Listing) -> tuple[State, str]:
    if listing.finished:
        return "finished", "the snapshot has its card"
    if listing.shards_done:
        return "unfinished", f"{listing.shards_done} of {listing.num_shards} shards are on disk"
    return "new", "no snapshot of this config and these files"


class _History:
    """The trials below a root, read once."""

    def __init__(self, places: Places) -> None:
        self.places = places
        self.results = _readable(TrialResult, sorted(places.root.glob(f"trials/*/{RESULT_NAME}")))
        self.requests = _readable(TrialRequest, sorted(places.root.glob(f"trials/*/{REQUEST_NAME}")))

    def seconds(self, trial: TrialConfig) -> float | None:
        """Median of the finished trials of this front end and encoder, in proportion to the epochs."""
        alike = [
            result.train_seconds / result.config.train.epochs
            for result in self.results
            if (result.config.frontend.kind, result.config.train.encoder) == (trial.frontend.kind, trial.train.encoder)
        ]
        return statistics.median(alike) * trial.train.epochs if alike else None

    def changes(self, name: str, trial: TrialConfig) -> list[str] | None:
        """Fields in which the nearest earlier trial of this name and seed differs; None: there is none."""
        present = config.to_dict(trial)
        earlier = [
            config.changed_fields(config.to_dict(request.config), present)
            for request in self.requests
            if request.name == name and request.config.seed == trial.seed
        ]
        return min(earlier, key=len, default=None)


def _readable(config_type: type[Config], paths: list[Path]) -> list[Config]:
    """What the files hold, without those of another version of leafworks, which has other configs."""
    found = []
    for path in paths:
        with suppress(ValueError):
            found.append(config.from_json(config_type, path.read_text()))
    return found


def read_result(path: Path) -> TrialResult:
    """The result of a finished trial."""
    return config.from_json(TrialResult, path.read_text())


def _planned(name: str, trial: TrialConfig, trial_id: str, history: _History) -> PlannedTrial:
    state, why = _state(name, trial, trial_id, history)
    seconds = None if state == "finished" else history.seconds(trial)
    return PlannedTrial(name=name, seed=trial.seed, trial_id=trial_id, state=state, why=why, seconds=seconds)


def _state(name: str, trial: TrialConfig, trial_id: str, history: _History) -> tuple[State, str]:
    if not trial_id:
        return "waits", "for the snapshots, whose ids are part of the trial's"
    folder = history.places.trial(trial_id)
    if (folder / RESULT_NAME).is_file():
        return "finished", "its result is on disk"
    if (folder / FAILURE_NAME).is_file():
        return "failed", "last time: " + (folder / FAILURE_NAME).read_text().strip().splitlines()[-1]
    if (folder / REQUEST_NAME).is_file():
        return "unfinished", "it was started and goes on from its last checkpoint"
    changes = history.changes(name, trial)
    if changes is None:
        return "new", "no trial of this front end and seed"
    return "changed", "changed since an earlier trial: " + (", ".join(changes) or "a snapshot")
