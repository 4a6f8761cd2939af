"""The ledger: a Parquet table with a row for every listed clip."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from itertools import compress
from pathlib import Path
from typing import IO, Any, NamedTuple

import pyarrow as pa
from pyarrow import ipc, parquet

from infra.card import ShardCard
from infra.config import from_dict
from infra.files import atomic_writer

_SHARD_KEY = b"leafworks.shard"
_BATCH_ROWS = 8_192

SCHEMA = pa.schema(
    [
        pa.field("clip_id", pa.string(), nullable=False),
        pa.field("split", pa.string(), nullable=False),
        pa.field("group", pa.string(), nullable=False),
        pa.field("labels", pa.list_(pa.string()), nullable=False),
        pa.field("source", pa.string(), nullable=False),
        pa.field("member", pa.string()),
        pa.field("start", pa.float64()),
        pa.field("end", pa.float64()),
        pa.field("status", pa.string(), nullable=False),
        pa.field("reason", pa.string(), nullable=False),
        pa.field("decoder", pa.string()),
        pa.field("source_rate", pa.int32()),
        pa.field("source_channels", pa.int32()),
        pa.field("source_format", pa.string()),
        pa.field("num_samples", pa.int64()),
        pa.field("peak_db", pa.float64()),
        pa.field("rms_db", pa.float64()),
        pa.field("clipped_share", pa.float64()),
        pa.field("silent_share", pa.float64()),
        pa.field("source_peak_db", pa.float64()),
        pa.field("dc_offset", pa.float64()),
        pa.field("full_scale_share", pa.float64()),
        pa.field("bandwidth_hz", pa.float64()),
        pa.field("dead_channels", pa.int32()),
        pa.field("scaling_lost", pa.bool_()),
        pa.field("sha256", pa.string()),
        pa.field("shard", pa.string()),
        pa.field("record", pa.int64()),
        pa.field("waveform_offset", pa.int64()),
    ]
)


class Row(NamedTuple):
    """One listed clip and what became of it; None where a rejected clip has nothing to say.

    `source` is relative to the corpus folder; `member` is the name or the row in it where it is an archive.
    Times are seconds, levels dB re full scale. `sha256` is of the stored int16 bytes; they begin at byte
    `waveform_offset` of `shard`, in its record `record`.
    `silent_share` is of 20 ms frames of the stored waveform; the columns after it, to `scaling_lost`, are of the
    source, every channel of it, as `pipelines.quality` defines them. A `duplicate` was decoded and has all but a
    record.
    """

    clip_id: str
    split: str
    group: str
    labels: tuple[str, ...]
    source: str
    status: str
    reason: str = ""
    member: str | None = None
    start: float | None = None
    end: float | None = None
    decoder: str | None = None
    source_rate: int | None = None
    source_channels: int | None = None
    source_format: str | None = None
    num_samples: int | None = None
    peak_db: float | None = None
    rms_db: float | None = None
    clipped_share: float | None = None
    silent_share: float | None = None
    source_peak_db: float | None = None
    dc_offset: float | None = None
    full_scale_share: float | None = None
    bandwidth_hz: float | None = None
    dead_channels: int | None = None
    scaling_lost: bool | None = None
    sha256: str | None = None
    shard: str | None = None
    record: int | None = None
    waveform_offset: int | None = None


Columns = dict[str, list[Any]]
"""Name of a column of the ledger -> its values, None where there is none; labels are tuples."""


def write_part(path: Path, rows: Iterable[Row], shard: ShardCard) -> None:
    """Writes the rows of one shard with the shard's own card: its mark that it is done.

    It is an Arrow file: a part is read once, and a Parquet file of so few rows takes several times as long.
    """
    note = json.dumps(asdict(shard), sort_keys=True).encode()
    table = _table(rows).replace_schema_metadata({_SHARD_KEY: note})
    options = ipc.IpcWriteOptions(compression="lz4", use_threads=False)  # threads count in the memory of a child
    with atomic_writer(path) as stream, ipc.new_file(stream, table.schema, options=options) as writer:
        writer.write_table(table)


def read_part(path: Path) -> pa.Table:
    """The rows of `write_part`, as a table."""
    with path.open("rb") as stream:
        return _opened(stream).read_all().replace_schema_metadata()


def rows_of(part: Path) -> list[Row]:
    """The rows of `write_part`."""
    return list(_rows(_columns(read_part(part), Row._fields)))


def read_part_shard(path: Path) -> ShardCard | None:
    """The card of a part's shard; None where there is no readable part."""
    try:
        with path.open("rb") as stream:
            return _shard(_opened(stream).schema)
    except (OSError, pa.ArrowException, KeyError, ValueError):
        return None


