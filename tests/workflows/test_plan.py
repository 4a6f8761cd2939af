"""Plans: what would run and why, from files alone."""

import dataclasses
import json
from pathlib import Path

import pytest

from infra import config
from infra.card import read_card
from infra.stage import run_stage
from pipelines.config import Prepared
from training.config import FAILURE_NAME, REQUEST_NAME, RESULT_NAME, TrialRequest, TrialResult
from training.tasks.config import TaskResult, TaskSnapshot
from workflows.catalog import load
from workflows.places import Places
from workflows.plan import make_plan, prepare_requests
from workflows.runner import WorkflowState
from workflows.workflow import Workflow

BASE = load("quickstart")
WORKFLOW = dataclasses.replace(
    BASE,
    seeds=(0, 1),
    prepare=dataclasses.replace(BASE.prepare, synthetic=dataclasses.replace(BASE.prepare.synthetic, clips_per_class=5)),
)


def finish(places: Places, workflow: Workflow, snapshot_id: str, trial_id: str, *, seconds: float = 10.0) -> None:
    """Lays down what a finished trial leaves."""
    name, trial = workflow.trials(snapshot_id)[trial_id]
    folder = places.trial(trial_id)
    folder.mkdir(parents=True)
    request = TrialRequest(name=name, trial_id=trial_id, config=trial, snapshots=(), folder=str(folder))
    result = TrialResult(
        name=name,
        trial_id=trial_id,
        config=trial,
        tasks=(
            TaskResult(
                name="synthetic",
                corpus="synthetic",
                snapshot_id=snapshot_id,
                objective="single_label",
                metrics={"accuracy": 0.9, "loss": 0.1},
                validation_metrics={"accuracy": 0.9, "loss": 0.1},
                test_clips=10,
            ),
        ),
        best_epoch=1,
        frontend_parameters=0,
        parameters=10,
        train_seconds=seconds,
        workers=1,
    )
    (folder / REQUEST_NAME).write_text(config.to_json(request))
    (folder / RESULT_NAME).write_text(config.to_json(result))


@pytest.fixture
def places(tmp_path):
    """An empty root."""
    return Places(tmp_path)


@pytest.fixture
def prepared(places):
    """The identity of the data of the prepared corpus below `places`."""
    (request,) = prepare_requests(WORKFLOW, places=places, sources={}).values()
    return read_card(Path(run_stage("pipelines.prepare", request, Prepared).snapshot)).data_id


def states(plan):
    """(front end, seed) -> state."""
    return {(trial.name, trial.seed): trial.state for trial in plan.trials}


def test_before_anything(places):
    """The preparation is new, the trials wait for its snapshot."""
    plan = make_plan(WORKFLOW, places=places, sources={})
    assert [(snapshot.state, snapshot.snapshot_id) for snapshot in plan.snapshots] == [("new", None)]
    assert set(states(plan).values()) == {"waits"}
    assert not plan.finished
    assert not list(places.root.iterdir())


def test_every_state_of_a_trial(places, prepared):
    """Finished, failed with its last words, unfinished, new; estimates from the finished one."""
    ids = list(WORKFLOW.trials(prepared))
    finish(places, WORKFLOW, prepared, ids[0], seconds=24.0)
    for trial_id, files in ((ids[1], {REQUEST_NAME: "", FAILURE_NAME: "first\nValueError: too loud\n"}), (ids[2], {})):
        name, trial = WORKFLOW.trials(prepared)[trial_id]
        places.trial(trial_id).mkdir(parents=True)
        request = TrialRequest(name=name, trial_id=trial_id, config=trial, snapshots=(), folder="")
        for file, text in {REQUEST_NAME: "", **files}.items():
            (places.trial(trial_id) / file).write_text(text or config.to_json(request))
    plan = make_plan(WORKFLOW, places=places, sources={})
    assert plan.prepared
    assert states(plan) == {
        ("mel", 0): "finished",
        ("leaf", 0): "failed",
        ("mel", 1): "unfinished",
        ("leaf", 1): "new",
    }
    by_name = {(trial.name, trial.seed): trial for trial in plan.trials}
    assert "too loud" in by_name["leaf", 0].why
    assert by_name["mel", 1].seconds == pytest.approx(24.0)
    assert by_name["leaf", 1].seconds is None


def test_a_change_names_its_field(places, prepared):
    """Other trials stay finished."""
    for trial_id in WORKFLOW.trials(prepared):
        finish(places, WORKFLOW, prepared, trial_id)
    assert make_plan(WORKFLOW, places=places, sources={}).finished
    leaf = dataclasses.replace(WORKFLOW.frontends["leaf"], num_filters=64)
    changed = dataclasses.replace(WORKFLOW, frontends={**WORKFLOW.frontends, "leaf": leaf})
    plan = make_plan(changed, places=places, sources={})
    assert [(trial.name, trial.state) for trial in plan.to_run] == [("leaf", "changed")] * 2
    assert all("frontend.num_filters" in trial.why for trial in plan.to_run)


def test_adding_a_seed_plans_the_new_trials_only(places, prepared):
    """Two of six."""
    for trial_id in WORKFLOW.trials(prepared):
        finish(places, WORKFLOW, prepared, trial_id)
    more = dataclasses.replace(WORKFLOW, seeds=(0, 1, 7))
    plan = make_plan(more, places=places, sources={})
    assert [(trial.name, trial.seed, trial.state) for trial in plan.to_run] == [("mel", 7, "new"), ("leaf", 7, "new")]


def test_the_cluster_is_not_part_of_a_trial(prepared):
    """Workers and CPUs change no identity."""
    cluster = dataclasses.replace(WORKFLOW.cluster, workers_per_trial=2)
    assert list(dataclasses.replace(WORKFLOW, cluster=cluster).trials(prepared)) == list(WORKFLOW.trials(prepared))


def test_a_workflow_from_a_file(tmp_path):
    """`WORKFLOW` of any Python file; anything else is refused by name."""
    path = Path(tmp_path, "mine.py")
    path.write_text(
        "import dataclasses\nfrom workflows.quickstart import WORKFLOW as base\n"
        "WORKFLOW = dataclasses.replace(base, name='mine', seeds=(4,))\n"
    )
    assert load(str(path)).seeds == (4,)
    path.write_text("x = 1\n")
    with pytest.raises(ValueError, match="must define `WORKFLOW"):
        load(str(path))
    with pytest.raises(ValueError, match="quickstart"):
        load("quickstrat")


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"name": "a b"}, "letters"),
        ({"baseline": "sinc"}, "baseline"),
        ({"seeds": ()}, "Seeds"),
        ({"seeds": (1, 1)}, "Seeds"),
        ({"seeds": (-1,)}, "Seeds"),
    ],
)
def test_nonsense_is_refused(change, rule):
    """When the workflow is built."""
    with pytest.raises(ValueError, match=rule):
        dataclasses.replace(BASE, **change)


def test_the_state_file_round_trips():
    """So that `leafworks report` needs no source."""
    snapshot = TaskSnapshot(task="t", folder="s", snapshot_id="i")
    state = WorkflowState(workflow="w", baseline="mel", snapshots=(snapshot,), trials=("a", "b"))
    assert config.from_dict(WorkflowState, json.loads(config.to_json(state))) == state
