"""Preparation against a bare loop, side by side: `python benchmarks/prepare.py`.

CPU-seconds of all processes on 1 and on 2 workers, start-up apart, while the bare loop runs on the same cores, and the
largest process at 1 and 10 times the clips; see `benchmarks/README.md`. Prints a table and writes JSON. A comparison,
not a test: nothing here fails.

    python benchmarks/prepare.py [--recordings DIR] [--rounds 5] [--scale 1.0] [--only FLAC Ogg]
    python benchmarks/prepare.py --scale 0.02 --rounds 2         # does it still run?
"""

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks import machine
from benchmarks.recordings import CORPORA
from benchmarks.rounds import progress
from infra import config as configs
from infra.environment import stage_environment
from pipelines.config import PrepareConfig, PrepareRequest

ROOT = Path(__file__).parents[1]
FEW = 14  # clips of the corpus that start-up is measured on: two of each class
WORKERS = (1, 2)
LIBRARIES = ("apache-beam", "numpy", "soundfile", "soxr", "tfrecord")
Taken = dict[str, float]


def main() -> None:
    """Measures, shows and writes."""
    arguments = _arguments()
    report: dict[str, Any] = {"machine": _facts(), "rounds": arguments.rounds, "corpora": {}}
    with tempfile.TemporaryDirectory(prefix="leafworks-") as folder:
        wanted = {name: found for name, found in CORPORA.items() if any(word in name for word in arguments.only)}
        for number, (name, (make, most)) in enumerate(wanted.items()):
            clips = max(FEW, round(most * arguments.scale))
            home = Path(folder, str(number))
            for size, count in {"few": FEW, "all": clips, "tenth": max(FEW, clips // 10)}.items():
                make(arguments.recordings, home / size, count)
            row = {"clips": clips, **measure(home, rounds=arguments.rounds)}
            report["corpora"][name] = row
            arguments.out.write_text(json.dumps(report, indent=1) + "\n")
            print(_line(name, row), flush=True)


def measure(home: Path, *, rounds: int) -> dict[str, Any]:
    """Bare loop and preparation of the corpus in a folder, at once on the same cores, round by round."""
    runs: dict[str, list[Taken]] = {}
    for number in range(rounds):
        progress(f"  round {number + 1} of {rounds}")
        pairs = [(workers, size) for workers in WORKERS for size in ("few", "all")]
        for workers, size in random.Random(number).sample(pairs, len(pairs)):
            for who, taken in _pair(workers, home / size, _cores(workers, number)).items():
                runs.setdefault(f"{who}, {size}", []).append(taken)
    tenth = _pair(max(WORKERS), home / "tenth", _cores(max(WORKERS), 0))
    return {
        "contenders": {_workers(workers): _compared(runs, _workers(workers)) for workers in WORKERS},
        "largest_mb": {
            "a tenth of the clips": tenth[_workers(max(WORKERS))]["largest_mb"],
            "all clips": max(run["largest_mb"] for run in runs[f"{_workers(max(WORKERS))}, all"]),
        },
        "runs": runs,
    }


def _compared(runs: dict[str, list[Taken]], who: str) -> dict[str, Any]:
    """The CPU-seconds of preparation and of the bare loop beside it, and the second to the first, round by round."""
    ours, bare = ([run["cpu_seconds"] for run in runs[f"{name}, all"]] for name in (who, _beside(who)))
    ours_start, bare_start = (
        statistics.median(run["cpu_seconds"] for run in runs[f"{name}, few"]) for name in (who, _beside(who))
    )
    per_clip = [(theirs - bare_start) / (own - ours_start) for own, theirs in zip(ours, bare, strict=True)]
    return {
        "cpu_seconds": statistics.median(ours),
        "bare_cpu_seconds": statistics.median(bare),
        "more_to_start": ours_start - bare_start,
        "per_clip": statistics.median(per_clip),
        "per_clip_range": [min(per_clip), max(per_clip)],
        "with_start": statistics.median(theirs / own for own, theirs in zip(ours, bare, strict=True)),
    }


def _pair(workers: int, corpus: Path, cores: set[int] | None) -> dict[str, Taken]:
    """Both contenders at once: the system gives each its share of the same cores, so that what slows one slows both."""
    with tempfile.TemporaryDirectory(prefix="leafworks-", dir=corpus.parent) as folder:
        request = PrepareRequest(
            config=PrepareConfig(corpus="folder"),
            source=str(corpus),
            root=folder,
            workers=workers,
            max_rejected_share=1.0,
        )
        path = Path(folder, "request.json")
        path.write_text(configs.to_json(request))
        commands = {
            _workers(workers): ["pipelines.prepare", str(path)],
            _beside(_workers(workers)): ["benchmarks.bare_loop", str(corpus), str(Path(folder, "bare.tfrecord"))],
        }
        with _on(cores):
            started = {who: _start(command) for who, command in commands.items()}
        return {who: _taken(process) for who, process in started.items()}


def _start(command: list[str]) -> "subprocess.Popen[bytes]":
    python = [sys.executable, "-P", "-m"]
    environment = {**stage_environment(), "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        [*python, "benchmarks.measured", *python, *command], env=environment, stdout=subprocess.PIPE
    )


def _taken(process: "subprocess.Popen[bytes]") -> Taken:
    answer, _ = process.communicate()
    if process.returncode:
        raise SystemExit(f"A contender ended with exit code {process.returncode}; its last words are above.")
    taken: Taken = json.loads(answer)
    return taken


def _cores(workers: int, number: int) -> set[int] | None:
    """As many cores as workers, others every round; None where the system does not let one choose."""
    if not hasattr(os, "sched_getaffinity"):
        return None
    there = sorted(os.sched_getaffinity(0))
    return {there[(number + worker) % len(there)] for worker in range(workers)}


@contextmanager
def _on(cores: set[int] | None) -> Iterator[None]:
    """What is started in the block runs on these cores."""
    if cores is None:
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def _workers(count: int) -> str:
    return f"{count} worker{'s' if count > 1 else ''}"


def _beside(who: str) -> str:
    return f"bare loop beside {who}"


def _line(name: str, row: dict[str, Any]) -> str:
    told = [f"{name}: {row['clips']} clips, CPU-seconds"]
    for who, found in row["contenders"].items():
        low, high = found["per_clip_range"]
        told.append(
            f"  {who}: {found['cpu_seconds']:.1f}, the bare loop beside it {found['bare_cpu_seconds']:.1f}, "
            f"{found['more_to_start']:.1f} more to start; {found['per_clip']:.0%} of the bare loop's pace per clip "
            f"({low:.0%} to {high:.0%}), {found['with_start']:.0%} with start-up"
        )
    sizes = ", ".join(f"{size:.0f} MB with {name}" for name, size in row["largest_mb"].items())
    return "\n".join([*told, f"  largest process: {sizes}"])


def _facts() -> dict[str, Any]:
    facts = machine.facts()
    del facts["threads"]
    return {**facts, "versions": {name: machine.version_of(name) for name in LIBRARIES}}


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--recordings", type=Path, default=ROOT.parent / "shared/corpora", help="any folder of them")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--scale", type=float, default=1.0, help="of the numbers of clips")
    parser.add_argument("--only", nargs="+", default=[""], metavar="WORD", help="corpora with a word in their names")
    parser.add_argument("--out", type=Path, default=Path("prepare.json"))
    return parser.parse_args()


if __name__ == "__main__":
    main()
