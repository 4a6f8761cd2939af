"""The table of a workflow, and its page: one self-contained HTML file."""

import json
import re
from dataclasses import dataclass
from pathlib import Path

import jinja2

from infra import config
from infra.card import read_card
from infra.files import write_atomically
from training.config import CAPTIONS_NAME, FAILURE_NAME, FIGURES_FOLDER, RESULT_NAME, TrialResult
from workflows.intervals import Estimate, estimate, paired_difference
from workflows.places import Places
from workflows.plan import read_result
from workflows.runner import WorkflowState

# The colour that `training.figures` gives to everything that is not data.
_INK = "#5a6068"


@dataclass(frozen=True, kw_only=True)
class Row:
    """One front end.

    Attributes:
      name: in the workflow.
      accuracies: seed (as text) -> test accuracy in [0, 1].
      accuracy: mean over the seeds with its interval.
      difference: to the baseline, paired by seed; None for the baseline itself or without common seeds.
      frontend_parameters: learnable numbers of the front end.
      parameters: of the whole model.
      train_seconds: mean wall time of a trial.
    """

    name: str
    accuracies: dict[str, float]
    accuracy: Estimate
    difference: Estimate | None
    frontend_parameters: int
    parameters: int
    train_seconds: float


@dataclass(frozen=True, kw_only=True)
class Table:
    """The results of a workflow.

    Attributes:
      workflow: its name.
      corpus: tested on.
      snapshot_id: of the data.
      test_clips: scored by every trial.
      baseline: that the differences are to.
      rows: front ends in the workflow's order.
      missing: trials without a result, "finished of planned" in words; empty when all are there.
    """

    workflow: str
    corpus: str
    snapshot_id: str
    test_clips: int
    baseline: str
    rows: tuple[Row, ...]
    missing: str


def make_table(state: WorkflowState, places: Places) -> Table:
    """Collects the finished trials.

    Raises:
      ValueError: none is finished.
    """
    results = _results(state, places)
    if not results:
        raise ValueError(
            f"A table needs finished trials. Received: none of {len(state.trials)} of `{state.workflow}`. "
            + _first_failure(state, places)
        )
    groups: dict[str, list[TrialResult]] = {}
    for result in results:
        groups.setdefault(result.name, []).append(result)
    baseline = _by_seed(groups.get(state.baseline, []))
    missing = len(state.trials) - len(results)
    return Table(
        workflow=state.workflow,
        corpus=results[0].corpus,
        snapshot_id=state.snapshot_id,
        test_clips=results[0].test_clips,
        baseline=state.baseline,
        rows=tuple(_row(name, group, {} if name == state.baseline else baseline) for name, group in groups.items()),
        missing=f"{len(results)} of {len(state.trials)} trials are finished" if missing else "",
    )


def write_page(table: Table, state: WorkflowState, places: Places) -> Path:
    """Writes the page and returns its path."""
    results = _results(state, places)
    template = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string(
        Path(__file__).with_name("report.html").read_text()
    )
    page = template.render(
        table=table,
        results=results,
        card=read_card(Path(state.snapshot)),
        figures=[(row.name, _figures(row.name, results, places)) for row in table.rows],
        chart=_chart(table),
        train=config.flatten(results[0].config.train),
        percent=percent,
    )
    path = places.report(table.workflow)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, page)
    return path


def percent(value: Estimate, *, signed: bool = False) -> str:
    """An estimate in percent: "97.3 [95.1, 99.6]"; ends beyond 0 and 100 are cut off unless it is signed."""
    if value.low is None or value.high is None:
        return f"{100 * value.mean:{'+' if signed else ''}.1f} (one seed)"
    if signed:
        return f"{100 * value.mean:+.1f} [{100 * value.low:+.1f}, {100 * value.high:+.1f}]"
    return f"{100 * value.mean:.1f} [{100 * max(0.0, value.low):.1f}, {100 * min(1.0, value.high):.1f}]"


def _results(state: WorkflowState, places: Places) -> list[TrialResult]:
    paths = [places.trial(trial) / RESULT_NAME for trial in state.trials]
    return [read_result(path) for path in paths if path.is_file()]


def _first_failure(state: WorkflowState, places: Places) -> str:
    for path in (places.trial(trial) / FAILURE_NAME for trial in state.trials):
        if path.is_file():
            return f"The first failure: {path.read_text().strip()}"
    return f"Run `leafworks run {state.workflow}`."


def _row(name: str, results: list[TrialResult], baseline: dict[int, float]) -> Row:
    accuracies = _by_seed(results)
    return Row(
        name=name,
        accuracies={str(seed): accuracy for seed, accuracy in sorted(accuracies.items())},
        accuracy=estimate(list(accuracies.values())),
        difference=paired_difference(accuracies, baseline),
        frontend_parameters=results[0].frontend_parameters,
        parameters=results[0].parameters,
        train_seconds=sum(result.train_seconds for result in results) / len(results),
    )


def _by_seed(results: list[TrialResult]) -> dict[int, float]:
    return {result.config.seed: result.accuracy for result in results}


def _figures(name: str, results: list[TrialResult], places: Places) -> list[tuple[str, str, str]]:
    """(figure, caption, SVG) of the first finished seed of a front end."""
    first = next(result for result in results if result.name == name)
    folder = places.trial(first.trial_id) / FIGURES_FOLDER
    path = folder / CAPTIONS_NAME
    captions = (
        json.loads(path.read_text()) if path.is_file() else {svg.stem: "" for svg in sorted(folder.glob("*.svg"))}
    )
    return [
        (figure, caption, _inline(folder / f"{figure}.svg", f"{name}-{figure}")) for figure, caption in captions.items()
    ]


def _inline(path: Path, prefix: str) -> str:
    """The `<svg>` element in the page's text colour, with ids that no other figure on the page has."""
    svg = path.read_text()
    svg = svg[svg.index("<svg") :].replace(_INK, "currentColor")
    svg = re.sub(r'(\bid="|xlink:href="#|url\(#)', rf"\g<1>{prefix}-", svg)
    return re.sub(
        r'<svg([^>]*?) width="[^"]*"',
        r"<svg\1",
        re.sub(r'<svg([^>]*?) height="[^"]*"', r"<svg\1", svg, count=1),
        count=1,
    )


@dataclass(frozen=True, kw_only=True)
class _ChartRow:
    """Positions in percent of the chart's width."""

    name: str
    mean: float
    low: float
    high: float
    seeds: tuple[float, ...]


def _chart(table: Table) -> tuple[list[_ChartRow], list[tuple[float, str]]]:
    """Rows and axis ticks of the dot plot, on an axis that covers seeds and intervals."""
    ends = [value for row in table.rows for value in (*row.accuracies.values(), row.accuracy.low, row.accuracy.high)]
    values = [max(0.0, min(1.0, value)) for value in ends if value is not None]
    low, high = max(0.0, min(values) - 0.01), min(1.0, max(values) + 0.01)

    def position(value: float) -> float:
        return 100 * (max(low, min(high, value)) - low) / (high - low)

    rows = [
        _ChartRow(
            name=row.name,
            mean=position(row.accuracy.mean),
            low=position(row.accuracy.mean if row.accuracy.low is None else row.accuracy.low),
            high=position(row.accuracy.mean if row.accuracy.high is None else row.accuracy.high),
            seeds=tuple(position(value) for value in row.accuracies.values()),
        )
        for row in table.rows
    ]
    ticks = [low + (high - low) * i / 4 for i in range(5)]
    return rows, [(position(tick), f"{100 * tick:.1f}") for tick in ticks]
