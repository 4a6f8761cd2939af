"""Preparation against a bare loop, side by side: `python benchmarks/prepare.py`.

CPU-seconds of all processes on 1 and on 2 workers, start-up apart, and the largest process at 1 and 10 times the clips;
see `benchmarks/README.md`. Prints a table and writes JSON. A comparison, not a test: nothing here fails.

    python benchmarks/prepare.py [--recordings DIR] [--rounds 5] [--scale 1.0] [--only FLAC Ogg]
    python benchmarks/prepare.py --scale 0.02 --rounds 2         # does it still run?
"""

import argparse
import json
import random
import statistics
import subprocess
import sys
import tempfile
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
    """The contenders on the corpus in a folder, interleaved, each in processes of its own."""
    taken: dict[str, list[Taken]] = {}
    runs = [(who, size) for who in ("bare", "1 worker", "2 workers") for size in ("few", "all")]
    for number in range(rounds):
        progress(f"  round {number + 1} of {rounds}")
        for who, size in random.Random(number).sample(runs, len(runs)):
            taken.setdefault(f"{who}, {size}", []).append(_run(who, home / size))
    cpu = {name: statistics.median(run["cpu_seconds"] for run in runs) for name, runs in taken.items()}
    return {
        "cpu_seconds": cpu,
        "ratios": {who: _ratios(cpu, who) for who in ("1 worker", "2 workers")},
        "largest_mb": {
            "a tenth of the clips": _run("2 workers", home / "tenth")["largest_mb"],
            "all clips": max(run["largest_mb"] for run in taken["2 workers, all"]),
        },
        "runs": taken,
    }


def _ratios(cpu: dict[str, float], who: str) -> dict[str, float]:
    """Of the bare loop to leafworks: without what both need to start, and with it."""
    bare, ours = (cpu[f"{name}, all"] - cpu[f"{name}, few"] for name in ("bare", who))
    return {"per clip": bare / ours, "with start-up": cpu["bare, all"] / cpu[f"{who}, all"]}


def _run(who: str, corpus: Path) -> Taken:
    with tempfile.TemporaryDirectory(prefix="leafworks-", dir=corpus.parent) as target:
        if who == "bare":
            command = ["benchmarks.bare_loop", str(corpus), str(Path(target, "bare.tfrecord"))]
        else:
            request = PrepareRequest(
                config=PrepareConfig(corpus="folder"),
                source=str(corpus),
                root=target,
                workers=int(who[0]),
                max_rejected_share=1.0,
            )
            path = Path(target, "request.json")
            path.write_text(configs.to_json(request))
            command = ["pipelines.prepare", str(path)]
        python = [sys.executable, "-P", "-m"]
        environment = {**stage_environment(), "PYTHONPATH": str(ROOT)}
        done = subprocess.run(
            [*python, "benchmarks.measured", *python, *command], env=environment, stdout=subprocess.PIPE, check=True
        )
    taken: Taken = json.loads(done.stdout)
    return taken


def _line(name: str, row: dict[str, Any]) -> str:
    cpu, ratios, memory = row["cpu_seconds"], row["ratios"], row["largest_mb"]
    told = [f"{name}: {row['clips']} clips; bare loop {cpu['bare, all']:.1f} CPU-seconds"]
    for who, found in ratios.items():
        start = cpu[f"{who}, few"] - cpu["bare, few"]
        told.append(
            f"  {who}: {cpu[f'{who}, all']:.1f} CPU-seconds, of them {start:.1f} more to start; "
            f"{found['per clip']:.0%} of the bare loop's pace per clip, {found['with start-up']:.0%} with start-up"
        )
    sizes = ", ".join(f"{size:.0f} MB with {name}" for name, size in memory.items())
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
