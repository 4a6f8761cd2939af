"""What a person sees in the terminal."""

import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table as RichTable

from pipelines.config import Prepared, SnapshotSummary, Verification
from pipelines.requests import Fetched
from training.requests import Inspected
from workflows import wording
from workflows.features import Features
from workflows.plan import Plan
from workflows.table import Section, Table, section_title

_LOG_SECONDS = 10.0
_LOG_WIDTH = 140
_CLASSES = 60  # in the table of a snapshot
_ROWS = 50


class StageProgress:
    """Shows a stage's lines, and its progress as a bar on a terminal or as a line now and then in a log."""

    def __init__(self, bar: Progress) -> None:
        self._bar = bar
        self._tasks: dict[str, TaskID] = {}
        self._last_line = 0.0

    def line(self, text: str) -> None:
        """A line of the stage's log."""
        self._bar.console.print(text, markup=False, highlight=False, soft_wrap=True)

    def update(self, done: int, total: int, unit: str) -> None:
        """`done` of `total` `unit` are finished."""
        if unit not in self._tasks:
            self._tasks[unit] = self._bar.add_task(unit, total=total)
        self._bar.update(self._tasks[unit], completed=done, total=total)
        now = time.monotonic()
        if not self._bar.console.is_terminal and (done == total or now - self._last_line > _LOG_SECONDS):
            self._last_line = now
            self.line(f"{done} of {total} {unit}")


