"""The `leafworks` command; its subcommands and their flags are in `workflows.commands`.

Nothing here loads TensorFlow, Beam, Ray or MLflow: stages do, in processes of their own.
"""

import json
import os
import signal
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from infra import config
from infra.common_clips import read_common
from infra.stage import StageError, run_stage
from pipelines.config import Prepared, ShowRequest, SnapshotSummary, Verification, VerifyRequest
from pipelines.requests import Difference, DiffRequest, Duplicates, DuplicatesRequest, Fetched, Page, PageRequest
from training.requests import Inspected, InspectRequest
from workflows import catalog, console, flags
from workflows.commands import (
    Featurize,
    FeaturizeInitial,
    Inspect,
    InspectInitial,
    List,
    Planned,
    PlannedMatrix,
    Report,
    Run,
    RunMatrix,
    text,
)
from workflows.comparison import Compare, compare, print_comparison
from workflows.delivery import Sync, deliver_pending, print_synced
from workflows.features import featurize
from workflows.matrix import preparations_of
from workflows.places import Places
from workflows.plan import make_plan
from workflows.preparation import plan_preparation
from workflows.prepare_commands import Fetch, Prepare, Show, Verify
from workflows.report import write_page
from workflows.reproduction import Reproduce, print_reproduction, reproduce
from workflows.runner import read_state, run
from workflows.snapshots import Diff, FindDuplicates, print_difference, print_duplicates
from workflows.source_flags import by_task
from workflows.sources import frontend_source
from workflows.table import make_table
from workflows.usage import USAGE


def main() -> None:
    """Entry point of the `leafworks` command.

    The exit code is 0; 1: a stage or a trial failed, or a snapshot has problems; 2: refused, for bad input or
    too many rejected clips.
    """
    # As Ctrl-C: stages are asked to stop, and say where they can go on.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        sys.exit(run_command(sys.argv[1:]))
    except BrokenPipeError:  # the reader of a pipe, e.g. `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)


def run_command(arguments: Sequence[str]) -> int:
    """Runs one command line and returns its exit code; the reason of a failure is printed last."""
    if not arguments or arguments[0] in ("-h", "--help"):
        print(USAGE)
        return 0 if arguments else 2
    command, rest = arguments[0], list(arguments[1:])
    if command not in _COMMANDS:
        print(f"error: {command!r} is not a command. Known: {', '.join(_COMMANDS)}.", file=sys.stderr)
        return 2
    try:
        return _COMMANDS[command](rest)
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except StageError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("stopped; the same command goes on from here", file=sys.stderr)
        return 130


def _run(arguments: list[str]) -> int:
    command = flags.with_workflow((Run, RunMatrix), "run", arguments)
    if command is None:
        return 0
    places = Places(command.root)
    with console.progress() as progress:
        outcome = run(
            command.workflow,
            places=places,
            sources=by_task(command.source, preparations_of(command.workflow)),
            workers=command.workers,
            max_rejected_share=command.max_rejected_share,
            on_line=progress.line,
            on_progress=progress.update,
        )
    if outcome.repeated_nothing:
        what = "the snapshot" if len(outcome.state.snapshots) == 1 else f"{len(outcome.state.snapshots)} snapshots"
        print(f"Nothing to run: {what} and all {len(outcome.state.trials)} trials are finished.")
    table = make_table(outcome.state, places)
    console.print_table(table)
    print(f"\nReport: {write_page(table, outcome.state, places)}")
    print(f"Runs:   {places.way_to_runs()}")
    for trial, reason in outcome.failed.items():
        print(f"error: {trial} failed: {reason}", file=sys.stderr)
    for task, why in outcome.missing.items():
        print(f"error: {task} was left out: {why}", file=sys.stderr)
    return 1 if outcome.failed or outcome.missing else 0


def _plan(arguments: list[str]) -> int:
    if arguments[:1] == ["prepare"]:
        return plan_preparation(arguments[1:])
    command = flags.with_workflow((Planned, PlannedMatrix), "plan", arguments)
    if command is None:
        return 0
    sources = by_task(command.source, preparations_of(command.workflow))
    plan = make_plan(command.workflow, places=Places(command.root), sources=sources)
    return _show(command.json, plan, console.print_plan)


def _fetch(arguments: list[str]) -> int:
    command = flags.parse(Fetch, "fetch", arguments)
    with console.progress() as progress:
        fetched = run_stage(
            "pipelines.fetch",
            command.request(),
            Fetched,
            on_line=progress.line,
            on_progress=progress.update,
        )
    return _show(command.json, fetched, console.print_fetched)


def _prepare(arguments: list[str]) -> int:
    command = flags.parse(Prepare, "prepare", flags.to_the_end("--beam-options", arguments))
    with console.progress() as progress:
        prepared = run_stage(
            "pipelines.prepare",
            command.request(),
            Prepared,
            on_line=progress.line,
            on_progress=progress.update,
        )
    console.print_prepared(prepared)
    return 0


def _verify(arguments: list[str]) -> int:
    command = flags.parse(Verify, "verify", arguments)
    found = run_stage("pipelines.verify", VerifyRequest(snapshot=str(command.snapshot)), Verification)
    _show(command.json, found, console.print_verification)
    return 1 if found.problems else 0


