"""Large corpora: memory grows by a few hundred bytes a clip, and no clip goes through the runner."""

import json
import subprocess
import sys
import tracemalloc
from pathlib import Path

import pyarrow as pa
from apache_beam.coders import registry

from infra.card import ShardCard
from pipelines import merging
from pipelines.config import ShowRequest
from pipelines.ledger import LedgerRows, Row, write_ledger, write_part
from pipelines.plan import make_plan
from pipelines.show import show
from pipelines.tasks import ShardTask, write_tasks

ROOT = Path(__file__).parents[2]


def run(*arguments: str) -> dict[str, float]:
    """What a benchmark prints."""
    done = subprocess.run([sys.executable, *arguments], check=True, capture_output=True, text=True, cwd=ROOT)
    return json.loads(done.stdout)


def test_listing_takes_a_few_hundred_bytes_a_clip(tmp_path):
    """Two million would take 1.2 GB at this limit; every segment is there, and every file is found."""
    small = run("benchmarks/listing.py", "--segments", "1000")
    large = run("benchmarks/listing.py", "--segments", "61000", "--files", "2000")
    assert (large["clips"], large["with_audio"]) == (61_000, 2_000)
    assert (large["peak_bytes"] - small["peak_bytes"]) / 60_000 < 600


def test_merging_takes_no_more_for_ten_times_the_rows(tmp_path, monkeypatch):
    """Runs go to disk, and a few rows of each are in memory."""
    for name, rows in (("_RUN_ROWS", 1_000), ("_GROUP_ROWS", 1_000), ("_READ_ROWS", 20)):
        monkeypatch.setattr(merging, name, rows)
    peaks = []
    for count in (4_000, 40_000):
        parts = []
        for begin in range(0, count, 1_000):
            ids = (f"{(begin + number) * 7_919 % count:08d}" for number in range(1_000))
            rows = [Row(clip_id=i, split="test", group=i, labels=("a",), source=i, status="missing") for i in ids]
            parts.append(tmp_path / f"{count}-{begin}.arrow")
            write_part(parts[-1], rows, ShardCard(name="0", records=0, num_bytes=0))
        pool = pa.proxy_memory_pool(pa.system_memory_pool())
        before = pa.default_memory_pool()
        pa.set_memory_pool(pool)
        try:
            merging.merge_parts(parts, tmp_path / "clips.parquet")
        finally:
            pa.set_memory_pool(before)
        assert len(list(LedgerRows(tmp_path / "clips.parquet"))) == count
        peaks.append(pool.max_memory())
    assert 0 < peaks[1] < 2 * peaks[0]


def test_a_summary_takes_a_few_hundred_bytes_a_row(tmp_path):
    """It keeps the hashes and the groups of the kept clips, and no row."""
    peaks = []
    for count in (10_000, 20_000):  # of which 8,192 are read at once
        kept = [
            Row(
                clip_id=f"{number:08d}",
                split="train",
                group=f"speaker {number}",
                labels=("a",),
                source=f"{number:08d}.wav",
                status="kept",
                num_samples=16_000,
                sha256=f"{number:064x}",
            )
            for number in range(count)
        ]
        write_ledger(tmp_path / "clips.parquet", kept)
        del kept
        tracemalloc.start()
        found = show(ShowRequest(snapshot=str(tmp_path)))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert found.statuses == {"kept": count}
    assert (peaks[1] - peaks[0]) / 10_000 < 600


def test_a_task_is_small_however_many_clips_it_has(small):
    """A runner holds and copies its elements."""
    plan = make_plan(small(clips_per_shard=1000))
    (task, *_) = write_tasks(plan, plan.shards)
    coder = registry.get_coder(ShardTask)
    assert len(plan.shards[0].clips) > 30
    assert len(coder.encode(task)) < 3 * 2 * len(str(plan.folder)) + 1000
