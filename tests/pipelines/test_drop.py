"""Dropping copies: which go and which stays, the same bytes whatever happened on the way, nothing decoded again."""

import itertools
import shutil
from pathlib import Path

import numpy as np
import pytest

from infra.card import read_card
from pipelines import drop
from pipelines.config import VerifyRequest
from pipelines.corpora.config import FolderConfig
from pipelines.ledger import Row, read_ledger
from pipelines.plan import make_plan
from pipelines.prepare import prepare
from pipelines.verify import verify


def row(clip_id: str, split: str, sha256: str, labels: tuple[str, ...] = ("a",)) -> Row:
    """A kept clip."""
    fields = {"group": clip_id, "source": clip_id, "status": "kept", "sha256": sha256}
    return Row(clip_id=clip_id, split=split, labels=labels, **fields)


ROWS = [
    row("1", "train", "x"),
    row("2", "train", "x"),
    row("3", "test", "x", labels=("b",)),
    row("4", "test", "x"),
    row("5", "validation", "x"),
    row("6", "validation", "y"),
    row("7", "train", "y"),
    row("8", "train", "z"),
    row("9", "train", "z"),
]


def test_a_recording_stays_in_one_split():
    """Test before validation before train; copies within a split stay."""
    reasons = drop.decide(ROWS, "across-splits")
    assert set(reasons) == {"1", "2", "5", "7"}
    assert reasons["1"] == "the same samples as `3` (test), which stays, under other labels: b"
    assert reasons["7"] == "the same samples as `6` (validation), which stays"


def test_one_copy_stays():
    """The smallest id of the first of these splits."""
    reasons = drop.decide(ROWS, "all")
    assert set(reasons) == {"1", "2", "4", "5", "7", "9"}
    assert "`8` (train)" in reasons["9"]
    assert drop.decide([row("1", "train", "x"), row("2", "test", "y")], "all") == {}


@pytest.mark.parametrize("policy", ["across-splits", "all"])
def test_the_order_of_the_rows_does_not_matter(policy):
    """Nor which of two near duplicates is named first."""
    expected = drop.decide(ROWS, policy)
    for rows in itertools.islice(itertools.permutations(ROWS), 0, 300_000, 9_973):
        assert drop.decide(list(rows), policy) == expected


def test_near_duplicates_go_when_they_touch_one_that_stays():
    """A chain: the middle one goes for the first, the last touches none that stays; exact copies share neighbours."""
    rows = [row("1", "test", "x"), row("2", "train", "y"), row("3", "train", "z"), row("4", "train", "y")]
    reasons = drop.decide(rows, "all", {(0, 1): 0.97, (1, 2): 0.98})
    assert set(reasons) == {"2", "4"}
    assert reasons["4"] == "nearly the same sound (correlation 0.970) as `1` (test), which stays"


@pytest.fixture
def copies(tmp_path, noise, write_audio) -> Path:
    """12 recordings in three splits; three of train are copies of test or validation, one twice in train."""
    source = tmp_path / "source"
    table = ["path,label,split"]
    splits = ["train"] * 6 + ["validation"] * 3 + ["test"] * 3
    for index, split in enumerate(splits):
        write_audio(source / f"{index}.wav", noise(4_000, seed=index))
        table.append(f"{index}.wav,{'ab'[index % 2]},{split}")
    for index, (of, label) in enumerate([(9, "a"), (6, "b"), (10, "a"), (0, "a")]):
        write_audio(source / f"copy {index}.wav", noise(4_000, seed=of))
        table.append(f"copy {index}.wav,{label},train")
    (source / "t.csv").write_text("\n".join(table))
    return source


def test_copies_are_dropped_and_said_to_be(copies, request_for):
    """In the ledger with the clip that stays; the snapshot is whole, and its records are where the ledger says."""
    request = request_for(
        "folder", source=copies, clips_per_shard=3, folder=FolderConfig(table="t.csv"), drop="across-splits"
    )
    prepared = prepare(request)
    assert prepared.clips == {"kept": 13, "duplicate": 3}
    folder = Path(prepared.snapshot)
    rows = {row.clip_id: row for row in read_ledger(folder / "clips.parquet")}
    gone = {name: row.reason for name, row in rows.items() if row.status == "duplicate"}
    assert gone == {
        "copy 0.wav": "the same samples as `9.wav` (test), which stays, under other labels: b",
        "copy 1.wav": "the same samples as `6.wav` (validation), which stays, under other labels: a",
        "copy 2.wav": "the same samples as `10.wav` (test), which stays",
    }
    assert verify(VerifyRequest(snapshot=prepared.snapshot)).problems == ()
    assert sum(shard.records for split in read_card(folder).splits for shard in split.shards) == 13
    assert prepare(request).shards_made == 0
    assert not (folder / "parts").exists()


