"""`python -m pipelines.verify request.json`: reads a snapshot again, whole, and says all that is wrong."""

import collections
import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatch
from pathlib import Path

from infra import config as configs
from infra.card import CARD_NAME, LEDGER_NAME, STATISTICS_NAME, DatasetCard, ShardCard, read_card
from pipelines import examples
from pipelines.config import Verification, VerifyRequest
from pipelines.ledger import Row, read_ledger
from pipelines.seal import data_id, file_hash, snapshot_id
from pipelines.shards import read_shard
from pipelines.stage import serve
from pipelines.tfds_metadata import tfds_files


def verify(request: VerifyRequest) -> Verification:
    """Compares every record with the ledger, and every file with the card.

    Raises:
      ValueError: there is no such folder, or nothing of a snapshot in it. Bad data is never
        raised, but listed in `problems`.
    """
    folder = Path(request.snapshot)
    if not _holds_any_of_a_snapshot(folder):
        raise ValueError(f"A snapshot is a folder that `leafworks prepare` made. Received: {folder}.")
    problems: list[str] = []
    card, rows = _card(folder, problems), _rows(folder, problems)
    if card is not None:
        problems += _check_files(folder, card)
    if card is not None and rows is not None:
        problems += _check_counts(card, rows)
    records, expected = 0, None if rows is None else _by_shard(rows)
    for name in _shard_names(card, expected or {}):
        reader = _ShardCheck(folder / name, None if expected is None else expected.get(name, {}), card)
        problems += reader.problems()
        records += reader.records
    return Verification(
        snapshot=str(folder),
        snapshot_id=card.snapshot_id if card else "",
        records=records,
        problems=tuple(problems),
    )


def _holds_any_of_a_snapshot(folder: Path) -> bool:
    try:
        names = {path.name for path in folder.iterdir()}
    except OSError:
        return False
    ours = {CARD_NAME, LEDGER_NAME, STATISTICS_NAME}
    return bool(names & ours) or any(fnmatch(name, "*-of-*.tfrecord") for name in names)


def _card(folder: Path, problems: list[str]) -> DatasetCard | None:
    try:
        card = read_card(folder)
        is_its_own = card.content_hash() == card.card_hash
        is_as_written = (folder / CARD_NAME).read_bytes() == configs.to_json(card).encode()
    except Exception as error:
        problems.append(f"{CARD_NAME}: {error}")
        return None
    if not is_its_own:
        problems.append(f"{CARD_NAME}: it was edited, its own hash does not match its content.")
    elif not is_as_written:
        problems.append(f"{CARD_NAME}: it was edited, its text is not as it is written, though it says the same.")
    return card


def _rows(folder: Path, problems: list[str]) -> list[Row] | None:
    try:
        return read_ledger(folder / LEDGER_NAME)
    except Exception as error:
        problems.append(f"{LEDGER_NAME}: {error}")
        return None


def _check_files(folder: Path, card: DatasetCard) -> Iterator[str]:
    for name, sha256 in ((LEDGER_NAME, card.ledger_sha256), (STATISTICS_NAME, card.statistics_sha256)):
        if not (folder / name).is_file():
            yield f"{name}: the file is missing."
        elif file_hash(folder / name) != sha256:
            yield f"{name}: its bytes are not those that the card names (SHA-256)."
    for_tfds = tfds_files(card)
    for name, content in for_tfds.items():
        if not (folder / name).is_file():
            yield f"{name}: the file is missing; TensorFlow Datasets reads the snapshot by it."
        elif (folder / name).read_bytes() != content.encode():
            yield f"{name}: it does not say what the card says."
    known = {CARD_NAME, LEDGER_NAME, STATISTICS_NAME, *for_tfds, *_shard_cards(card)}
    for path in sorted(folder.iterdir()):
        if path.name not in known:
            yield f"{path.name}: a foreign file, which no part of the card names; remove it."


def _check_counts(card: DatasetCard, rows: Sequence[Row]) -> Iterator[str]:
    kept = [row for row in rows if row.status == "kept"]
    in_order = sorted(rows, key=lambda row: row.clip_id)
    for found, said in ((snapshot_id(in_order), card.snapshot_id), (data_id(in_order), card.data_id)):
        if found != said:
            yield f"{LEDGER_NAME}: its kept clips make the id {found}, not {said}."
    if (len(rows), len(kept)) != (card.listed, card.kept):
        yield (
            f"{LEDGER_NAME}: {len(rows)} clips listed and {len(kept)} kept; "
            f"the card says {card.listed} and {card.kept}."
        )
    in_ledger = dict(collections.Counter(row.split for row in kept))
    in_card = {split.name: split.clips for split in card.splits}
    if in_ledger != in_card:
        yield f"{LEDGER_NAME}: kept clips per split are {in_ledger}; the card says {in_card}."
    twice = [name for name, number in collections.Counter(row.clip_id for row in rows).items() if number > 1]
    if twice:
        yield f"{LEDGER_NAME}: {len(twice)} clip ids appear more than once, the first `{twice[0]}`."


