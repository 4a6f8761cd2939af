"""What would run, and why; computed from files alone, in a moment."""

import statistics
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from infra import config
from infra.card import read_card
from infra.stage import run_stage
from pipelines.config import Listing, PrepareRequest
from training.config import FAILURE_NAME, REQUEST_NAME, RESULT_NAME, TrialConfig, TrialRequest, TrialResult
from workflows.places import Places
from workflows.workflow import Workflow

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
class Plan:
    """What a run of a workflow would do.

    Attributes:
      workflow: its name.
      corpus: of the snapshot.
      snapshot: its folder.
      snapshot_id: of the finished snapshot, else None.
      prepare_state: of the preparation.
      prepare_why: in words.
      clips: split -> listed clips.
      source_bytes: of the listed recordings.
      trials: all of them.
    """

    workflow: str
    corpus: str
    snapshot: str
    snapshot_id: str | None
    prepare_state: State
    prepare_why: str
    clips: dict[str, int]
    source_bytes: int
    trials: tuple[PlannedTrial, ...]

    @property
    def to_run(self) -> tuple[PlannedTrial, ...]:
        """The trials that are not finished."""
        return tuple(trial for trial in self.trials if trial.state != "finished")

    @property
    def finished(self) -> bool:
        """Whether nothing is left to do."""
        return self.prepare_state == "finished" and not self.to_run


def make_plan(workflow: Workflow, *, places: Places, source: str | None) -> Plan:
    """Lists the corpus (names and sizes, no audio) and compares with what is on disk."""
    listing = run_stage("pipelines.listing", prepare_request(workflow, places=places, source=source), Listing)
    state, why = _preparation(listing)
    snapshot_id = read_card(Path(listing.snapshot)).snapshot_id if listing.finished else None
    history = _History(places)
    trials = workflow.trials(snapshot_id or "").items()
    return Plan(
        workflow=workflow.name,
        corpus=workflow.prepare.corpus,
        snapshot=listing.snapshot,
        snapshot_id=snapshot_id,
        prepare_state=state,
        prepare_why=why,
        clips=listing.clips,
        source_bytes=listing.num_bytes,
        trials=tuple(
            _planned(name, trial, trial_id if snapshot_id else "", history) for trial_id, (name, trial) in trials
        ),
    )


def prepare_request(
    workflow: Workflow,
    *,
    places: Places,
    source: str | None,
    workers: int = PrepareRequest.workers,
    max_rejected_share: float = PrepareRequest.max_rejected_share,
) -> PrepareRequest:
    """The request that both listing and preparation get."""
    return PrepareRequest(
        config=workflow.prepare,
        source=source,
        root=str(places.snapshots),
        workers=workers,
        max_rejected_share=max_rejected_share,
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
        self.results = [read_result(path) for path in sorted(places.root.glob(f"trials/*/{RESULT_NAME}"))]
        requests = sorted(places.root.glob(f"trials/*/{REQUEST_NAME}"))
        self.requests = [config.from_json(TrialRequest, path.read_text()) for path in requests]

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


def read_result(path: Path) -> TrialResult:
    """The result of a finished trial."""
    return config.from_json(TrialResult, path.read_text())


def _planned(name: str, trial: TrialConfig, trial_id: str, history: _History) -> PlannedTrial:
    state, why = _state(name, trial, trial_id, history)
    seconds = None if state == "finished" else history.seconds(trial)
    return PlannedTrial(name=name, seed=trial.seed, trial_id=trial_id, state=state, why=why, seconds=seconds)


def _state(name: str, trial: TrialConfig, trial_id: str, history: _History) -> tuple[State, str]:
    if not trial_id:
        return "waits", "for the snapshot, whose id is part of the trial's"
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
    return "changed", "changed since an earlier trial: " + (", ".join(changes) or "the snapshot")
