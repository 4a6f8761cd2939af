"""The table of a workflow: every front end on every task, with intervals and paired differences."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from infra.card import DatasetCard, read_card
from infra.common_clips import CommonClips
from infra.predictions import PREDICTIONS_NAME, TEST, Predictions, noise_of, read_predictions
from training.config import FAILURE_NAME, RESULT_NAME, TrialResult
from workflows import paper
from workflows.answers import Answers, pool
from workflows.history import read_result
from workflows.places import Places
from workflows.runner import WorkflowState
from workflows.scores import Difference, Measured, Score
from workflows.significance import holm


@dataclass(frozen=True, kw_only=True)
class Row:
    """One front end on one task.

    Attributes:
      name: in the workflow.
      scores: metric -> score; the first metric is the one that front ends are compared by.
      differences: metric -> difference to the baseline; empty for the baseline itself, and without common seeds.
      frontend_parameters: learnable numbers of the front end.
      paper_parameters: the paper's, where this is one of its front ends with 64 filters.
      paper: the paper's figure, if there is one.
      parameters: of the whole model.
      train_seconds: mean wall time of a trial.
    """

    name: str
    scores: dict[str, Score]
    differences: dict[str, Difference]
    frontend_parameters: int
    paper_parameters: str | None
    paper: paper.Figure | None
    parameters: int
    train_seconds: float


@dataclass(frozen=True, kw_only=True)
class Section:
    """All front ends on one task in one setting.

    Attributes:
      task: its name.
      setting: encoder, noise in training and noise in the test, where there are several; else empty.
      corpus: of the task.
      snapshot_ids: of the data, several where folds are pooled.
      classes: of the task.
      test_clips: scored by every trial, or by all folds together.
      groups: that they come in.
      metric: that front ends are compared by.
      paper_note: why the paper's figures are of other data; empty: they are not, or there are none.
      rows: front ends in the workflow's order.
    """

    task: str
    setting: str
    corpus: str
    snapshot_ids: tuple[str, ...]
    classes: int
    test_clips: int
    groups: int
    metric: str
    paper_note: str
    rows: tuple[Row, ...]


@dataclass(frozen=True, kw_only=True)
class Table:
    """The results of a workflow.

    Attributes:
      workflow: its name.
      baseline: that the differences are to.
      sections: by task and setting.
      comparisons: that Holm's correction is for.
      restricted: to which clips, in words; empty: to none.
      missing: trials without a result, "finished of planned" in words; empty when all are there.
    """

    workflow: str
    baseline: str
    sections: tuple[Section, ...]
    comparisons: int
    restricted: str
    missing: str


@dataclass(frozen=True)
class _Cell:
    """The trials of one front end in one section."""

    results: tuple[TrialResult, ...]
    measured: Measured


def section_title(section: Section) -> str:
    """Task, setting, and how much it was tested on."""
    where = ", ".join(filter(None, (section.task, section.setting)))
    groups = "" if section.groups == section.test_clips else f" in {section.groups:,} groups"
    return f"{where}: {section.test_clips:,} test clips{groups}, {section.classes} classes"


def make_table(state: WorkflowState, places: Places, *, clips: CommonClips | None = None) -> Table:
    """Collects the finished trials.

    Args:
      state: of the workflow.
      places: where its trials are.
      clips: score these only.

    Raises:
      ValueError: no trial is finished, or `clips` are of other snapshots.
    """
    results = read_results(state, places)
    if not results:
        raise ValueError(
            f"A table needs finished trials. Received: none of {len(state.trials)} of `{state.workflow}`. "
            + _first_failure(state, places)
        )
    parts = _parts(results, places)
    if clips is not None:
        _refuse_other_snapshots(clips, parts)
    sections = [
        _section(key, _cells(by_name, clips), state) for key, by_name in _by_section(parts, state.settings).items()
    ]
    planned = max(state.planned, len(state.trials))
    return Table(
        workflow=state.workflow,
        baseline=state.baseline,
        sections=_corrected(sections),
        comparisons=sum(bool(row.differences) for section in sections for row in section.rows),
        restricted="" if clips is None else f"the {len(clips.clips)} clips that {' and '.join(clips.snapshots)} share",
        missing=f"{len(results)} of {planned} trials are finished" if planned > len(results) else "",
    )


def read_results(state: WorkflowState, places: Places) -> list[TrialResult]:
    """Of the finished trials, in the workflow's order."""
    paths = [places.trial(trial) / RESULT_NAME for trial in state.trials]
    return [read_result(path) for path in paths if path.is_file()]


def _parts(results: list[TrialResult], places: Places) -> list[tuple[TrialResult, Predictions]]:
    """Every trial with its predictions of each task's test clips."""
    return [
        (result, part)
        for result in results
        for part in read_predictions(places.trial(result.trial_id) / PREDICTIONS_NAME)[1]
        if part.split == TEST or noise_of(part.split) is not None
    ]


_Parts = dict[str, list[tuple[TrialResult, Predictions]]]


