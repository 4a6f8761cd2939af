"""All ledger parts to one ledger, sorted by clip id, in a memory that does not grow with the corpus.

An external merge sort: sorted runs of parts on disk, the last one in memory, then the runs side by side, a few thousand
rows of each at a time.
"""

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import parquet

from infra.files import atomic_writer
from pipelines.ledger import SCHEMA, read_part

_RUN_ROWS = 131_072  # few runs: a reader takes 10 MB whatever it reads
_READ_ROWS = 2_048
_GROUP_ROWS = 65_536  # of the ledger's row groups


def merge_parts(parts: Sequence[Path], path: Path) -> None:
    """Writes the ledger at `path` from `parts`; the runs are beside it meanwhile. Equal rows give equal bytes."""
    with (
        tempfile.TemporaryDirectory(dir=path.parent, prefix=".runs-", suffix=".tmp") as runs,
        atomic_writer(path) as stream,
        parquet.ParquetWriter(stream, SCHEMA, compression="zstd") as writer,
    ):
        for group in _regrouped(_merged(_runs(parts, Path(runs)))):
            writer.write_table(group)


def _runs(parts: Sequence[Path], folder: Path) -> Iterator[Iterator[pa.RecordBatch]]:
    """Sorted runs of many parts each, a few rows at a time."""
    waiting: list[pa.Table] = []
    for number, part in enumerate(parts, start=1):
        waiting.append(read_part(part))
        if number < len(parts) and sum(map(len, waiting)) >= _RUN_ROWS:
            path = folder / f"{number}.parquet"
            parquet.write_table(_sorted(waiting), path, row_group_size=_READ_ROWS, compression="lz4")
            yield iter(parquet.ParquetFile(path).iter_batches(_READ_ROWS, use_threads=False))
            waiting = []
    if waiting:
        yield iter(_sorted(waiting).to_batches(_READ_ROWS))


def _merged(runs: Iterable[Iterator[pa.RecordBatch]]) -> Iterator[pa.Table]:
    """Tables of sorted rows, each before the next. Of every run a piece is in memory."""
    readers = list(runs)
    pieces: list[pa.Table | None] = [_next(reader) for reader in readers]
    while any(pieces):
        # What is not beyond the nearest end of a piece is complete: further rows of every run are larger.
        end = min(piece.column("clip_id")[-1].as_py() for piece in pieces if piece)
        ready = []
        for number, piece in enumerate(pieces):
            if piece:
                count = pc.sum(pc.less_equal(piece.column("clip_id"), end)).as_py()
                ready.append(piece.slice(0, count))
                pieces[number] = piece.slice(count) if count < len(piece) else _next(readers[number])
        yield _sorted(ready)


def _next(reader: Iterator[pa.RecordBatch]) -> pa.Table | None:
    batch = next(reader, None)
    return None if batch is None else pa.Table.from_batches([batch])


def _sorted(tables: Sequence[pa.Table]) -> pa.Table:
    return pa.concat_tables(tables).sort_by("clip_id")


def _regrouped(tables: Iterator[pa.Table]) -> Iterator[pa.Table]:
    """The same rows in tables of `_GROUP_ROWS` and a last one of fewer, each in one piece."""
    rest = SCHEMA.empty_table()
    for table in tables:
        rest = pa.concat_tables([rest, table])
        while len(rest) >= _GROUP_ROWS:
            yield rest.slice(0, _GROUP_ROWS).combine_chunks()
            rest = rest.slice(_GROUP_ROWS)
    if len(rest):
        yield rest.combine_chunks()
