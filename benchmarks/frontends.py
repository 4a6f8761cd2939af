"""All front ends and the reference's LEAF, side by side: `python benchmarks/frontends.py`.

Speed (CPU-seconds, forward and training step, TensorFlow graph and XLA, JAX), memory, and growth with the length of
clips; see `benchmarks/README.md`. Prints tables and writes JSON. A comparison, not a test: nothing here fails.

    python benchmarks/frontends.py [--rounds 10] [--filters 40 64] [--only speed memory growth] [--out frontends.json]
    python benchmarks/frontends.py --quick                       # does it still run?
    python benchmarks/frontends.py --markdown frontends.json     # the tables of an earlier run, for the README
"""

import argparse
import json
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))  # before this folder, where this file would be `frontends`

from benchmarks import machine
from benchmarks.parts import PARTS, Scope
from benchmarks.rounds import progress
from benchmarks.tables import ratios, tables


def main() -> None:
    """Measure and show, or only show."""
    arguments = _arguments()
    if arguments.markdown:
        print(_markdown(json.loads(arguments.markdown.read_text())))
        return
    for report in measure(_scope(arguments), only=arguments.only):
        arguments.out.write_text(json.dumps(report, indent=1) + "\n")
    for table in tables(report):
        print(table.as_text())


def measure(scope: Scope, *, only: Sequence[str]) -> Iterator[dict[str, Any]]:
    """The report after each of the parts named: what is there of them, ratios, and what they depend on."""
    facts, start, parts = machine.facts(), time.monotonic(), {}
    for name in only:
        parts[name] = PARTS[name](scope)
        minutes = round((time.monotonic() - start) / 60, 1)
        progress(f"{name} done after {minutes} minutes")
        settings = {"rounds": scope.rounds, "filters": scope.filters, "minutes": minutes}
        yield {"machine": facts, "settings": settings, "ratios": ratios(parts), "parts": parts}


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, help="default 10, with --quick 2")
    parser.add_argument("--filters", type=int, nargs="+", help="default 40 64, with --quick 8")
    parser.add_argument("--only", nargs="+", choices=list(PARTS), default=list(PARTS))
    parser.add_argument("--out", type=Path, default=Path("frontends.json"))
    parser.add_argument("--quick", action="store_true", help="tiny shapes: its numbers mean nothing")
    parser.add_argument("--markdown", type=Path, metavar="JSON", help="print the tables of an earlier run and end")
    return parser.parse_args()


def _scope(arguments: argparse.Namespace) -> Scope:
    if not arguments.quick:
        return Scope(rounds=arguments.rounds or 10, filters=tuple(arguments.filters or (40, 64)))
    tiny = Scope(
        rounds=2,
        filters=(8,),
        shapes=((2, 1),),
        compiled=("Mel-PCEN", "Leaf fast"),
        compiled_once=(),
        long_clips=(1, 4),
        growth=((4, 1), (1, 4)),
    )
    return replace(tiny, rounds=arguments.rounds or tiny.rounds, filters=tuple(arguments.filters or tiny.filters))


def _markdown(report: dict[str, Any]) -> str:
    facts, settings = report["machine"], report["settings"]
    versions = ", ".join(f"{name} {number}" for name, number in facts["versions"].items() if number)
    about = (
        f"Measured on {facts['date']}: {facts['processor']} ({facts['architecture']}), {facts['cores_allowed']} of "
        f"{facts['cores']} cores, {facts['threads']} threads, load {facts['load_at_start']} at the start; {versions}; "
        f"{settings['rounds']} rounds, {settings['minutes']} minutes."
    )
    return "\n".join([about, *(table.as_markdown() for table in tables(report))])


if __name__ == "__main__":
    main()
