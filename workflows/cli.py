"""The `leafworks` command.

Every command is a frozen dataclass that `tyro` turns into typed flags; the loaded workflow is one of its
fields, so that any knob of an experiment can be set by name: `leafworks run quickstart --train.epochs 2`.
Nothing here loads TensorFlow, Beam, Ray or MLflow: stages do, in processes of their own.
"""

import dataclasses
import json
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, TypeVar, get_args

import tyro

from infra import config
from infra.stage import StageError, run_stage
from pipelines.config import (
    CorpusName,
    FolderConfig,
    PrepareConfig,
    Prepared,
    PrepareRequest,
    ShowRequest,
    SnapshotSummary,
    SplitConfig,
    SyntheticConfig,
    Verification,
    VerifyRequest,
)
from training.config import EncoderConfig
from workflows import catalog, console
from workflows.places import Places
from workflows.plan import make_plan
from workflows.report import make_table, write_page
from workflows.runner import read_state, run
from workflows.workflow import DEFAULT_ROOT, Workflow

USAGE = """\
leafworks: from raw recordings to a table of audio front ends, with intervals.

  leafworks run NAME|FILE.py [--source DIR]    prepare, train, report; a second time: only what is missing
  leafworks plan NAME|FILE.py [--source DIR]   what would run, why, how long
  leafworks prepare CORPUS [--source DIR]      one corpus to one snapshot of TFRecord shards
  leafworks verify SNAPSHOT                    read every record again and compare with ledger and card
  leafworks show SNAPSHOT                      what a snapshot holds, and which clips were rejected and why
  leafworks report NAME                        the table and the page again
  leafworks list                               workflows, corpora, front ends, encoders

`leafworks COMMAND --help` explains a command and its flags; `leafworks run NAME --help` lists every knob of an
experiment with its default. plan, verify, show, report and list print JSON with --json. Results go below
./output (--root).

Start here:  leafworks run quickstart
"""

_WorkflowFields = Annotated[Workflow, tyro.conf.arg(name="")]


@dataclass(frozen=True, kw_only=True)
class Run:
    """Prepares the corpus, trains every front end with every seed, prints the table; skips what is done.

    Attributes:
      workflow: the experiment; every field of it is a flag.
      source: folder of the corpus's recordings; none for a corpus that is made on the spot.
      root: everything that is written goes below this folder.
      workers: threads that decode recordings.
      max_rejected_share: largest share of rejected clips that is not an error, 0 to 1.
    """

    workflow: _WorkflowFields
    source: Path | None = None
    root: Path = DEFAULT_ROOT
    workers: int = PrepareRequest.workers
    max_rejected_share: float = PrepareRequest.max_rejected_share


@dataclass(frozen=True, kw_only=True)
class Planned:
    """Says what `leafworks run` would do, why, and how long it would take, and does none of it.

    Attributes:
      workflow: the experiment; every field of it is a flag.
      source: folder of the corpus's recordings; none for a corpus that is made on the spot.
      root: folder of all results.
      json: print JSON.
    """

    workflow: _WorkflowFields
    source: Path | None = None
    root: Path = DEFAULT_ROOT
    json: bool = False


@dataclass(frozen=True, kw_only=True)
class Prepare:
    """Turns one corpus into one snapshot: TFRecord shards, a ledger of every clip, a card.

    A run that was stopped goes on where it was. Clips that cannot be kept are in the ledger with their
    reason; if they are too many, the run ends with an error after it has finished and said what it found.

    Attributes:
      corpus: synthetic, folder, fsdd or esc10; `leafworks list` describes them.
      source: folder of the recordings.
      root: snapshots go to ROOT/snapshots/CORPUS/KEY.
      workers: threads that decode.
      max_rejected_share: largest share of rejected clips that is not an error, 0 to 1.
      beam_options: given to Beam as they are, e.g. --runner=FlinkRunner; the default is its local runner.
      sample_rate: of the stored waveforms, in Hz.
      min_duration_ms: shorter clips are rejected.
      silence_db: clips that stay below this peak level, in dB re full scale, are rejected.
      clips_per_shard: a shard is the unit of work and of resume.
      split: shares where a corpus has no official split.
      folder: where the labels of a folder are.
      synthetic: the corpus made on the spot.
    """

    corpus: tyro.conf.Positional[CorpusName]
    source: Path | None = None
    root: Path = DEFAULT_ROOT
    workers: int = PrepareRequest.workers
    max_rejected_share: float = PrepareRequest.max_rejected_share
    beam_options: tuple[str, ...] = ()
    sample_rate: int = PrepareConfig.sample_rate
    min_duration_ms: float = PrepareConfig.min_duration_ms
    silence_db: float = PrepareConfig.silence_db
    clips_per_shard: int = PrepareConfig.clips_per_shard
    split: SplitConfig = field(default_factory=SplitConfig)
    folder: FolderConfig = field(default_factory=FolderConfig)
    synthetic: SyntheticConfig = field(default_factory=SyntheticConfig)

    def request(self) -> PrepareRequest:
        """What the stage is asked."""
        names = {f.name for f in dataclasses.fields(PrepareConfig)}
        return PrepareRequest(
            config=PrepareConfig(**{name: getattr(self, name) for name in names}),
            source=_text(self.source),
            root=str(Places(self.root).snapshots),
            workers=self.workers,
            max_rejected_share=self.max_rejected_share,
            beam_options=self.beam_options,
        )


@dataclass(frozen=True, kw_only=True)
class Verify:
    """Reads every record of a snapshot again, with its checksums, and compares with ledger and card.

    Attributes:
      snapshot: the folder with the card.
      json: print JSON.
    """

    snapshot: tyro.conf.Positional[Path]
    json: bool = False


