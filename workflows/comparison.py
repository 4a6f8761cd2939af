"""`leafworks compare RUN RUN`: two runs on the clips that both were tested on, whatever snapshots they had."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path

import tyro

from infra.predictions import PREDICTIONS_NAME, TEST, Predictions, read_predictions
from training.config import RESULT_NAME, TrialResult
from workflows import wording
from workflows.answers import Answers, pool
from workflows.history import read_result
from workflows.places import Places
from workflows.scores import Difference, Measured, Score
from workflows.workflow import DEFAULT_ROOT

_Tested = tuple[TrialResult, Predictions]


@dataclass(frozen=True, kw_only=True)
class Compare:
    """Compares two runs on the test clips they share: same id, same samples, same labels.

    Each is the beginning of a trial id or of an MLflow run id, as `leafworks report` shows them. They may be of other
    snapshots, front ends, encoders, seeds or workflows; tasks with the same name are compared, or the only ones.

    Attributes:
      one: a run.
      other: the run it is compared with; differences are `one` minus `other`.
      root: folder of all results.
      json: print JSON.
    """

    one: tyro.conf.Positional[str]
    other: tyro.conf.Positional[str]
    root: Path = DEFAULT_ROOT
    json: bool = False


@dataclass(frozen=True, kw_only=True)
class ComparedRun:
    """One of the two: front end, seed, identity, and the data it was tested on."""

    name: str
    seed: int
    trial_id: str
    snapshot_id: str
    test_clips: int


@dataclass(frozen=True, kw_only=True)
class ComparedTask:
    """Both runs on one task.

    Attributes:
      task: of the first run, and of the second where that has another name.
      one: as tested.
      other: as tested.
      shared: clips with the same id, samples and labels.
      differing: clips with the same id and other samples or labels, left out.
      scores: metric -> (score of the first, score of the second), on shared clips.
      differences: metric -> first minus second, on shared clips.
    """

    task: str
    one: ComparedRun
    other: ComparedRun
    shared: int
    differing: int
    scores: dict[str, tuple[Score, Score]]
    differences: dict[str, Difference]


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Two runs; a task each."""

    tasks: tuple[ComparedTask, ...]


def compare(one: str, other: str, places: Places) -> Comparison:
    """Compares the runs whose ids begin so.

    Raises:
      ValueError: no such run, several, no task in common or no clip in common.
    """
    first, second = find_result(one, places), find_result(other, places)
    tasks = [_tests(result, places) for result in (first, second)]
    common = [name for name in tasks[0] if name in tasks[1]]
    pairs = [(name, name) for name in common]
    if not pairs and len(tasks[0]) == len(tasks[1]) == 1:
        pairs = [(next(iter(tasks[0])), next(iter(tasks[1])))]
    if not pairs:
        raise ValueError(f"Rule: two runs share a task. Received: {list(tasks[0])} and {list(tasks[1])}.")
    return Comparison(
        tasks=tuple(_compared((first, tasks[0][a]), (second, tasks[1][b]), name=_both(a, b)) for a, b in pairs)
    )


def find_result(beginning: str, places: Places) -> TrialResult:
    """The finished trial whose trial id or MLflow run id begins so.

    Raises:
      ValueError: none, or several.
    """
    results = [read_result(path) for path in sorted(places.trials.glob(f"*/{RESULT_NAME}"))]
    ids = [(result.trial_id, places.run_id(result.trial_id)) for result in results]
    found = [result for result, own in zip(results, ids, strict=True) if any(id_.startswith(beginning) for id_ in own)]
    if not beginning or len(found) != 1:
        raise ValueError(
            f"Rule: a run is the beginning of one trial id or MLflow run id of a finished trial below {places.trials}. "
            f"Received: {beginning!r}, which {f'{len(found)} have' if found else 'none has'}. "
            "`leafworks report NAME` writes a page with the ids; --root says where trials are."
        )
    return found[0]


def print_comparison(found: Comparison) -> None:
    """A few lines for each task."""
    for task in found.tasks:
        print(
            f"{task.task}: {task.shared} shared clips"
            + (f", {task.differing} more with other samples or labels left out" if task.differing else "")
        )
        runs = ((task.one, 0), (task.other, 1))
        for run, index in runs:
            print(
                f"  {run.name}, seed {run.seed}, trial {run.trial_id}: {run.test_clips} test clips of snapshot "
                f"{run.snapshot_id}"
            )
            for metric, scores in task.scores.items():
                print(f"    {wording.METRIC_TITLES[metric]}: {wording.score(metric, scores[index])}")
        for metric, difference in task.differences.items():
            print(
                f"  difference in {wording.METRIC_TITLES[metric]}: {wording.difference(metric, difference)}, "
                f"p = {wording.p_value(difference.p)} ({difference.test}, {difference.groups} groups or clips)"
            )


def _tests(result: TrialResult, places: Places) -> dict[str, Predictions]:
    _, parts = read_predictions(places.trial(result.trial_id) / PREDICTIONS_NAME)
    return {part.task.name: part for part in parts if part.split == TEST}


def _both(one: str, other: str) -> str:
    return one if one == other else f"{one} and {other}"


def _compared(
    one: tuple[TrialResult, Predictions], other: tuple[TrialResult, Predictions], *, name: str
) -> ComparedTask:
    answers = pool([one[1]]), pool([other[1]])
    shared, differing = _shared(*answers)
    if not shared:
        raise ValueError(
            f"Rule: two runs share test clips of the same id, samples and labels. Received: none of "
            f"{len(answers[0].clip_ids)} and {len(answers[1].clip_ids)} ({differing} have the same id alone). "
            "`leafworks diff A B` of their snapshots says what became of the clips."
        )
    mine, theirs = (each.of(shared) for each in answers)
    # One number for both: runs of different seeds may be compared, and each has a single one. And one grouping, so that
    # both are drawn alike.
    first, second = Measured({0: mine}), Measured({0: dataclasses.replace(theirs, groups=mine.groups)})
    metrics = [metric for metric in first.metrics if metric in second.metrics]
    differences = {metric: first.minus(second, metric) for metric in metrics}
    return ComparedTask(
        task=name,
        one=_run(*one),
        other=_run(*other),
        shared=len(shared),
        differing=differing,
        scores={metric: (first.score(metric), second.score(metric)) for metric in metrics},
        differences={metric: found for metric, found in differences.items() if found is not None},
    )


def _shared(one: Answers, other: Answers) -> tuple[set[str], int]:
    """Ids of clips that are the same in both, and the number of those that have an id in common and nothing else."""
    theirs = _contents(other)
    same_id = {clip_id: content for clip_id, content in _contents(one).items() if clip_id in theirs}
    shared = {clip_id for clip_id, content in same_id.items() if theirs[clip_id] == content}
    return shared, len(same_id) - len(shared)


def _contents(answers: Answers) -> dict[str, tuple[str | None, frozenset[str]]]:
    columns = zip(answers.clip_ids, answers.sample_sha256, answers.labels, strict=True)
    return {clip_id: (digest, frozenset(labels)) for clip_id, digest, labels in columns}


def _run(result: TrialResult, part: Predictions) -> ComparedRun:
    return ComparedRun(
        name=result.name,
        seed=result.config.seed,
        trial_id=result.trial_id,
        snapshot_id=part.task.snapshot_id,
        test_clips=len(part.clip_ids),
    )
