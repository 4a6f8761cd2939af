"""What would run, and why; computed from files alone, in a moment."""

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from infra.card import read_card
from infra.stage import run_stage
from pipelines.config import Listing, PrepareConfig, PrepareRequest
from training.cluster.config import ClusterConfig
from training.config import FAILURE_NAME, REQUEST_NAME, RESULT_NAME, TrialConfig
from training.tasks.config import TaskSnapshot
from workflows.history import History
from workflows.matrix import Experiment, Part, parts_of
from workflows.places import Places

Sources = Mapping[str, str]  # task -> folder of its corpus; a corpus that is made on the spot has none
State = Literal["finished", "new", "changed", "unfinished", "failed", "waits", "missing"]
_AT_ONCE = 4


@dataclass(frozen=True, kw_only=True)
class PlannedTrial:
    """One trial.

    Attributes:
      part: task, fold and setting, where the experiment has several; else empty.
      name: of the front end.
      seed: of the trial.
      trial_id: empty while the snapshot's id is not known.
      state: "finished" ones do not run again; "waits" for the snapshot.
      why: in words.
      seconds: estimated from finished trials (`History.seconds`); None: there are none like it, or it is finished.
      gpu_hours: likewise, of all its workers.
    """

    part: str
    name: str
    seed: int
    trial_id: str
    state: State
    why: str
    seconds: float | None
    gpu_hours: float | None