@dataclass(frozen=True, kw_only=True)
class Show:
    """Says what a snapshot holds: splits, hours, classes, and the rejected clips with their reasons.

    Attributes:
      snapshot: the folder with the card.
      json: print JSON.
    """

    snapshot: tyro.conf.Positional[Path]
    json: bool = False


@dataclass(frozen=True, kw_only=True)
class Report:
    """Makes the table and the page of a workflow again, from its finished trials.

    Attributes:
      name: of the workflow.
      root: folder of all results.
      json: print JSON.
    """

    name: tyro.conf.Positional[str]
    root: Path = DEFAULT_ROOT
    json: bool = False


@dataclass(frozen=True, kw_only=True)
class List:
    """Lists the workflows, corpora, front ends and encoders.

    Attributes:
      json: print JSON.
    """

    json: bool = False


Command = TypeVar("Command")
WithWorkflow = TypeVar("WithWorkflow", Run, Planned)


def main() -> None:
    """Entry point of the `leafworks` command.

    The exit code is 0; 1: a stage or a trial failed, or a snapshot has problems; 2: refused, for bad input or
    too many rejected clips.
    """
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
    command = _with_workflow(Run, "run", arguments)
    if command is None:
        return 0
    places = Places(command.root)
    with console.progress() as progress:
        outcome = run(
            command.workflow,
            places=places,
            source=_text(command.source),
            workers=command.workers,
            max_rejected_share=command.max_rejected_share,
            on_line=progress.line,
            on_progress=progress.update,
        )
    if outcome.repeated_nothing:
        print(f"Nothing to run: the snapshot and all {len(outcome.state.trials)} trials are finished.")
    table = make_table(outcome.state, places)
    console.print_table(table)
    print(f"\nReport: {write_page(table, outcome.state, places)}")
    print(f"Runs:   mlflow ui --backend-store-uri {places.tracking()[0]}")
    for trial, reason in outcome.failed.items():
        print(f"error: {trial} failed: {reason}", file=sys.stderr)
    return 1 if outcome.failed else 0


def _plan(arguments: list[str]) -> int:
    command = _with_workflow(Planned, "plan", arguments)
    if command is None:
        return 0
    plan = make_plan(command.workflow, places=Places(command.root), source=_text(command.source))
    return _show(command.json, plan, console.print_plan)


def _prepare(arguments: list[str]) -> int:
    command = _parse(Prepare, "prepare", arguments)
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
    command = _parse(Verify, "verify", arguments)
    found = run_stage("pipelines.verify", VerifyRequest(snapshot=str(command.snapshot)), Verification)
    _show(command.json, found, console.print_verification)
    return 1 if found.problems else 0


def _show_snapshot(arguments: list[str]) -> int:
    command = _parse(Show, "show", arguments)
    summary = run_stage("pipelines.show", ShowRequest(snapshot=str(command.snapshot)), SnapshotSummary)
    return _show(command.json, summary, console.print_summary)


def _report(arguments: list[str]) -> int:
    command = _parse(Report, "report", arguments)
    places = Places(command.root)
    state = read_state(places, command.name)
    table = make_table(state, places)
    path = write_page(table, state, places)
    _show(command.json, table, console.print_table)
    if not command.json:
        print(f"\nReport: {path}")
    return 0


def _list(arguments: list[str]) -> int:
    command = _parse(List, "list", arguments)
    encoders = get_args(next(f.type for f in dataclasses.fields(EncoderConfig) if f.name == "name"))
    things = {
        "workflows": {name: catalog.description(name) for name in catalog.MODULES},
        "corpora": dict(catalog.CORPORA),
        "front ends": dict(catalog.FRONTENDS),
        "encoders": {name: catalog.ENCODERS[name] for name in encoders},
    }
    if command.json:
        print(json.dumps(things, indent=2))
    else:
        console.print_list(things)
    return 0


_COMMANDS: dict[str, Callable[[list[str]], int]] = {
    "run": _run,
    "plan": _plan,
    "prepare": _prepare,
    "verify": _verify,
    "show": _show_snapshot,
    "report": _report,
    "list": _list,
}


def _with_workflow(command: type[WithWorkflow], name: str, arguments: list[str]) -> WithWorkflow | None:
    """Loads the workflow named first, and parses the flags over its fields; None after a bare --help."""
    if not arguments or arguments[0].startswith("-"):
        words = (command.__doc__ or "").split("Attributes:")[0].strip()
        print(f"usage: leafworks {name} NAME|FILE.py [flags]\n\n{words}\n")
        console.print_list({"workflows": {key: catalog.description(key) for key in catalog.MODULES}})
        print(f"\n`leafworks {name} NAME --help` lists every flag with its default.")
        if arguments and arguments[0] in ("-h", "--help"):
            return None
        raise ValueError("which workflow? The first word after the command is a name or the path of a .py file.")
    workflow = catalog.load(arguments[0])
    return _parse(command, f"{name} {arguments[0]}", arguments[1:], default=command(workflow=workflow))


def _parse(command: type[Command], name: str, arguments: list[str], default: Command | None = None) -> Command:
    given: dict[str, Any] = {} if default is None else {"default": default}
    flags: Callable[..., Command] = tyro.cli
    return flags(command, prog=f"leafworks {name}", args=arguments, config=(tyro.conf.AvoidSubcommands,), **given)


def _show(as_json: bool, value: Any, in_words: Callable[[Any], None]) -> int:
    if as_json:
        print(config.to_json(value), end="")
    else:
        in_words(value)
    return 0


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)


if __name__ == "__main__":
    main()
