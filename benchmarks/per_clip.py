"""What a clip costs, against the bare loop, a few clips at a time in one process: `python benchmarks/per_clip.py`.

Decoding, checks, a record and a ledger row against `bare_loop.store`, the same 64 clips by both, in an order that
changes: of use on a busy machine, where whole runs differ more than contenders do. Start-up, listing and sealing are
not in it.

    python benchmarks/per_clip.py [--recordings DIR] [--scale 0.2] [--rounds 3]
"""

import argparse
import random
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from tfrecord.writer import TFRecordWriter

from benchmarks import bare_loop
from benchmarks.recordings import CORPORA
from infra.memory import keep_freed_memory
from pipelines.clip import Clip, stamp_of
from pipelines.config import PrepareConfig
from pipelines.making import store_clips
from pipelines.shards import ShardWriter

TOGETHER = 64  # clips, as in a worker


def main() -> None:
    """A line for each corpus: the median of the rounds."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--recordings", type=Path, default=Path(__file__).parents[2] / "shared/corpora")
    parser.add_argument("--scale", type=float, default=0.2, help="of the numbers of clips of benchmarks/prepare.py")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    keep_freed_memory()
    for name, (make, most) in CORPORA.items():
        with tempfile.TemporaryDirectory(prefix="leafworks-") as folder:
            make(arguments.recordings, Path(folder, "clips"), round(most * arguments.scale))
            rounds = [_round(Path(folder), seed) for seed in range(arguments.rounds)]
        bare, ours = (1e3 * statistics.median(column) for column in zip(*rounds, strict=True))
        print(f"{name}: bare {bare:.2f} ms, leafworks {ours:.2f} ms of CPU, {bare / ours:.0%} of its pace", flush=True)


def _round(folder: Path, seed: int) -> tuple[float, float]:
    """CPU-seconds a clip of the bare loop and of leafworks."""
    draw, config, clips = random.Random(seed), PrepareConfig(corpus="folder"), folder / "clips"
    paths = sorted(clips.rglob("*.*"))
    draw.shuffle(paths)
    bare_writer = TFRecordWriter(str(folder / "bare.tfrecord"))
    taken = [0.0, 0.0]
    with (folder / "ours.tfrecord").open("wb") as stream:
        writer = ShardWriter(stream)

        def bare(several: list[Path]) -> None:
            for path in several:
                bare_loop.store(path, bare_writer)

        def ours(several: list[Path]) -> None:
            few = [_clip(path, clips) for path in several]
            store_clips(few, writer, shard="ours", folder=str(clips), labels=("a",), config=config)

        contenders = (bare, ours)
        for begin in range(0, len(paths), TOGETHER):
            for which in draw.sample(range(2), 2):
                start = time.thread_time()
                contenders[which](paths[begin : begin + TOGETHER])
                taken[which] += time.thread_time() - start
    bare_writer.close()
    return taken[0] / len(paths), taken[1] / len(paths)


def _clip(path: Path, folder: Path) -> Clip:
    source = str(path.relative_to(folder))
    return Clip(clip_id=source, source=source, labels=("a",), split="train", group=source, stamp=stamp_of(str(path)))


if __name__ == "__main__":
    main()
