"""Seals a preparation of millions of kept clips whose ledger parts are made up: seconds and peak memory.

    python benchmarks/sealing.py [--clips 2000000] [--folder DIR]

It prints JSON. The parts are made in a process of its own; the shards are not there, as sealing does not read them.
"""

import argparse
import hashlib
import json
import multiprocessing
import random
import tempfile
import time
from pathlib import Path

from infra.card import ShardCard
from infra.memory import peak_bytes
from pipelines.clip import Listed
from pipelines.config import PrepareConfig
from pipelines.ledger import Row, write_part
from pipelines.plan import Plan, Shard, shard_name
from pipelines.seal import seal
from pipelines.sizes import Sizes

_CLIPS_PER_SHARD = 470
_LABELS = tuple(f"Class {number}, made up" for number in range(527))


def make_plan(folder: Path, clips: int) -> Plan:
    """A plan without clips, whose shards have ledger parts or get them."""
    count = -(-clips // _CLIPS_PER_SHARD)
    return Plan(
        config=PrepareConfig(corpus="audioset", clips_per_shard=_CLIPS_PER_SHARD),
        listed=Listed(clips=(), folder=str(folder)),
        labels=_LABELS,
        key="0",
        folder=folder,
        shards=tuple(Shard(name=shard_name("train", i, count), split="train", clips=()) for i in range(count)),
        sizes=Sizes(with_audio=clips, source_bytes=0, seconds=0.0, output_bytes=0.0),
    )


def make_parts(folder: Path, clips: int) -> None:
    """Rows of kept clips as real ones look: ids, hashes and levels that compress badly."""
    draw, plan = random.Random(0), make_plan(folder, clips)
    for shard in plan.shards:
        path = plan.part_path(shard)
        path.parent.mkdir(parents=True, exist_ok=True)
        rows = [_row(draw, shard.name, record) for record in range(_CLIPS_PER_SHARD)]
        write_part(path, rows, ShardCard(name=shard.name, records=len(rows), num_bytes=1))


def _row(draw: random.Random, shard: str, record: int) -> Row:
    clip_id = f"{draw.getrandbits(44):011x}"
    return Row(
        clip_id=clip_id,
        split="train",
        group=clip_id,
        labels=tuple(draw.sample(_LABELS, 2)),
        source=f"audios/unbalanced_train_segments/unbalanced_train_segments_part07/Y{clip_id}.wav",
        status="kept",
        decoder="libsndfile 1.2.2",
        source_rate=32_000,
        source_channels=1,
        source_format="WAV/PCM_16",
        num_samples=160_000,
        peak_db=-60.0 * draw.random(),
        rms_db=-60.0 * draw.random(),
        clipped_share=0.0,
        sha256=hashlib.sha256(clip_id.encode()).hexdigest(),
        shard=shard,
        record=record,
        waveform_offset=320_150 * record,
    )


def main() -> None:
    """Makes the parts, then seals in this process."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=2_000_000)
    parser.add_argument("--folder", type=Path)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="leafworks-", dir=chosen.folder) as temporary:
        maker = multiprocessing.Process(target=make_parts, args=(Path(temporary), chosen.clips))
        maker.start()
        maker.join()
        begin = time.monotonic()
        card = seal(make_plan(Path(temporary), chosen.clips), max_rejected_share=0.05)
        seconds = round(time.monotonic() - begin, 1)
    print(
        json.dumps(
            {"clips": card.kept, "shards": len(card.splits[0].shards), "seconds": seconds, "peak_bytes": peak_bytes()}
        )
    )


if __name__ == "__main__":
    main()