def _by_section(
    parts: list[tuple[TrialResult, Predictions]], settings: Mapping[str, str]
) -> dict[tuple[str, str], _Parts]:
    """(task, setting) -> front end -> trials with their predictions."""
    found: dict[tuple[str, str], _Parts] = {}
    for result, part in parts:
        noise = noise_of(part.split)
        tested = "" if noise is None else f"tested at {noise:g} dB"
        setting = ", ".join(filter(None, (settings.get(result.trial_id, ""), tested)))
        section = found.setdefault((part.task.name, setting), {})
        section.setdefault(result.name, []).append((result, part))
    return found


def _cells(by_name: _Parts, clips: CommonClips | None) -> dict[str, _Cell]:
    cells = {}
    for name, parts in by_name.items():
        by_seed: dict[int, list[Predictions]] = {}
        for result, part in parts:
            by_seed.setdefault(result.config.seed, []).append(part)
        answers = {seed: _chosen(pool(found), clips) for seed, found in by_seed.items()}
        cells[name] = _Cell(tuple(result for result, _ in parts), Measured(answers))
    return cells


def _chosen(answers: Answers, clips: CommonClips | None) -> Answers:
    if clips is None:
        return answers
    chosen = answers.of(clips.clips)
    if not chosen.clip_ids:
        raise ValueError(
            f"Rule: the list has test clips of every task. Received: none of `{answers.tasks[0].name}` among its "
            f"{len(clips.clips)} clips. Make it with `leafworks diff A B --common FILE` of the snapshots tested on."
        )
    return chosen


def _section(key: tuple[str, str], cells: Mapping[str, _Cell], state: WorkflowState) -> Section:
    task, setting = key
    first = next(iter(cells.values()))
    baseline = cells.get(state.baseline)
    answers = first.measured.first
    rows = tuple(_row(name, cell, None if name == state.baseline else baseline) for name, cell in cells.items())
    rows = tuple(_with_figure(row, cells[row.name], state.paper, task) for row in rows)
    with_paper = any(row.paper for row in rows)
    return Section(
        task=task,
        setting=setting,
        corpus=answers.tasks[0].corpus,
        snapshot_ids=tuple(dict.fromkeys(part.snapshot_id for part in answers.tasks)),
        classes=len(answers.classes),
        test_clips=len(answers.clip_ids),
        groups=first.measured.bootstrap.groups,
        metric=first.measured.metrics[0],
        paper_note=paper.note(state.paper, task=task, card=_card(answers, state)) if with_paper else "",
        rows=rows,
    )


def _card(answers: Answers, state: WorkflowState) -> DatasetCard:
    """Of the data of the first fold."""
    wanted = answers.tasks[0].snapshot_id
    return read_card(Path(next(found.folder for found in state.snapshots if found.snapshot_id == wanted)))


def _with_figure(row: Row, cell: _Cell, table: paper.PaperTable, task: str) -> Row:
    trial = cell.results[0].config
    figure = paper.figure(table, task=task, encoder=trial.train.encoder.name, frontend=trial.frontend)
    return dataclasses.replace(row, paper=figure)


def _row(name: str, cell: _Cell, baseline: _Cell | None) -> Row:
    result = cell.results[0]
    metrics = cell.measured.metrics
    differences = {m: cell.measured.minus(baseline.measured, m) for m in metrics} if baseline else {}
    return Row(
        name=name,
        scores={metric: cell.measured.score(metric) for metric in metrics},
        differences={metric: found for metric, found in differences.items() if found is not None},
        frontend_parameters=result.frontend_parameters,
        paper_parameters=paper.parameters(result.config.frontend),
        paper=None,
        parameters=result.parameters,
        train_seconds=sum(result.train_seconds for result in cell.results) / len(cell.results),
    )


def _corrected(sections: list[Section]) -> tuple[Section, ...]:
    """With Holm's correction over all comparisons of each metric."""
    metrics = dict.fromkeys(metric for section in sections for row in section.rows for metric in row.differences)
    for metric in metrics:
        keys = {
            f"{s} {r}": (s, r)
            for s, section in enumerate(sections)
            for r, row in enumerate(section.rows)
            if metric in row.differences
        }
        p_values = {key: sections[s].rows[r].differences[metric].p for key, (s, r) in keys.items()}
        for key, p_holm in holm(p_values).items():
            s, r = keys[key]
            sections[s] = _with_p(sections[s], r, metric, p_holm)
    return tuple(sections)


def _with_p(section: Section, index: int, metric: str, p_holm: float) -> Section:
    row = section.rows[index]
    difference = dataclasses.replace(row.differences[metric], p_holm=p_holm)
    changed = dataclasses.replace(row, differences={**row.differences, metric: difference})
    return dataclasses.replace(section, rows=(*section.rows[:index], changed, *section.rows[index + 1 :]))


def _refuse_other_snapshots(clips: CommonClips, parts: list[tuple[TrialResult, Predictions]]) -> None:
    tested = sorted({part.task.snapshot_id for _, part in parts})
    if not set(tested) & set(clips.snapshots):
        raise ValueError(
            f"Rule: the list is of a snapshot that was tested on. Received: a list of {clips.snapshots}; the trials "
            f"were tested on {tested}. Make it with `leafworks diff A B --common FILE` of that snapshot and another."
        )


def _first_failure(state: WorkflowState, places: Places) -> str:
    for path in (places.trial(trial) / FAILURE_NAME for trial in state.trials):
        if path.is_file():
            return f"The first failure: {path.read_text().strip()}"
    return f"Run `leafworks run {state.workflow}`."
