"""Random windows of a snapshot against a bare read loop, side by side: `python benchmarks/input.py`.

Four loops over the same windows in the same order, interleaved, one thread, files in the system's cache. Prints windows
per second and ratios, and writes JSON. A comparison, not a test: nothing here fails.

    python benchmarks/input.py [--rounds 10] [--batches 100] [--clip-seconds 1 10] [--snapshot DIR] [--out input.json]
"""

import argparse
import json
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np

from benchmarks import machine
from infra.memory import keep_freed_memory
from infra.stage import run_stage
from pipelines.config import PrepareConfig, Prepared, PrepareRequest
from pipelines.corpora.config import SyntheticConfig
from training.input import TrainingInput
from training.records import Snapshot

WINDOW, BATCH_SIZE = 16_000, 64
SAMPLES_IN_ALL = 11 * 16_000 * 300  # 106 MB
BARE, BARE_FLOAT, READ, INPUT = "bare pread", "bare pread to float32", "Snapshot.windows", "TrainingInput.batches"
RATIOS = ((READ, BARE), (INPUT, BARE_FLOAT))


def main() -> None:
    """Measures, shows and writes."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--batches", type=int, default=100, help="a round, of 64 windows of 1 s")
    parser.add_argument("--clip-seconds", type=float, nargs="+", default=[1.0, 10.0])
    parser.add_argument("--snapshot", type=Path, help="instead of made ones; it needs a split named train")
    parser.add_argument("--out", type=Path, default=Path("input.json"))
    arguments = parser.parse_args()
    keep_freed_memory()  # as a training's workers do
    report: dict[str, Any] = {"machine": machine.facts(), "rounds": arguments.rounds, "windows_per_second": {}}
    with tempfile.TemporaryDirectory(prefix="leafworks-") as folder:
        snapshots = (
            {str(arguments.snapshot): arguments.snapshot}
            if arguments.snapshot
            else {f"clips of {seconds:g} s": made(seconds, Path(folder)) for seconds in arguments.clip_seconds}
        )
        for name, path in snapshots.items():
            report["windows_per_second"][name] = measure(path, rounds=arguments.rounds, batches=arguments.batches)
    arguments.out.write_text(json.dumps(report, indent=1) + "\n")
    for name, speeds in report["windows_per_second"].items():
        print(f"{name}, windows of 1 s in batches of {BATCH_SIZE}, median of {arguments.rounds} rounds")
        for loop, speed in speeds.items():
            print(f"  {loop}: {speed:,.0f} windows a second")
        for ours, bare in RATIOS:
            print(f"  {ours} / {bare}: {speeds[ours] / speeds[bare]:.2f}")


def made(seconds: float, root: Path) -> Path:
    """A snapshot of synthetic clips of that length."""
    per_class = round(SAMPLES_IN_ALL / 11 / 16_000 / seconds)
    corpus = SyntheticConfig(clips_per_class=per_class, duration_ms=1e3 * seconds)
    config = PrepareConfig(corpus="synthetic", synthetic=corpus)
    return Path(
        run_stage("pipelines.prepare", PrepareRequest(config=config, source=None, root=str(root)), Prepared).snapshot
    )


def measure(folder: Path, *, rounds: int, batches: int) -> dict[str, float]:
    """Windows per second of each loop."""
    snapshot = Snapshot(folder)
    clips = snapshot.clips("train")
    training = TrainingInput(snapshot, clips, window=WINDOW, batch_size=BATCH_SIZE, seed=0)
    files = {name: os.open(folder / name, os.O_RDONLY) for name in set(clips.shards)}
    taken: dict[str, list[float]] = {}
    for number in range(rounds + 1):  # the first fills the caches
        places = [_places(training, number * batches + step) for step in range(batches)]
        loops: dict[str, Callable[[int], Any]] = {
            BARE: lambda step, at=places: _bytes(clips, files, *at[step]),
            BARE_FLOAT: lambda step, at=places: [
                np.frombuffer(data, "<i2").astype(np.float32) / 32_768 for data in _bytes(clips, files, *at[step])
            ],
            READ: lambda step, at=places: snapshot.windows(clips, *at[step], WINDOW),
        }
        stream = _batches(training, number * batches)
        loops[INPUT] = lambda step, stream=stream: next(stream)
        for name in random.Random(number).sample(list(loops), len(loops)):
            start = time.perf_counter()
            for step in range(batches):
                loops[name](step)
            taken.setdefault(name, []).append(time.perf_counter() - start)
    for descriptor in files.values():
        os.close(descriptor)
    names = (BARE, BARE_FLOAT, READ, INPUT)
    return {name: batches * BATCH_SIZE / statistics.median(taken[name][1:]) for name in names}


def _places(training: TrainingInput, step: int) -> tuple[np.ndarray, np.ndarray]:
    """Clips and starts of a batch; `step` counts over epochs."""
    epoch, own = divmod(step, training.steps_per_epoch)
    return tuple(column[own * BATCH_SIZE : (own + 1) * BATCH_SIZE] for column in training.order(epoch))  # type: ignore[return-value]


def _batches(training: TrainingInput, step: int) -> Any:
    epoch, own = divmod(step, training.steps_per_epoch)
    while True:
        yield from training.batches(epoch, first_step=own)
        epoch, own = epoch + 1, 0


def _bytes(clips: Any, files: dict[str, int], index: np.ndarray, starts: np.ndarray) -> list[bytes]:
    """The windows, as one would read them by hand."""
    return [
        os.pread(files[clips.shards[clip]], 2 * WINDOW, clips.offsets[clip] + 2 * start)
        for clip, start in zip(index, starts, strict=True)
    ]


if __name__ == "__main__":
    main()