def _opened(part: IO[bytes]) -> ipc.RecordBatchFileReader:
    return ipc.open_file(part, options=ipc.IpcReadOptions(use_threads=False))


def write_ledger(path: Path, rows: Iterable[Row]) -> None:
    """Writes the ledger, sorted by clip id; equal rows give equal bytes."""
    _write(path, _table(sorted(rows, key=lambda row: row.clip_id)))


class LedgerRows:
    """The rows of a ledger, read from its file a few at a time, every time they are asked for.

    Raises:
      ValueError: not a Parquet file with the ledger's columns; the text says what is wrong.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def __iter__(self) -> Iterator[Row]:
        for columns in self.columns(*Row._fields):
            yield from _rows(columns)

    def columns(self, *names: str) -> Iterator[Columns]:
        """Some columns of a few thousand rows at a time: counting takes less than making rows of them."""
        try:
            file = parquet.ParquetFile(self.path)
            if not file.schema_arrow.equals(SCHEMA):
                found = file.schema_arrow.names
                raise ValueError(f"`{self.path.name}` has the columns {SCHEMA.names}. Received: {found}.")
            for batch in file.iter_batches(_BATCH_ROWS, columns=list(names)):
                yield _columns(batch, names)
        except (OSError, pa.ArrowException) as error:
            raise ValueError(f"`{self.path.name}` is not a readable Parquet file: {error}") from error

    def kept(self, *names: str) -> Iterator[tuple[Any, ...]]:
        """The values of some columns of every kept clip."""
        for columns in self.columns(*names, "status"):
            kept = kept_of(columns)
            yield from zip(*(kept[name] for name in names), strict=True)


def read_ledger(path: Path) -> list[Row]:
    """All rows of a ledger at once.

    Raises:
      ValueError: as `LedgerRows`.
    """
    return list(LedgerRows(path))


IDENTITY = ("clip_id", "labels", "sha256")
PLACE = ("split", "group")


def kept_of(columns: Columns) -> Columns:
    """The rows of kept clips, by columns; `status` is one of them."""
    return where(columns, [status == "kept" for status in columns["status"]])


def where(columns: Columns, chosen: Sequence[bool]) -> Columns:
    """The rows that are chosen, by columns."""
    return {name: list(compress(values, chosen)) for name, values in columns.items()}


def _table(rows: Iterable[Row]) -> pa.Table:
    columns = list(zip(*rows, strict=True)) or [()] * len(Row._fields)
    return pa.table(dict(zip(Row._fields, columns, strict=True)), schema=SCHEMA)


def _columns(table: "pa.Table | pa.RecordBatch", names: Sequence[str]) -> Columns:
    columns = {name: table.column(name).to_pylist() for name in names}
    if "labels" in columns:
        columns["labels"] = list(map(tuple, columns["labels"]))
    return columns


def _rows(columns: Columns) -> Iterator[Row]:
    return map(Row._make, zip(*columns.values(), strict=True))


def _shard(schema: pa.Schema) -> ShardCard:
    return from_dict(ShardCard, json.loads((schema.metadata or {})[_SHARD_KEY]))


def _write(path: Path, table: pa.Table) -> None:
    with atomic_writer(path) as stream:
        parquet.write_table(table, stream, compression="zstd")
