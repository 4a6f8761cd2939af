"""Sealing: all parts become one ledger, statistics and an id, row by row."""

import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from infra.card import ShardCard
from infra.config import content_hash, hash_of_list
from pipelines import ledger, merging
from pipelines.ledger import Row
from pipelines.seal import data_id, snapshot_id
from pipelines.statistics import statistics

IDS = ["b", "a", "Z", "ä", "-a", "_", "\U0001f3b5", "\ufb00", "a/b", "B"]


def row(clip_id, **fields):
    """A kept clip with samples of its own."""
    values = {
        "split": "train",
        "group": clip_id,
        "labels": ("x",),
        "source": clip_id,
        "status": "kept",
        "num_samples": 16_000,
        "sha256": clip_id.encode().hex().rjust(64, "0"),
        "peak_db": -1.0,
        "rms_db": -11.0,
        "source_rate": 8_000,
        **fields,
    }
    return Row(clip_id=clip_id, **values)


@pytest.fixture
def parts(tmp_path):
    """Writes parts of these rows, three each, and returns their paths."""

    def write(rows):
        paths = []
        for index, begin in enumerate(range(0, len(rows), 3)):
            paths.append(tmp_path / f"{index}.arrow")
            card = ShardCard(name=f"{index}", records=3, num_bytes=1)
            ledger.write_part(paths[-1], rows[begin : begin + 3], card)
        return paths

    return write


def rows_of_all_kinds():
    """Ten, in a random order; of every other column some have nothing to say."""
    rows = [row(name) for name in IDS[:6]]
    rows += [row(IDS[6], status="missing", reason="no such file", sha256=None, num_samples=None, peak_db=None)]
    rows += [row(IDS[7], labels=(), status="unlabelled", reason="none"), row(IDS[8], start=1.5, end=2.0, member="3")]
    rows += [row(IDS[9], decoder="libsndfile", source_format="WAV/PCM_16", shard="s", labels=("y", "x"))]
    return random.Random(0).sample(rows, len(rows))


@pytest.mark.parametrize("run_rows", [1, 4, 1000])
@pytest.mark.parametrize("read_rows", [1, 2, 1000])
def test_parts_become_one_sorted_ledger(tmp_path, parts, monkeypatch, run_rows, read_rows):
    """The same rows as written at once, whichever way they were dealt to parts and sorted; nothing else is left."""
    monkeypatch.setattr(merging, "_GROUP_ROWS", 4)
    monkeypatch.setattr(merging, "_RUN_ROWS", run_rows)
    monkeypatch.setattr(merging, "_READ_ROWS", read_rows)
    rows = rows_of_all_kinds()
    (tmp_path / "out").mkdir()
    contents = set()
    for order in (rows, rows[::-1]):
        merging.merge_parts(parts(order), tmp_path / "out/clips.parquet")
        contents.add((tmp_path / "out/clips.parquet").read_bytes())
    assert len(contents) == 1
    expected = sorted(rows, key=lambda one: one.clip_id)
    assert ledger.read_ledger(tmp_path / "out/clips.parquet") == expected
    assert list(ledger.LedgerRows(tmp_path / "out/clips.parquet")) == expected
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["clips.parquet"]


def test_the_id_is_a_hash_of_the_list_of_kept_clips(tmp_path, parts):
    """By columns or by rows, and as it always was."""
    merging.merge_parts(parts(rows_of_all_kinds()), tmp_path / "clips.parquet")
    rows = ledger.read_ledger(tmp_path / "clips.parquet")
    kept = [one for one in rows if one.status == "kept"]
    expected = content_hash(sorted([one.clip_id, one.labels, one.sha256] for one in kept))
    assert snapshot_id(rows) == expected
    assert hash_of_list(ledger.LedgerRows(tmp_path / "clips.parquet").kept(*ledger.IDENTITY)) == expected
    with_places = content_hash(sorted([one.clip_id, one.labels, one.sha256, one.split, one.group] for one in kept))
    assert data_id(rows) == with_places
    assert (
        hash_of_list(ledger.LedgerRows(tmp_path / "clips.parquet").kept(*ledger.IDENTITY, *ledger.PLACE)) == with_places
    )


@pytest.mark.parametrize("length", [0, 1, 9, 10, 11, 25])
def test_a_list_hashes_alike_in_pieces(monkeypatch, length):
    """Whether it fills its pieces or not."""
    monkeypatch.setattr("infra.config._PIECE", 5)
    items = [[number, None, "ä", {"b": 1.5, "a": ()}] for number in range(length)]
    assert hash_of_list(iter(items)) == content_hash(items)