def _shard_cards(card: DatasetCard | None) -> dict[str, ShardCard]:
    return {shard.name: shard for split in card.splits for shard in split.shards} if card else {}


def _by_shard(rows: Sequence[Row]) -> dict[str, dict[int | None, Row]]:
    """Shard -> record -> its row, of all shards that are named."""
    shards: dict[str, dict[int | None, Row]] = collections.defaultdict(dict)
    for row in rows:
        if row.shard:
            named = shards[row.shard]
            if row.status == "kept":
                named[row.record] = row
    return shards


def _shard_names(card: DatasetCard | None, in_ledger: Iterable[str]) -> list[str]:
    """Shards that the card or the ledger names; a name with a folder in it is not one of ours."""
    named = {*_shard_cards(card), *in_ledger}
    return sorted(name for name in named if Path(name).name == name)


class _ShardCheck:
    """One shard against its ledger rows (by record; None: there is no ledger) and the card."""

    def __init__(self, path: Path, rows: Mapping[int | None, Row] | None, card: DatasetCard | None) -> None:
        self._path = path
        self._rows = rows
        self._card = card
        self.records = 0

    def problems(self) -> Iterator[str]:
        """Reads the file once: records that are as the ledger and the card have them make its bytes what they were."""
        try:
            yield from self._problems()
        except OSError as error:
            yield f"{self._path.name}: the shard cannot be read: {error.strerror}."

    def _problems(self) -> Iterator[str]:
        if not self._path.is_file():
            yield f"{self._path.name}: the shard is missing."
            return
        try:
            for offset, payload in read_shard(self._path):
                self.records += 1
                yield from self._check_record(self.records - 1, offset, payload)
        except ValueError as error:
            yield f"{error}"
        yield from self._check_file()

    def _check_file(self) -> Iterator[str]:
        name, size = self._path.name, self._path.stat().st_size
        shard = _shard_cards(self._card).get(name)
        if shard is not None and size != shard.num_bytes:
            yield f"{name}: the file has {size} bytes; the card says {shard.num_bytes}."
        if shard is not None and self.records != shard.records:
            yield f"{name}: {self.records} records can be read; the card says {shard.records}."
        if shard is None and self._card is not None:
            yield f"{name}: the ledger names this shard and the card does not."
        unmet = [row for record, row in (self._rows or {}).items() if record is None or record >= self.records]
        if unmet:
            yield f"{name}: {len(unmet)} clips of the ledger have no record, the first `{unmet[0].clip_id}`."

    def _check_record(self, position: int, offset: int, payload: bytes) -> Iterator[str]:
        where = f"{self._path.name}, record {position}"
        try:
            record = examples.decode(payload)
        except ValueError as error:
            yield f"{where}: {error}"
            return
        if payload != examples.encode(record)[0]:
            yield f"{where}: its bytes are not those that leafworks writes for what it says."
        row = (self._rows or {}).get(position)
        if row is not None:
            yield from self._compare(record, row, where)
            begin = offset + len(payload) - record.samples.nbytes
            if row.waveform_offset != begin:
                yield f"{where}: the waveform begins at byte {begin}; the ledger says {row.waveform_offset}."
        elif self._rows is not None:
            yield f"{where}: clip `{record.clip_id}` is not in the ledger there."

    def _compare(self, record: examples.Record, row: Row, where: str) -> Iterator[str]:
        found = {
            "clip_id": record.clip_id,
            "group": record.group,
            "num_samples": len(record.samples),
            "sha256": hashlib.sha256(record.samples.tobytes()).hexdigest(),
        }
        for name, value in found.items():
            if value != getattr(row, name):
                yield f"{where}: {name} is {value}; the ledger says {getattr(row, name)}."
        if self._card is None:
            return
        names = self._card.labels
        labels = tuple(names[label] if 0 <= label < len(names) else f"#{label}" for label in record.labels)
        if labels != row.labels:
            yield f"{where}: labels are {labels}; the ledger says {row.labels}."
        if record.sample_rate != self._card.sample_rate:
            yield f"{where}: {record.sample_rate} Hz; the card says {self._card.sample_rate}."


if __name__ == "__main__":
    serve(VerifyRequest, verify)
