"""Matrices: which trainings they are, what their plan says, what a missing corpus does; without training."""

import dataclasses
import shutil
import time
from pathlib import Path

import pytest

from infra.card import read_card
from infra.stage import run_stage
from pipelines.config import PrepareConfig, Prepared
from pipelines.corpora.catalog import list_corpus
from pipelines.corpora.config import FsddConfig
from pipelines.plan import relevant_config
from tests.pipelines.corpora.miniatures import sounds, speech
from tests.workflows.trials import lay_down, predictions
from training.config import FAILURE_NAME, ClusterConfig
from training.encoders.config import EncoderConfig
from workflows.catalog import load
from workflows.matrix import Matrix, parts_of
from workflows.places import Places
from workflows.plan import list_snapshots, make_plan, plan_of, prepare_requests, ready_parts
from workflows.source_flags import by_task

FSDD, ESC10 = load("fsdd"), load("esc10")


@pytest.fixture(scope="module")
def source(tmp_path_factory) -> Path:
    """A folder with FSDD and ESC-10 in miniature."""
    folder = tmp_path_factory.mktemp("source")
    speech.fsdd().write(folder / "fsdd")
    sounds.esc10().write(folder / "esc10")
    return folder


@pytest.fixture
def places(tmp_path):
    """An empty root."""
    return Places(tmp_path / "root")


def prepare(matrix: Matrix, places: Places, sources: dict[str, str]) -> None:
    """All of a matrix's snapshots."""
    for request in prepare_requests(matrix, places=places, sources=sources).values():
        run_stage("pipelines.prepare", request, Prepared)


def finish(matrix: Matrix, places: Places, sources: dict[str, str], *, seconds: float = 36.0) -> int:
    """Lays down the results of all trials that are not there; how many were laid down."""
    laid = 0
    snapshots = list_snapshots(matrix, places=places, sources=sources)
    for ready in ready_parts(matrix, snapshots):
        for trial_id, (name, trial) in ready.trials.items():
            if not places.trial(trial_id).is_dir():
                lay_down(places, trial_id, name, trial, [predictions([True] * 4)], seconds=seconds)
                laid += 1
    return laid


def test_a_finished_matrix_and_one_more_seed(places, source):
    """Planned are exactly the new seed's trials, in under 5 s, with time and GPU-hours from the finished ones."""
    sources = by_task([str(source / "fsdd")], {"digit": PrepareConfig(corpus="fsdd")})
    sources = {"digit": sources["digit"], "speaker": sources["digit"]}
    prepare(FSDD, places, sources)
    assert finish(FSDD, places, sources) == 2 * 5 * 3
    assert make_plan(FSDD, places=places, sources=sources).finished
    more = dataclasses.replace(
        FSDD, seeds=(0, 1, 2, 7), cluster=ClusterConfig(workers_per_trial=2, gpus_per_worker=0.5)
    )
    started = time.process_time()
    plan = make_plan(more, places=places, sources=sources)
    assert time.process_time() - started < 5
    assert {(trial.part, trial.name, trial.seed) for trial in plan.to_run} == {
        (task, name, 7) for task in ("digit", "speaker") for name in FSDD.frontends
    }
    assert {trial.state for trial in plan.to_run} == {"new"}
    assert (plan.seconds, plan.without_estimate) == (pytest.approx(360.0), 0)
    assert plan.gpu_hours == pytest.approx(0.1)  # 10 trials of 36 s on one GPU each


def test_failed_trials_are_shown_and_run_again(places, source):
    """With their last words, and as to be run."""
    matrix = dataclasses.replace(FSDD, tasks={"digit": FSDD.tasks["digit"]}, seeds=(0,))
    sources = {"digit": str(source / "fsdd")}
    prepare(matrix, places, sources)
    trial = make_plan(matrix, places=places, sources=sources).trials[3]
    places.trial(trial.trial_id).mkdir(parents=True)
    (places.trial(trial.trial_id) / FAILURE_NAME).write_text("first\nValueError: too loud\n")
    plan = make_plan(matrix, places=places, sources=sources)
    assert (plan.trials[3].state, plan.trials[3].name) == ("failed", "leaf")
    assert "too loud" in plan.trials[3].why
    assert plan.trials[3] in plan.to_run


def test_five_folds_are_five_trainings_on_one_set_of_clips(places, source):
    """Clips and samples are the same, and with them the snapshot's id; splits and trials are not."""
    sources = {"esc10": str(source / "esc10")}
    prepare(ESC10, places, sources)
    plan = make_plan(ESC10, places=places, sources=sources)
    assert len({snapshot.snapshot_id for snapshot in plan.snapshots}) == 1
    assert len({snapshot.data_id for snapshot in plan.snapshots}) == 5
    assert len({trial.trial_id for trial in plan.trials}) == 5 * 5
    cards = [read_card(Path(snapshot.folder)) for snapshot in plan.snapshots]
    assert [card.config["esc10"]["test_fold"] for card in cards] == [1, 2, 3, 4, 5]
    assert [card.config["esc10"]["validation_fold"] for card in cards] == [5, 1, 2, 3, 4]