@dataclass(frozen=True, kw_only=True)
class PlannedSnapshot:
    """The data of one task.

    Attributes:
      task: its name.
      corpus: that is prepared.
      folder: of the snapshot; empty where the recordings are missing.
      snapshot_id: of the finished snapshot, else None.
      data_id: of the finished snapshot with its splits, else None; the trials' identities are made with it.
      state: of the preparation: "finished", "unfinished", "new", or "missing": its recordings are not there.
      why: in words.
      clips: split -> listed clips.
      source_bytes: of the listed recordings.
    """

    task: str
    corpus: str
    folder: str
    snapshot_id: str | None
    data_id: str | None
    state: State
    why: str
    clips: dict[str, int]
    source_bytes: int


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a run of an experiment would do.

    Attributes:
      workflow: its name.
      snapshots: of its tasks and folds, in their order.
      trials: all of them.
      seconds: estimate of those to run, one after another; None: none of them is like a finished one.
      gpu_hours: likewise.
      without_estimate: trials to run that are like no finished one.
    """

    workflow: str
    snapshots: tuple[PlannedSnapshot, ...]
    trials: tuple[PlannedTrial, ...]
    seconds: float | None
    gpu_hours: float | None
    without_estimate: int

    @property
    def prepared(self) -> bool:
        """Whether every snapshot is finished, of those whose recordings are there."""
        return all(snapshot.state in ("finished", "missing") for snapshot in self.snapshots)

    @property
    def missing(self) -> dict[str, str]:
        """Task without recordings -> what to get."""
        return {snapshot.task: snapshot.why for snapshot in self.snapshots if snapshot.state == "missing"}

    @property
    def to_run(self) -> tuple[PlannedTrial, ...]:
        """The trials that are not finished."""
        return tuple(trial for trial in self.trials if trial.state != "finished")

    @property
    def finished(self) -> bool:
        """Whether nothing is left to do."""
        return self.prepared and not self.to_run


@dataclass(frozen=True)
class ReadyPart:
    """A part whose snapshots are finished: they and their trials, by trial id."""

    part: Part
    snapshots: tuple[TaskSnapshot, ...]
    trials: Mapping[str, tuple[str, TrialConfig]]


Preparations = dict[tuple[str, PrepareConfig], PlannedSnapshot]


def make_plan(experiment: Experiment, *, places: Places, sources: Sources) -> Plan:
    """Lists the corpora (names and sizes, no audio) and compares with what is on disk.

    Raises:
      ValueError: the recordings of no task are there.
    """
    return plan_of(experiment, list_snapshots(experiment, places=places, sources=sources), places)


def plan_of(experiment: Experiment, snapshots: Preparations, places: Places) -> Plan:
    """The plan, once the corpora are listed."""
    history = History(places)
    trials = [trial for part in parts_of(experiment) for trial in _planned_part(part, snapshots, history)]
    to_run = [trial for trial in trials if trial.state != "finished"]
    seconds = [trial.seconds for trial in to_run if trial.seconds is not None]
    hours = [trial.gpu_hours for trial in to_run if trial.gpu_hours is not None]
    return Plan(
        workflow=experiment.name,
        snapshots=tuple(snapshots.values()),
        trials=tuple(trials),
        seconds=sum(seconds) if seconds else None,
        gpu_hours=sum(hours) if hours else None,
        without_estimate=len(to_run) - len(seconds),
    )


def ready_parts(experiment: Experiment, snapshots: Preparations) -> Iterable[ReadyPart]:
    """The parts whose snapshots are finished, with what their trials need."""
    for part in parts_of(experiment):
        mine = [snapshots[item] for item in part.workflow.preparations.items()]
        if all(snapshot.state == "finished" for snapshot in mine):
            found = tuple(
                TaskSnapshot(task=snapshot.task, folder=snapshot.folder, snapshot_id=snapshot.snapshot_id or "")
                for snapshot in mine
            )
            trials = part.workflow.trials(*(snapshot.data_id or "" for snapshot in mine))
            yield ReadyPart(part=part, snapshots=found, trials=trials)


def prepare_requests(
    experiment: Experiment,
    *,
    places: Places,
    sources: Sources,
    workers: int = PrepareRequest.workers,
    max_rejected_share: float = PrepareRequest.max_rejected_share,
) -> dict[tuple[str, PrepareConfig], PrepareRequest]:
    """Task and its config -> the request that both listing and preparation of its corpus get; each of them once."""
    return {
        (task, prepare): PrepareRequest(
            config=prepare,
            source=sources.get(task),
            root=str(places.snapshots),
            workers=workers,
            max_rejected_share=max_rejected_share,
        )
        for part in parts_of(experiment)
        for task, prepare in part.workflow.preparations.items()
    }


def list_snapshots(experiment: Experiment, *, places: Places, sources: Sources) -> Preparations:
    """What is on disk of every task's data.

    Raises:
      ValueError: the recordings of no task are there.
    """
    requests = prepare_requests(experiment, places=places, sources=sources)
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        answers = list(pool.map(_listing, requests.values()))
    refusals = [answer for answer in answers if isinstance(answer, ValueError)]
    if len(refusals) == len(answers):
        raise ValueError("\n".join(dict.fromkeys(str(refusal) for refusal in refusals))) from refusals[0]
    return {
        key: _planned_snapshot(key[0], request, answer)
        for (key, request), answer in zip(requests.items(), answers, strict=True)
    }


def _listing(request: PrepareRequest) -> Listing | ValueError:
    try:
        return run_stage("pipelines.listing", request, Listing)
    except ValueError as error:
        return error


def _planned_snapshot(task: str, request: PrepareRequest, answer: Listing | ValueError) -> PlannedSnapshot:
    corpus = request.config.corpus
    if isinstance(answer, ValueError):
        fetch = f"`leafworks fetch {corpus} --to DIR` gets them or says how; then `--source {task}=DIR`."
        return PlannedSnapshot(
            task=task,
            corpus=corpus,
            folder="",
            snapshot_id=None,
            data_id=None,
            state="missing",
            why=f"no recordings of {corpus}. {fetch} The reason: {answer}",
            clips={},
            source_bytes=0,
        )
    state, why = _preparation(answer)
    card = read_card(Path(answer.snapshot)) if answer.finished else None
    return PlannedSnapshot(
        task=task,
        corpus=corpus,
        folder=answer.snapshot,
        snapshot_id=card.snapshot_id if card else None,
        data_id=card.data_id if card else None,
        state=state,
        why=why,
        clips=answer.clips,
        source_bytes=answer.num_bytes,
    )


def _preparation(listing: Listing) -> tuple[State, str]:
    if listing.finished:
        return "finished", "the snapshot has its card"
    if listing.shards_done:
        return "unfinished", f"{listing.shards_done} of {listing.num_shards} shards are on disk"
    return "new", "no snapshot of this config and these files"


def _planned_part(part: Part, snapshots: Preparations, history: History) -> Iterable[PlannedTrial]:
    ids = [snapshots[item].data_id or "" for item in part.workflow.preparations.items()]
    for trial_id, (name, trial) in part.workflow.trials(*ids).items():
        state, why = _state(name, trial, trial_id if all(ids) else "", history)
        seconds = None if state == "finished" else history.seconds(trial)
        yield PlannedTrial(
            part=part.label,
            name=name,
            seed=trial.seed,
            trial_id=trial_id if all(ids) else "",
            state=state,
            why=why,
            seconds=seconds,
            gpu_hours=None if seconds is None else seconds / 3600 * _gpus(part.workflow.cluster),
        )


def _gpus(cluster: ClusterConfig) -> float:
    return cluster.workers_per_trial * cluster.gpus_per_worker


def _state(name: str, trial: TrialConfig, trial_id: str, history: History) -> tuple[State, str]:
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
