"""Runs a workflow: prepares, trains, reports; skips what is already there."""

from collections.abc import Callable
from dataclasses import dataclass

from infra import config
from infra.files import write_atomically
from infra.stage import run_stage
from pipelines.config import Prepared
from training.config import Launched, LaunchRequest, TrialConfig, TrialRequest
from training.tasks.config import TaskSnapshot
from workflows.delivery import deliver_pending
from workflows.places import Places
from workflows.plan import Plan, Sources, make_plan, prepare_requests
from workflows.workflow import Workflow

OnLine = Callable[[str], None]
OnProgress = Callable[[int, int, str], None]


@dataclass(frozen=True, kw_only=True)
class WorkflowState:
    """What the last run of a workflow was: enough to make its report again.

    Attributes:
      workflow: its name.
      baseline: the front end that the others are compared with.
      snapshots: of its tasks.
      trials: trial ids in order; some may not be finished.
    """

    workflow: str
    baseline: str
    snapshots: tuple[TaskSnapshot, ...]
    trials: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a run did.

    Attributes:
      state: for the report.
      repeated_nothing: whether everything was there already.
      failed: "front end, seed N" -> reason.
    """

    state: WorkflowState
    repeated_nothing: bool
    failed: dict[str, str]


def run(
    workflow: Workflow,
    *,
    places: Places,
    sources: Sources,
    workers: int,
    max_rejected_share: float,
    on_line: OnLine,
    on_progress: OnProgress,
) -> Outcome:
    """Runs what is missing of `workflow`.

    Raises:
      ValueError: bad input, in the words of the stage that refused it.
      StageError: a stage died.
    """
    plan = make_plan(workflow, places=places, sources=sources)
    if plan.finished:
        deliver_pending(places, on_line=on_line)
        return Outcome(state=_remember(workflow, plan, places), repeated_nothing=True, failed={})
    if not plan.prepared:
        requests = prepare_requests(
            workflow, places=places, sources=sources, workers=workers, max_rejected_share=max_rejected_share
        )
        for snapshot in plan.snapshots:
            if snapshot.state != "finished":
                request = requests[snapshot.task]
                run_stage("pipelines.prepare", request, Prepared, on_line=on_line, on_progress=on_progress)
        plan = make_plan(workflow, places=places, sources=sources)
    state = _remember(workflow, plan, places)
    failed = _train(workflow, plan, places, on_line=on_line, on_progress=on_progress)
    return Outcome(state=state, repeated_nothing=False, failed=failed)


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


def _remember(workflow: Workflow, plan: Plan, places: Places) -> WorkflowState:
    state = WorkflowState(
        workflow=workflow.name,
        baseline=workflow.baseline,
        snapshots=plan.task_snapshots,
        trials=tuple(trial.trial_id for trial in plan.trials),
    )
    path = places.state(workflow.name)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, config.to_json(state))
    return state


def _train(
    workflow: Workflow, plan: Plan, places: Places, *, on_line: OnLine, on_progress: OnProgress
) -> dict[str, str]:
    trials = workflow.trials(*(snapshot.snapshot_id for snapshot in plan.task_snapshots))
    requests = tuple(_request(planned.trial_id, *trials[planned.trial_id], places) for planned in plan.to_run)
    if not requests:
        return {}
    tracking_uri, artifact_root = places.tracking()
    request = LaunchRequest(
        workflow=workflow.name,
        snapshots=plan.task_snapshots,
        trials=requests,
        cluster=workflow.cluster,
        tracking_uri=tracking_uri,
        artifact_root=artifact_root,
    )
    launched = run_stage("training.launch", request, Launched, on_line=on_line, on_progress=on_progress)
    if launched.stopped:
        raise KeyboardInterrupt
    names = {trial.trial_id: f"{trial.name}, seed {trial.config.seed}" for trial in requests}
    return {names[trial_id]: reason for trial_id, reason in launched.failed.items()}


def _request(trial_id: str, name: str, trial: TrialConfig, places: Places) -> TrialRequest:
    folder = places.trial(trial_id)
    return TrialRequest(name=name, trial_id=trial_id, config=trial, folder=str(folder.resolve()))