def test_every_combination_is_a_training():
    """Two tasks before two encoders; corpora that they share are prepared once."""
    encoders = {"small": EncoderConfig(width=0.125), "cnn14": EncoderConfig(name="cnn14")}
    matrix = dataclasses.replace(FSDD, encoders=encoders)
    assert [part.label for part in parts_of(matrix)] == [
        "digit, small",
        "speaker, small",
        "digit, cnn14",
        "speaker, cnn14",
    ]
    assert [part.setting for part in parts_of(matrix)] == ["small", "small", "cnn14", "cnn14"]
    trials = [trial for part in parts_of(matrix) for trial in part.workflow.trials("s")]
    assert len(trials) == len(set(trials)) == 2 * 2 * 5 * 3
    assert len(prepare_requests(matrix, places=Places(Path("x")), sources={})) == 2


def test_tasks_of_one_training(places):
    """Three heads, five front ends, three seeds."""
    (part,) = parts_of(load("three_tasks"))
    assert part.label == ""
    trials = part.workflow.trials("a", "b", "c").values()
    assert len(trials) == 15
    assert {tuple(task.name for task in trial.tasks) for _, trial in trials} == {("digit", "speaker", "esc10")}


def test_a_missing_corpus_is_left_out(places, source):
    """It says what to get; the other task's trials are planned."""
    matrix = dataclasses.replace(FSDD, tasks={"digit": FSDD.tasks["digit"], "esc10": ESC10.tasks["esc10"][:1]})
    sources = {"digit": str(source / "fsdd"), "esc10": str(source / "nowhere")}
    prepare(dataclasses.replace(matrix, tasks={"digit": FSDD.tasks["digit"]}), places, sources)
    snapshots = list_snapshots(matrix, places=places, sources=sources)
    plan = plan_of(matrix, snapshots, places)
    assert set(plan.missing) == {"esc10"}
    for words in ("leafworks fetch esc10 --to DIR", "--source esc10=DIR", "nowhere"):
        assert words in plan.missing["esc10"]
    assert plan.prepared
    assert {trial.part for trial in plan.to_run if trial.trial_id} == {"digit"}
    assert {trial.state for trial in plan.to_run if not trial.trial_id} == {"waits"}
    with pytest.raises(ValueError, match="esc10"):
        make_plan(dataclasses.replace(matrix, tasks={"esc10": ESC10.tasks["esc10"][:1]}), places=places, sources={})


def test_sources():
    """One folder of one corpus; one with a folder for each of several; by task or corpus."""
    fsdd, esc10 = PrepareConfig(corpus="fsdd"), PrepareConfig(corpus="esc10")
    speaker = PrepareConfig(corpus="fsdd", fsdd=FsddConfig(target="speaker"))
    assert by_task(["x"], {"digit": fsdd, "speaker": speaker}) == {"digit": "x", "speaker": "x"}
    assert by_task(["x"], {"digit": fsdd, "esc10": esc10}) == {"digit": "x/fsdd", "esc10": "x/esc10"}
    tasks = {"digit": fsdd, "speaker": speaker, "esc10": esc10}
    assert by_task(["fsdd=a", "esc10=b"], tasks) == {"digit": "a", "speaker": "a", "esc10": "b"}
    assert by_task(["speaker=a"], tasks) == {"speaker": "a"}
    for flags in (["esc=a"], ["a", "b"], ["digit=a", "digit=b"]):
        with pytest.raises(ValueError, match="--source TASK=DIR"):
            by_task(flags, tasks)


def test_on_a_laptop(places, source):
    """One seed, a small encoder, few epochs, few clips of each split: chosen by their ids, the same ones always."""
    small = load("audioset").on_laptop()
    assert (len(small.seeds), small.train.epochs, set(small.encoders)) == (1, 3, {"conv_net"})
    few = dataclasses.replace(ESC10.tasks["esc10"][0], max_clips_per_split=2)
    matrix = dataclasses.replace(ESC10, tasks={"esc10": (few,)})
    plan = make_plan(matrix, places=places, sources={"esc10": str(source / "esc10")})
    assert plan.snapshots[0].clips == {"train": 2, "validation": 2, "test": 2}


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"tasks": {}}, "tasks"),
        ({"joint": True, "tasks": ESC10.tasks}, "folds"),
        ({"baseline": "none"}, "baseline"),
        ({"seeds": (1, 1)}, "Seeds"),
    ],
)
def test_nonsense_is_refused(change, rule):
    """When the matrix is built."""
    with pytest.raises(ValueError, match=rule):
        dataclasses.replace(FSDD, **change)


def test_fewer_clips_are_the_same_ones_whatever_else_is_there(tmp_path, source):
    """Chosen by their ids: taking one of the others away changes nothing; without a limit, keys are as they were."""
    config = PrepareConfig(corpus="fsdd", max_clips_per_split=2)
    chosen = list_corpus(config, str(source / "fsdd")).clips
    shutil.copytree(source / "fsdd", tmp_path / "fsdd")
    everything = list_corpus(PrepareConfig(corpus="fsdd"), str(source / "fsdd")).clips
    other = next(clip for clip in everything if clip.clip_id not in {clip.clip_id for clip in chosen})
    (tmp_path / "fsdd" / "recordings" / other.source).unlink()
    again = list_corpus(config, str(tmp_path / "fsdd")).clips
    assert [clip.clip_id for clip in again] == [clip.clip_id for clip in chosen]
    assert "max_clips_per_split" not in relevant_config(PrepareConfig(corpus="fsdd"))
    assert relevant_config(config)["max_clips_per_split"] == 2