def _show_snapshot(arguments: list[str]) -> int:
    command = flags.parse(Show, "show", arguments)
    summary = run_stage("pipelines.show", ShowRequest(snapshot=str(command.snapshot)), SnapshotSummary)
    _show(command.json, summary, console.print_summary)
    if command.page is not None:
        snapshot, page = str(command.snapshot), str(command.page)
        request = PageRequest(snapshot=snapshot, page=page, source=text(command.source))
        print(f"Page: {run_stage('pipelines.page', request, Page).page}", file=sys.stderr)
    return 0


def _diff(arguments: list[str]) -> int:
    command = flags.parse(Diff, "diff", arguments)
    request = DiffRequest(before=str(command.before), after=str(command.after), common=text(command.common))
    return _show(command.json, run_stage("pipelines.diff", request, Difference), print_difference)


def _duplicates(arguments: list[str]) -> int:
    command = flags.parse(FindDuplicates, "duplicates", arguments)
    folders = tuple(str(folder) for folder in command.snapshots)
    request = DuplicatesRequest(snapshots=folders, near=command.near, workers=command.workers)
    return _show(command.json, run_stage("pipelines.duplicates", request, Duplicates), print_duplicates)


def _report(arguments: list[str]) -> int:
    command = flags.parse(Report, "report", arguments)
    places = Places(command.root)
    state = read_state(places, command.name)
    table = make_table(state, places, clips=None if command.clips is None else read_common(command.clips))
    path = write_page(table, state, places)
    _show(command.json, table, console.print_table)
    if not command.json:
        print(f"\nReport: {path}")
    return 0


def _sync(arguments: list[str]) -> int:
    command = flags.parse(Sync, "sync", arguments)
    synced = deliver_pending(Places(command.root), on_line=lambda line: print(line, file=sys.stderr))
    _show(command.json, synced, print_synced)
    return 1 if synced.left else 0


def _compare(arguments: list[str]) -> int:
    command = flags.parse(Compare, "compare", arguments)
    return _show(command.json, compare(command.one, command.other, Places(command.root)), print_comparison)


def _reproduce(arguments: list[str]) -> int:
    command = flags.parse(Reproduce, "reproduce", arguments)
    with console.progress() as progress, tempfile.TemporaryDirectory(prefix="leafworks-") as downloads:
        found = reproduce(command, download_folder=Path(downloads), on_line=progress.line, on_progress=progress.update)
    _show(command.json, found, print_reproduction)
    return 0 if found.reproduced else 1


def _inspect(arguments: list[str]) -> int:
    if not flags.named("inspect FRONTEND", Inspect, arguments, {"front ends": catalog.FRONTENDS}):
        return 0
    what = arguments[0]
    command = flags.parse_frontend(what, f"inspect {what}", arguments[1:], (Inspect, InspectInitial))
    folder = command.out or Places(command.root).inspection(what)
    with tempfile.TemporaryDirectory(prefix="leafworks-") as downloads:
        source = frontend_source(what, command, download_folder=Path(downloads))
        request = InspectRequest(title=what, source=source, folder=str(folder))
        inspected = run_stage("training.inspect", request, Inspected, on_line=lambda line: None)
    console.print_inspection(inspected, str(folder))
    return 0


def _featurize(arguments: list[str]) -> int:
    what = flags.value_of("--frontend", arguments) or Featurize.frontend
    command = flags.parse_frontend(what, "featurize", arguments, (Featurize, FeaturizeInitial))
    folder = command.out or Places(command.root).features
    with console.progress() as progress, tempfile.TemporaryDirectory(prefix="leafworks-") as downloads:
        features = featurize(
            frontend_source(what, command, download_folder=Path(downloads)),
            command.recordings,
            folder=folder,
            file_format=command.format,
            pictures=command.pictures,
            on_line=lambda line: None,
            on_progress=progress.update,
        )
    console.print_features(features, folder)
    for recording, reason in features.failed.items():
        print(f"error: {recording}: {reason}", file=sys.stderr)
    return 1 if features.failed else 0


def _list(arguments: list[str]) -> int:
    command = flags.parse(List, "list", arguments)
    things = {
        "workflows": {name: catalog.description(name) for name in catalog.MODULES},
        "corpora": catalog.CORPORA,
        "front ends": catalog.FRONTENDS,
        "encoders": catalog.ENCODERS,
    }
    if command.json:
        print(json.dumps(things, indent=2))
    else:
        console.print_list(things)
    return 0


_COMMANDS: dict[str, Callable[[list[str]], int]] = {
    "run": _run,
    "plan": _plan,
    "fetch": _fetch,
    "prepare": _prepare,
    "verify": _verify,
    "show": _show_snapshot,
    "diff": _diff,
    "duplicates": _duplicates,
    "report": _report,
    "sync": _sync,
    "reproduce": _reproduce,
    "compare": _compare,
    "inspect": _inspect,
    "featurize": _featurize,
    "list": _list,
}


def _show(as_json: bool, value: Any, in_words: Callable[[Any], None]) -> int:
    if as_json:
        print(config.to_json(value), end="")
    else:
        in_words(value)
    return 0


if __name__ == "__main__":
    main()
