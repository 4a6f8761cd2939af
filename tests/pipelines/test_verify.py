"""Whatever is done to a snapshot is found, named, and never raised."""

import json
import random
import shutil
from pathlib import Path

import pytest

from infra import config as configs
from infra.card import read_card, write_card
from infra.stage import run_stage
from pipelines import examples, ledger
from pipelines.config import Verification, VerifyRequest
from pipelines.examples import example_pb2
from pipelines.seal import file_hash
from pipelines.shards import ShardWriter, read_shard
from pipelines.verify import verify


def problems(folder: Path) -> str:
    """What verification finds, one problem a line."""
    return "\n".join(verify(VerifyRequest(snapshot=str(folder))).problems)


def first_shard(folder: Path) -> Path:
    """A shard with records."""
    return sorted(folder.glob("train-*"))[0]


def edit_ledger(folder: Path, change) -> None:
    """Applies `change` to the list of rows, and lets the card name the new file."""
    rows = ledger.read_ledger(folder / "clips.parquet")
    ledger.write_ledger(folder / "clips.parquet", change(rows))
    card = read_card(folder)
    write_card(folder, configs_replace(card, ledger_sha256=file_hash(folder / "clips.parquet")))


def configs_replace(card, **fields):
    """The card with other fields."""
    return configs.from_dict(type(card), {**configs.to_dict(card), **fields})


def test_a_whole_snapshot_has_no_problems(pristine):
    """Every record read, in a process of its own as the command line does it."""
    found = run_stage("pipelines.verify", VerifyRequest(snapshot=str(pristine)), Verification)
    assert found.problems == ()
    assert found.records == 55
    assert found.snapshot_id == read_card(pristine).snapshot_id


@pytest.mark.parametrize("seed", range(25))
def test_a_flipped_byte_anywhere(snapshot, seed):
    """In any file of the folder, at any place: the file is named."""
    chance = random.Random(seed)
    path = chance.choice(sorted(path for path in snapshot.iterdir() if path.stat().st_size))
    content = bytearray(path.read_bytes())
    content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
    path.write_bytes(content)
    assert path.name in problems(snapshot)


def test_a_missing_shard(snapshot):
    """And only that."""
    path = first_shard(snapshot)
    path.unlink()
    assert problems(snapshot) == f"{path.name}: the shard is missing."


@pytest.mark.parametrize("lost", [1, 5, 1000, None])
def test_a_truncated_shard(snapshot, lost):
    """By a byte, a CRC, a record, or everything."""
    path = first_shard(snapshot)
    content = path.read_bytes()
    path.write_bytes(content[: -lost if lost else 0])
    found = problems(snapshot)
    assert f"{path.name}: the file has" in found
    assert "have no record" in found
    assert lost is None or "truncated" in found


def test_shards_that_changed_places(snapshot):
    """Each is whole, and neither is the one."""
    first, second = sorted(snapshot.glob("train-*"))[:2]
    first.rename(snapshot / "x")
    second.rename(first)
    (snapshot / "x").rename(second)
    assert f"{first.name}, record 0: clip_id is" in problems(snapshot)


def test_records_that_say_the_same_in_other_bytes(snapshot):
    """Their checksums are right, and so is what they say."""
    path = first_shard(snapshot)
    payloads = [payload for _, payload in read_shard(path)]
    with path.open("wb") as stream:
        writer = ShardWriter(stream)
        for payload in payloads:
            features = example_pb2.Example.FromString(payload).features.feature
            entries = [example_pb2.Features(feature={name: features[name]}) for name in sorted(features, reverse=True)]
            other = payload[: -sum(entry.ByteSize() for entry in entries)] + b"".join(map(bytes_of, entries))
            assert examples.decode(other).clip_id == examples.decode(payload).clip_id
            writer.write(other)
    assert f"{path.name}, record 0: its bytes are not those that leafworks writes" in problems(snapshot)


def bytes_of(message) -> bytes:
    """A protobuf message as bytes."""
    return message.SerializeToString()


@pytest.mark.parametrize("name", ["train-00099-of-00100.tfrecord", ".hidden", "notes.txt"])
def test_a_foreign_file(snapshot, name):
    """Also a hidden one."""
    (snapshot / name).write_bytes(b"")
    assert problems(snapshot) == f"{name}: a foreign file, which no part of the card names; remove it."


@pytest.mark.parametrize("field", ["sample_rate", "corpus", "kept", "labels", "snapshot_id", "licence", "config"])
def test_an_edited_card(snapshot, field):
    """Any field; a value of the same type."""
    path = snapshot / "card.json"
    card = json.loads(path.read_text())
    edits = {
        int: lambda x: x + 1,
        str: lambda x: f"{x}0",
        list: lambda x: x[::-1],
        dict: lambda x: {**x, "y": 1},
    }
    card[field] = edits[type(card[field])](card[field])
    path.write_text(json.dumps(card, sort_keys=True, indent=2) + "\n")
    assert "card.json: it was edited" in problems(snapshot)