@contextmanager
def progress() -> Iterator[StageProgress]:
    """A display for the stages that run inside the block; on standard error."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        yield StageProgress(bar)


def print_table(table: Table) -> None:
    """The results, a grid for each task and setting, one front end a line."""
    for section in table.sections:
        _print(_section_grid(section, table.baseline))
        if section.paper_note:
            print(section.paper_note)
    print(
        f"[95 %]: bootstrap over test clips or groups; ±: binomial, as the paper has it; p: as it is (Holm over "
        f"{table.comparisons} comparisons)."
    )
    if table.restricted:
        print(f"Scored on {table.restricted}.")
    if table.missing:
        print(f"Not complete: {table.missing}.")


def _section_grid(section: Section, baseline: str) -> RichTable:
    metrics = tuple(section.rows[0].scores)
    with_paper = any(row.paper for row in section.rows)
    title = f"{section_title(section)}, snapshot {', '.join(section.snapshot_ids)}"
    grid = RichTable(title=title, title_justify="left")
    grid.add_column("front end")
    columns = [f"{wording.METRIC_TITLES[metrics[0]]} [95 %]", "±", "seeds", f"minus {baseline} [95 %]", "p (Holm)"]
    columns += [wording.METRIC_TITLES[metric] for metric in metrics[1:]]
    columns += ["params", "train s", *(["paper"] if with_paper else [])]
    for name in columns:
        grid.add_column(name, justify="right")
    for row in section.rows:
        first, found = row.scores[metrics[0]], row.differences.get(metrics[0])
        cells = [
            wording.score(metrics[0], first),
            wording.binomial(metrics[0], first),
            wording.seeds(metrics[0], first),
        ]
        cells += [wording.difference(metrics[0], found), wording.p_values(found)]
        cells += [wording.number(metric, row.scores[metric].mean) for metric in metrics[1:]]
        cells += [wording.parameters(row.frontend_parameters, row.paper_parameters), f"{row.train_seconds:.0f}"]
        grid.add_row(row.name, *cells, *([wording.figure(row.paper)] if with_paper else []))
    return grid


def print_plan(plan: Plan) -> None:
    """What would run, and why."""
    for snapshot in plan.snapshots:
        clips = ", ".join(f"{split} {count}" for split, count in snapshot.clips.items())
        task = "" if snapshot.task == snapshot.corpus else f" for {snapshot.task}"
        print(f"prepare {snapshot.corpus}{task}: {snapshot.state} ({snapshot.why})")
        if snapshot.folder:
            print(f"  {clips} clips; {snapshot.source_bytes / 1e6:.1f} MB of recordings -> {snapshot.folder}")
    with_parts = any(trial.part for trial in plan.trials)
    grid = RichTable()
    for name in (*(["task"] if with_parts else []), "front end", "seed", "trial", "state", "why", "estimate"):
        grid.add_column(name, overflow="fold")
    for trial in plan.trials:
        seconds = "" if trial.state == "finished" else "unknown" if trial.seconds is None else f"{trial.seconds:.0f} s"
        cells = (trial.name, str(trial.seed), trial.trial_id, trial.state, trial.why, seconds)
        grid.add_row(*([trial.part] if with_parts else []), *cells)
    _print(grid)
    print(f"{len(plan.to_run)} of {len(plan.trials)} trials would run" + _estimate(plan))


def _estimate(plan: Plan) -> str:
    if plan.seconds is None:
        return "."
    unknown = f", and {plan.without_estimate} like none that has run" if plan.without_estimate else ""
    return f", about {plan.seconds:.0f} s one after another, {plan.gpu_hours or 0.0:.2f} GPU-hours{unknown}."


def print_fetched(fetched: Fetched) -> None:
    """The files of a corpus, and what is left to the user."""
    for file in fetched.files:
        origin = "was there" if file.found else "checked" if file.checked else "its owner publishes no checksum"
        print(f"{file.name}: {file.num_bytes:,} bytes, sha256 {file.sha256} ({origin})")
    if fetched.by_hand:
        print(fetched.by_hand)
    print(f"prepare it:  leafworks prepare {fetched.corpus} --source {fetched.source}")


def print_prepared(prepared: Prepared) -> None:
    """What a preparation made."""
    counts = ", ".join(f"{count} {status}" for status, count in sorted(prepared.clips.items()))
    print(f"{counts}; {prepared.shards_made} shards made, {prepared.shards_found} were there.")
    print(f"snapshot id: {prepared.snapshot_id}")
    print(f"snapshot:    {prepared.snapshot}")


def print_verification(found: Verification) -> None:
    """What is wrong with a snapshot, or that nothing is."""
    for problem in found.problems:
        print(f"problem: {problem}")
    verdict = f"{len(found.problems)} problems" if found.problems else "whole"
    print(f"{found.snapshot}: {verdict}; {found.records} records read, snapshot id {found.snapshot_id or 'unknown'}")


def print_list(things: Mapping[str, Mapping[str, str]]) -> None:
    """Names and their one-line descriptions, by kind."""
    width = max(len(name) for entries in things.values() for name in entries)
    for kind, entries in things.items():
        print(f"{kind}:")
        for name, text in entries.items():
            print(f"  {name:<{width}}  {text}")


def print_inspection(inspected: Inspected, folder: str) -> None:
    """The numbers in short, and the files; what is not among them, the front end does not have."""
    grid = RichTable()
    for name in ("over all filters", "unit", "lowest", "median", "highest", "median at initialisation"):
        grid.add_column(name, justify="left" if name in ("over all filters", "unit") else "right")
    for quantity in inspected.quantities:
        values = (quantity.low, quantity.median, quantity.high, quantity.initial)
        grid.add_row(quantity.name, quantity.unit, *("-" if value is None else f"{value:.4g}" for value in values))
    if inspected.quantities:
        _print(grid)
    else:
        print("This front end has no filters, windows or curves of a physical kind to show.")
    print(f"Written to {folder}:\n  {', '.join(inspected.files)}")


def print_features(features: Features, folder: Path) -> None:
    """One recording a line, the first few of many."""
    grid = RichTable()
    for name in ("recording", "s", "frames", "features", "file", "what it is"):
        grid.add_column(name, justify="right" if name in ("s", "frames", "features") else "left", overflow="fold")
    for file in features.written[:_ROWS]:
        sizes = (f"{file.seconds:.2f}", str(file.frames), str(file.features))
        grid.add_row(file.source, *sizes, str(Path(file.path).relative_to(folder)), file.note)
    if features.written:
        _print(grid)
    if len(features.written) > _ROWS:
        print(f"... and {len(features.written) - _ROWS} more")
    ignored = f", {features.ignored} other files ignored" if features.ignored else ""
    print(f"{len(features.written)} recordings featurized, {len(features.failed)} failed{ignored}")
    print(f"Written to {folder}")


def print_summary(summary: SnapshotSummary) -> None:
    """What a snapshot holds."""
    if summary.note:
        print(f"note: {summary.note}")
    rate = "" if summary.sample_rate is None else f", {summary.sample_rate} Hz"
    print(f"{summary.corpus}: {summary.num_bytes / 1e6:.1f} MB{rate}, {len(summary.labels)} classes")
    print(f"snapshot id {summary.snapshot_id or 'none'}, {summary.snapshot}")
    print("listed: " + ", ".join(f"{count} {status}" for status, count in sorted(summary.statuses.items())))
    grid = RichTable()
    grid.add_column("class", overflow="fold")
    for split in summary.clips:
        grid.add_column(split, justify="right")
    totals = {label: sum(counts.get(label, 0) for counts in summary.classes.values()) for label in summary.labels}
    largest = set(sorted(totals, key=lambda label: -totals[label])[:_CLASSES])
    for label in filter(largest.__contains__, summary.labels):
        grid.add_row(label, *(str(summary.classes.get(split, {}).get(label, 0)) for split in summary.clips))
    if len(totals) > len(largest):
        empty = sum(1 for total in totals.values() if not total)
        grid.add_row(f"... {len(totals) - len(largest)} smaller ones, {empty} classes empty: --json has all")
    grid.add_section()
    grid.add_row("all", *(str(count) for count in summary.clips.values()))
    if summary.hours is not None:
        grid.add_row("hours", *(f"{summary.hours.get(split, 0.0):.2f}" for split in summary.clips))
    _print(grid)
    for finding in summary.findings:
        print(f"finding: {finding}")
    for clip in summary.rejected:
        print(f"{clip.status}: {clip.clip_id}: {clip.reason}")


def _print(grid: RichTable) -> None:
    """A log has no width to respect."""
    console = Console(file=sys.stdout)
    if not console.is_terminal:
        console.width = _LOG_WIDTH
    console.print(grid)
