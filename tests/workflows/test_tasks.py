"""Workflows of several tasks: what they prepare, from where, and what their trials' identities are made of."""

import dataclasses
from pathlib import Path

import pytest

from infra.stage import run_stage
from pipelines.config import PrepareConfig, Prepared
from pipelines.corpora.config import SyntheticConfig
from workflows.catalog import load
from workflows.places import Places
from workflows.plan import make_plan, prepare_requests

ONE = load("quickstart")
SMALL = PrepareConfig(corpus="synthetic", synthetic=SyntheticConfig(clips_per_class=5, duration_ms=500.0))
OTHER = dataclasses.replace(SMALL, synthetic=dataclasses.replace(SMALL.synthetic, seed=9))
TWO = dataclasses.replace(ONE, name="two", prepare={"first": SMALL, "second": OTHER}, seeds=(0,))


def test_one_task_reads_as_it_is():
    """Called after its corpus, for what its labels say."""
    assert [(task.name, task.objective) for task in ONE.tasks] == [("synthetic", "auto")]
    assert ONE.preparations == {"synthetic": ONE.prepare}


def test_every_snapshot_and_their_order_is_in_the_identity():
    """Other ids, another order, another objective: other trials."""
    as_multi = dataclasses.replace(TWO, objectives={"second": "multi_label"})
    swapped = dataclasses.replace(TWO, prepare={"second": OTHER, "first": SMALL})
    found = [
        *(tuple(TWO.trials(*ids)) for ids in (("a", "b"), ("b", "a"), ("a", "c"))),
        tuple(as_multi.trials("a", "b")),
        tuple(swapped.trials("b", "a")),
    ]
    assert len(set(found)) == 5
    assert tuple(TWO.trials("a", "b")) == found[0]


def test_a_plan_waits_for_every_snapshot(tmp_path):
    """With one of two prepared the trials still wait; with both they are new."""
    places = Places(tmp_path)
    requests = prepare_requests(TWO, places=places, sources={})
    expected = [("new", "new", "waits"), ("finished", "new", "waits"), ("finished", "finished", "new")]
    for step, (first, second, trial) in enumerate(expected):
        plan = make_plan(TWO, places=places, sources={})
        assert {snapshot.task: snapshot.state for snapshot in plan.snapshots} == {"first": first, "second": second}
        assert {planned.state for planned in plan.trials} == {trial}
        assert plan.prepared == (step == 2)
        if not plan.prepared:
            run_stage("pipelines.prepare", list(requests.values())[step], Prepared)
    ids = [snapshot.data_id for snapshot in plan.snapshots]
    assert len(set(ids)) == 2
    assert [planned.trial_id for planned in plan.trials] == list(TWO.trials(*ids))


def test_what_an_older_version_left_is_passed_over(tmp_path):
    """Its trials have other configs; a plan says nothing of them and does not fail."""
    places = Places(tmp_path)
    for name in ("result.json", "trial.json"):
        path = places.trial("0123456789abcdef") / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text('{"name": "mel", "accuracy": 0.9}')
    assert {planned.state for planned in make_plan(TWO, places=places, sources={}).trials} == {"waits"}


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"prepare": {"a": SMALL, "b": dataclasses.replace(SMALL, sample_rate=8000)}}, "'a': 16000, 'b': 8000"),
        ({"prepare": {}}, "at least one"),
        ({"prepare": {"a b": SMALL}}, "letters"),
        ({"objectives": {"third": "multi_label"}}, "third"),
    ],
)
def test_nonsense_is_refused(change, rule):
    """When the workflow is built."""
    with pytest.raises(ValueError, match=rule):
        dataclasses.replace(TWO, **change)


def test_a_file_of_several_tasks_takes_flags_for_each(tmp_path):
    """Every knob of every task by its name."""
    from workflows import flags
    from workflows.commands import Planned, PlannedMatrix

    path = Path(tmp_path, "mine.py")
    path.write_text(
        "import dataclasses\nfrom pipelines.config import PrepareConfig\nfrom workflows.quickstart import WORKFLOW as "
        "base\ntasks = {'a': PrepareConfig(corpus='synthetic'), 'b': PrepareConfig(corpus='fsdd')}\n"
        "WORKFLOW = dataclasses.replace(base, name='mine', prepare=tasks)\n"
    )
    arguments = [str(path), "--source", "b=here", "--prepare.a.synthetic.seed", "5", "--objectives", "a", "multi_label"]
    arguments += ["--train.task-sampling.rule", "round_robin"]
    command = flags.with_workflow((Planned, PlannedMatrix), "plan", arguments)
    assert command.workflow.preparations["a"].synthetic.seed == 5
    assert command.workflow.objectives == {"a": "multi_label"}
    assert command.workflow.train.task_sampling.rule == "round_robin"
    assert command.source == ("b=here",)