@pytest.mark.parametrize(
    "edit",
    [
        lambda text: text + "\n",
        lambda text: text.replace("\n", "\r\n"),
        lambda text: json.dumps(json.loads(text)),
        lambda text: text.replace('"corpus":', '"corpus": "x", "corpus":'),
        lambda text: text.replace("-80.0", "NaN"),
        lambda text: text.replace("-80.0", "-8e1"),
        lambda text: text.replace(".tfrecord", "x" * 300, 1),
    ],
)
def test_a_card_edited_in_its_text_alone(snapshot, edit):
    """Also where the values are the same, and where they cannot be hashed."""
    path = snapshot / "card.json"
    path.write_bytes(edit(path.read_text()).encode())
    assert "card.json" in problems(snapshot)


@pytest.mark.parametrize("content", ["", "{", "[]", "null", "{}", '{"schema_version": 1}', "\x00\xff", '"card"'])
def test_a_card_that_is_none(snapshot, content):
    """Found, and the shards are still compared with the ledger."""
    (snapshot / "card.json").write_text(content)
    found = verify(VerifyRequest(snapshot=str(snapshot)))
    assert "card.json" in "\n".join(found.problems)
    assert (found.records, found.snapshot_id) == (55, "")


def test_a_card_of_a_later_leafworks(snapshot):
    """Its schema version is named."""
    write_card(snapshot, configs_replace(read_card(snapshot), schema_version=99))
    assert "schema version" in problems(snapshot)


@pytest.mark.parametrize("content", [b"", b"garbage", b"PAR1" + bytes(50) + b"PAR1"])
def test_a_ledger_that_is_none(snapshot, content):
    """Found, and the shards are still compared with the card."""
    (snapshot / "clips.parquet").write_bytes(content)
    found = verify(VerifyRequest(snapshot=str(snapshot)))
    assert "clips.parquet" in "\n".join(found.problems)
    assert found.records == 55


def test_a_missing_ledger_and_statistics(snapshot):
    """Both are named."""
    (snapshot / "clips.parquet").unlink()
    (snapshot / "stats.json").unlink()
    found = problems(snapshot)
    assert "clips.parquet: the file is missing" in found
    assert "stats.json: the file is missing" in found


EDITS = {
    "a row less": (lambda rows: rows[1:], "is not in the ledger"),
    "a row twice": (lambda rows: [*rows, rows[0]], "more than once"),
    "num_samples": (lambda rows: [change(rows[0], num_samples=1), *rows[1:]], "num_samples is"),
    "labels": (lambda rows: [change(rows[0], labels=("clicks",)), *rows[1:]], "labels are"),
    "sha256": (lambda rows: [change(rows[0], sha256="0" * 64), *rows[1:]], "sha256 is"),
    "offset": (lambda rows: [change(rows[0], waveform_offset=3), *rows[1:]], "waveform begins at"),
    "shard": (lambda rows: [change(rows[0], shard="nowhere"), *rows[1:]], "nowhere: the shard is missing"),
    "outside": (lambda rows: [change(rows[0], shard="../x"), *rows[1:]], "is not in the ledger"),
    "status": (lambda rows: [change(rows[0], status="silent"), *rows[1:]], "54 kept"),
    "split": (lambda rows: [change(rows[0], split="test"), *rows[1:]], "kept clips per split"),
}


def change(row: ledger.Row, **fields) -> ledger.Row:
    """The row with other fields."""
    return ledger.Row(**{name: getattr(row, name) for name in ledger.SCHEMA.names} | fields)


@pytest.mark.parametrize("edit", EDITS)
def test_an_edited_ledger_under_a_renewed_card(snapshot, edit):
    """Hashes agree, and what the rows say is still compared with the records."""
    function, words = EDITS[edit]
    edit_ledger(snapshot, function)
    assert words in problems(snapshot)


def test_an_edited_ledger_alone(snapshot):
    """Its hash is in the card."""
    rows = ledger.read_ledger(snapshot / "clips.parquet")
    ledger.write_ledger(snapshot / "clips.parquet", [change(rows[0], group="g"), *rows[1:]])
    found = problems(snapshot)
    assert "clips.parquet: its bytes are not those" in found
    assert "group is" in found


def test_a_folder_that_is_none(tmp_path):
    """A wrong request is the one thing that is refused."""
    for name in ("nowhere", "x" * 300):
        with pytest.raises(ValueError, match="is a folder"):
            verify(VerifyRequest(snapshot=str(tmp_path / name)))
    (tmp_path / "notes.txt").write_text("a folder of something else")
    with pytest.raises(ValueError, match="is a folder"):
        verify(VerifyRequest(snapshot=str(tmp_path)))


@pytest.mark.parametrize("left", ["card.json", "clips.parquet", "stats.json", "train-00000-of-00005.tfrecord"])
def test_whatever_is_left_of_a_snapshot_is_one(snapshot, left):
    """Its ruins are not refused: everything that is missing is said."""
    for path in list(snapshot.iterdir()):
        if path.name != left:
            path.unlink()
    assert problems(snapshot)


def test_a_foreign_folder(snapshot):
    """A folder is no better than a file."""
    (snapshot / "more").mkdir()
    assert problems(snapshot).startswith("more: a foreign file")


def test_everything_at_once(snapshot):
    """All problems are listed, not the first."""
    shards = sorted(snapshot.glob("train-*"))
    shards[0].unlink()
    shards[1].write_bytes(b"garbage" * 100)
    shutil.copy(shards[2], snapshot / "copy.tfrecord")
    (snapshot / "stats.json").write_text("{}")
    found = problems(snapshot)
    for name in (shards[0].name, shards[1].name, "copy.tfrecord", "stats.json"):
        assert name in found