@pytest.mark.parametrize("batch_rows", [1, 2, 100])
def test_statistics(tmp_path, monkeypatch, batch_rows):
    """Counts, classes, levels, duplicates and leaks as counted by hand, however many rows are read at a time."""
    monkeypatch.setattr(ledger, "_BATCH_ROWS", batch_rows)
    same = "ab" * 32
    rows = [
        row("1", labels=("x", "y"), sha256=same, peak_db=-2.0, rms_db=-97.0),
        row("2", group="1", split="test", sha256=same, peak_db=None, rms_db=None, clipped_share=0.5),
        row("3", split="test", sha256="cd" * 32, peak_db=0.0, rms_db=-140.0, source_rate=44_100),
        row("4", split="test", sha256=same, group="4", status="missing", num_samples=None),
        row("5", sha256=same, group="5", num_samples=8_000),
    ]
    ledger.write_ledger(tmp_path / "clips.parquet", rows)
    found = statistics(ledger.LedgerRows(tmp_path / "clips.parquet"), sample_rate=16_000, ignored=("a", "b"))
    assert (found["listed"], found["kept"], found["statuses"]) == (5, 4, {"kept": 4, "missing": 1})
    assert list(found["splits"]) == ["train", "test"]
    assert found["splits"]["train"] == {
        "listed": 2,
        "kept": 2,
        "hours": pytest.approx(1.5 / 3600),
        "classes": {"x": 2, "y": 1},
    }
    assert found["splits"]["test"]["listed"] == 3
    assert found["identical_clips"] == {"count": 1, "clips": [["1", "2", "5"]]}
    assert found["identical_across_splits"] == {"count": 1, "clips": [["1", "2", "5"]]}
    assert found["identical_under_other_labels"] == {"count": 1, "clips": [["1", "2", "5"]]}
    assert found["groups_in_several_splits"] == {"count": 1, "groups": ["1"]}
    levels = found["levels"]
    assert sum(levels["peak"]) == sum(levels["rms"]) == 3
    assert levels["peak"][-1] == 3
    assert (levels["rms"][0], levels["rms"][17]) == (2, 1)
    assert levels["clips_with_clipped_samples"] == 1
    assert found["source_rates"] == {"44100": 1, "8000": 3}
    assert found["ignored"] == {"count": 2, "names": ["a", "b"]}


def test_a_part_says_what_its_shard_is(parts, tmp_path):
    """None where there is none, or another file."""
    path = parts([row("a")])[0]
    assert ledger.read_part_shard(path) == ShardCard(name="0", records=3, num_bytes=1)
    Path(tmp_path / "x").write_bytes(b"no table")
    assert ledger.read_part_shard(tmp_path / "x") is None
    assert ledger.read_part_shard(tmp_path / "y") is None


def test_a_damaged_part_stops_nothing(parts):
    """Whichever bit of its footer is another; one that was cut off, wherever, is no part."""
    path = parts([row("a")])[0]
    content, card = path.read_bytes(), ledger.read_part_shard(path)
    for bit in range(8 * (len(content) - 3_000), 8 * len(content), 7):
        damaged = bytearray(content)
        damaged[bit // 8] ^= 1 << bit % 8
        path.write_bytes(damaged)
        found = ledger.read_part_shard(path)
        assert found is None or isinstance(found, ShardCard)
    for length in range(0, len(content), 97):
        path.write_bytes(content[:length])
        assert ledger.read_part_shard(path) is None
    path.write_bytes(content)
    assert ledger.read_part_shard(path) == card


THREADS = """
import sys
from pathlib import Path
from infra.card import ShardCard
from pipelines import ledger
threads = lambda: len(list(Path("/proc/self/task").iterdir()))
row = ledger.Row(clip_id="a", split="train", group="a", labels=(), source="a", status="missing")
ledger.write_ledger(Path(sys.argv[1], "ledger"), [row] * 500)  # what Arrow loads for the first table
before = threads()
ledger.write_part(Path(sys.argv[1], "part"), [row] * 500, ShardCard(name="0", records=0, num_bytes=0))
print(threads() - before)
"""


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="threads are counted in /proc")
def test_writing_a_part_starts_no_threads(tmp_path):
    """They count in a child's memory, which is limited; one that cannot be started ends the child at its last clip."""
    environment = {**os.environ, "OMP_NUM_THREADS": "16", "PYTHONPATH": str(Path(__file__).parents[2])}
    command = [sys.executable, "-P", "-c", THREADS, str(tmp_path)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == "0\n"


def test_no_parts_become_an_empty_ledger(tmp_path):
    """What it says then is for whoever looks at it."""
    merging.merge_parts([], tmp_path / "clips.parquet")
    assert ledger.read_ledger(tmp_path / "clips.parquet") == []
