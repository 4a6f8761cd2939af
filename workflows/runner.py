"""Runs an experiment: prepares, trains, reports; skips what is already there."""

from collections.abc import Callable
from dataclasses import dataclass, field

from infra import config
from infra.files import write_atomically
from infra.stage import run_stage
from pipelines.config import Prepared
from training.config import Launched, LaunchRequest, TrialRequest
from training.tasks.config import TaskSnapshot
from workflows.delivery import deliver_pending
from workflows.matrix import Experiment, Matrix, parts_of
from workflows.paper import PaperTable
from workflows.places import Places
from workflows.plan import (
    Plan,
    Preparations,
    ReadyPart,
    Sources,
    list_snapshots,
    plan_of,
    prepare_requests,
    ready_parts,
)

OnLine = Callable[[str], None]
OnProgress = Callable[[int, int, str], None]


@dataclass(frozen=True, kw_only=True)
class WorkflowState:
    """What the last run of an experiment was: enough to make its report again.

    Attributes:
      workflow: its name.
      baseline: the front end that the others are compared with.
      snapshots: of its tasks and folds.
      trials: trial ids in order; some may not be finished.
      settings: trial id -> encoder and noise, where the experiment has several.
      paper: the table of LEAF's paper to print beside ours.
      planned: all trials, those that wait for recordings, too.
    """

    workflow: str
    baseline: str
    snapshots: tuple[TaskSnapshot, ...]
    trials: tuple[str, ...]
    settings: dict[str, str] = field(default_factory=dict)
    paper: PaperTable = "none"
    planned: int = 0


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a run did.

    Attributes:
      state: for the report.
      repeated_nothing: whether everything was there already.
      failed: trial in words -> reason.
      missing: task without recordings -> what to get.
    """

    state: WorkflowState
    repeated_nothing: bool
    failed: dict[str, str]
    missing: dict[str, str]


def run(
    experiment: Experiment,
    *,
    places: Places,
    sources: Sources,
    workers: int,
    max_rejected_share: float,
    on_line: OnLine,
    on_progress: OnProgress,
) -> Outcome:
    """Runs what is missing of `experiment`; a task without recordings does not stop the others.

    Raises:
      ValueError: bad input, in the words of the stage that refused it.
      StageError: a stage died.
    """
    snapshots = list_snapshots(experiment, places=places, sources=sources)
    plan = plan_of(experiment, snapshots, places)
    if not plan.prepared:
        requests = prepare_requests(
            experiment, places=places, sources=sources, workers=workers, max_rejected_share=max_rejected_share
        )
        for key, snapshot in snapshots.items():
            if snapshot.state not in ("finished", "missing"):
                run_stage("pipelines.prepare", requests[key], Prepared, on_line=on_line, on_progress=on_progress)
        snapshots = list_snapshots(experiment, places=places, sources=sources)
        plan = plan_of(experiment, snapshots, places)
    for why in plan.missing.values():
        on_line(f"left out: {why}")
    state = _remember(experiment, plan, snapshots, places)
    failed = _train(experiment, plan, snapshots, places, on_line=on_line, on_progress=on_progress)
    return Outcome(
        state=state,
        repeated_nothing=not any(trial.trial_id for trial in plan.to_run),
        failed=failed,
        missing=plan.missing,
    )


def read_state(places: Places, name: str) -> WorkflowState:
    """What the last run of the workflow `name` was.

    Raises:
      ValueError: it never ran below this root.
    """
    path = places.state(name)
    if not path.is_file():
        known = sorted(found.stem for found in path.parent.glob("*.json"))
        raise ValueError(
            f"A report needs a workflow that has run below {places.root}. Received: {name!r}; there are {known}. "
            f"Run `leafworks run {name}` first, or give its --root."
        )
    return config.from_json(WorkflowState, path.read_text())


def _remember(experiment: Experiment, plan: Plan, snapshots: Preparations, places: Places) -> WorkflowState:
    ready = list(ready_parts(experiment, snapshots))
    state = WorkflowState(
        workflow=experiment.name,
        baseline=experiment.baseline,
        snapshots=tuple(dict.fromkeys(snapshot for part in ready for snapshot in part.snapshots)),
        trials=tuple(trial_id for part in ready for trial_id in part.trials),
        settings={trial_id: part.part.setting for part in ready for trial_id in part.trials if part.part.setting},
        paper=experiment.paper if isinstance(experiment, Matrix) else "none",
        planned=len(plan.trials),
    )
    path = places.state(experiment.name)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, config.to_json(state))
    return state


def _train(
    experiment: Experiment,
    plan: Plan,
    snapshots: Preparations,
    places: Places,
    *,
    on_line: OnLine,
    on_progress: OnProgress,
) -> dict[str, str]:
    wanted = {trial.trial_id for trial in plan.to_run}
    requests = [
        (part, _request(trial_id, part, places))
        for part in ready_parts(experiment, snapshots)
        for trial_id in part.trials
        if trial_id in wanted
    ]
    if not requests:
        deliver_pending(places, on_line=on_line)
        return {}
    tracking_uri, artifact_root = places.tracking()
    request = LaunchRequest(
        workflow=experiment.name,
        trials=tuple(trial for _, trial in requests),
        cluster=parts_of(experiment)[0].workflow.cluster,
        tracking_uri=tracking_uri,
        artifact_root=artifact_root,
    )
    launched = run_stage("training.launch", request, Launched, on_line=on_line, on_progress=on_progress)
    if launched.stopped:
        raise KeyboardInterrupt
    names = {trial.trial_id: _in_words(part, trial) for part, trial in requests}
    return {names[trial_id]: reason for trial_id, reason in launched.failed.items()}


def _request(trial_id: str, ready: ReadyPart, places: Places) -> TrialRequest:
    name, trial = ready.trials[trial_id]
    folder = str(places.trial(trial_id).resolve())
    return TrialRequest(name=name, trial_id=trial_id, config=trial, snapshots=ready.snapshots, folder=folder)


def _in_words(ready: ReadyPart, trial: TrialRequest) -> str:
    return ", ".join(filter(None, (ready.part.label, trial.name, f"seed {trial.config.seed}")))