def test_what_is_dropped_is_what_was_never_there(copies, tmp_path, request_for):
    """The snapshot id is that of the corpus without the copies."""
    options = {"clips_per_shard": 3, "folder": FolderConfig(table="t.csv")}
    dropped = prepare(request_for("folder", source=copies, drop="all", **options))
    lines = (copies / "t.csv").read_text().splitlines()
    (copies / "t.csv").write_text("\n".join(line for line in lines if not line.startswith("copy")))
    without = prepare(request_for("folder", source=copies, root=tmp_path / "other", **options))
    assert dropped.snapshot_id == without.snapshot_id
    assert dropped.clips["kept"] == without.clips["kept"] == 12


class Killed(BaseException):
    """Stands for SIGKILL: nothing catches it."""


@pytest.mark.parametrize("moment", range(8))
def test_killed_at_any_write_it_ends_with_the_same_bytes(copies, tmp_path, request_for, contents, monkeypatch, moment):
    """Before each of the 8 files of the sealing, the card the last, is in place; the next call decodes nothing."""
    options = {"clips_per_shard": 3, "folder": FolderConfig(table="t.csv"), "drop": "across-splits"}
    whole = contents(Path(prepare(request_for("folder", source=copies, root=tmp_path / "whole", **options)).snapshot))
    request = request_for("folder", source=copies, **options)
    left = [moment]

    def replace(path, target, real=Path.replace):
        if left[0] == 0:
            raise Killed
        left[0] -= 1
        return real(path, target)

    real_seal = drop.drop_copies

    def dying(*arguments, **named):
        monkeypatch.setattr(Path, "replace", replace)
        return real_seal(*arguments, **named)

    monkeypatch.setattr("pipelines.seal.drop_copies", dying)
    with pytest.raises(Killed):
        prepare(request)
    monkeypatch.undo()
    folder = make_plan(request).folder
    assert not (folder / "card.json").exists()
    assert prepare(request).shards_made == 0
    assert contents(folder) == whole


def test_over_budget_dropping_is_not_done_twice(copies, request_for):
    """A larger budget finishes without decoding again, and copies do not count as rejected."""
    for name in ("x", "y"):
        (copies / f"{name}.wav").write_bytes(b"")
    with (copies / "t.csv").open("a") as stream:
        stream.write("\nx.wav,a,train\ny.wav,a,test\n")
    options = {"clips_per_shard": 3, "folder": FolderConfig(table="t.csv"), "drop": "across-splits"}
    with pytest.raises(ValueError, match="2 of 18"):
        prepare(request_for("folder", source=copies, **options))
    prepared = prepare(request_for("folder", source=copies, max_rejected_share=0.2, **options))
    assert (prepared.shards_made, prepared.clips) == (0, {"kept": 13, "duplicate": 3, "empty": 2})


def test_near_copies_are_dropped_when_asked(copies, request_for, write_audio, noise):
    """A quieter copy of a test clip: kept by default, dropped with its correlation."""
    write_audio(copies / "quieter.wav", 0.5 * noise(16_000, seed=77))
    write_audio(copies / "louder.wav", noise(16_000, seed=77))
    with (copies / "t.csv").open("a") as stream:
        stream.write("\nquieter.wav,a,train\nlouder.wav,a,test\n")
    options = {"clips_per_shard": 3, "folder": FolderConfig(table="t.csv"), "drop": "across-splits"}
    assert prepare(request_for("folder", source=copies, **options)).clips == {"kept": 15, "duplicate": 3}
    prepared = prepare(request_for("folder", source=copies, drop_near=True, **options))
    assert prepared.clips == {"kept": 14, "duplicate": 4}
    rows = {row.clip_id: row for row in read_ledger(Path(prepared.snapshot, "clips.parquet"))}
    assert rows["quieter.wav"].reason == (
        "nearly the same sound (correlation 1.000) as `louder.wav` (test), which stays"
    )
    assert verify(VerifyRequest(snapshot=prepared.snapshot)).problems == ()


def test_a_split_of_copies_alone_goes(tmp_path, write_audio, noise, request_for):
    """Its files too, as those of any split that kept nothing."""
    source = tmp_path / "source"
    for name in ("1.wav", "2.wav"):
        write_audio(source / name, noise())
    (source / "t.csv").write_text("path,label,split\n1.wav,a,train\n2.wav,a,test\n")
    config = {"folder": FolderConfig(table="t.csv"), "drop": "all"}
    folder = Path(prepare(request_for("folder", source=source, **config)).snapshot)
    assert [split.name for split in read_card(folder).splits] == ["test"]
    assert verify(VerifyRequest(snapshot=str(folder))).problems == ()
    shutil.rmtree(folder)


def test_near_without_a_policy_is_refused(request_for):
    """The rule is in the text."""
    with pytest.raises(ValueError, match="drop_near with drop"):
        request_for("synthetic", drop_near=True)


def test_noise_is_no_copy_of_noise(noise):
    """The premise of these tests: two seeds are two recordings."""
    assert not np.array_equal(noise(seed=1), noise(seed=2))
