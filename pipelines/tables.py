"""Recordings in a column of a Parquet file, as public copies of corpora hold them; a member is a row number."""

import bisect
import itertools
import json
import threading
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import parquet

from pipelines.status import Rejected

_BUFFER_BYTES = 2**20  # of a column chunk, which may have hundreds of MiB


class Table:
    """A Parquet file with one column of audio bytes, or of structs that have `bytes`."""

    def __init__(self, path: str, *, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._lock = threading.Lock()
        try:
            self._file = parquet.ParquetFile(path, buffer_size=_BUFFER_BYTES, pre_buffer=False)
            self._column, self._leaf = _audio_column(self._file.schema_arrow)
        except (pa.ArrowException, OSError, ValueError) as error:
            raise Rejected("unsupported", f"no parquet that can be read: {error}") from error
        metadata = self._file.metadata
        groups = [metadata.row_group(index) for index in range(metadata.num_row_groups)]
        self._starts = [0, *itertools.accumulate(group.num_rows for group in groups)]
        self._cursor: tuple[int, int, Iterator[object]] = (-1, 0, iter(()))
        self.index_bytes = 1_000 * len(groups) * metadata.num_columns

    def members(self) -> list[tuple[str, int]]:
        """See `sources.members`."""
        metadata, found = self._file.metadata, []
        for index, (begin, end) in enumerate(itertools.pairwise(self._starts)):
            group = metadata.row_group(index)
            chunks = [group.column(number) for number in range(group.num_columns)]
            total = sum(chunk.total_uncompressed_size for chunk in chunks if chunk.path_in_schema == self._leaf)
            found += [(str(row), total // (end - begin)) for row in range(begin, end)]
        return found

    def read(self, member: str) -> bytes:
        """See `sources.read_source`."""
        row = int(member) if member.isdecimal() else -1
        if not 0 <= row < self._starts[-1]:
            raise Rejected("missing", f"the table has no row {member!r}: it has {self._starts[-1]}")
        with self._lock:
            try:
                value = self._value(row)
            except (pa.ArrowException, OSError, StopIteration) as error:
                self._cursor = (-1, 0, iter(()))
                raise Rejected("corrupt", f"the table is damaged at row {row}: {error}") from error
        content = value.get("bytes") if isinstance(value, dict) else value
        if not isinstance(content, bytes):
            raise Rejected("missing", f"row {row} of the table has no audio bytes")
        if len(content) > self._most_bytes:
            raise Rejected(
                "unsupported", f"row {row} has {len(content)} bytes; up to {self._most_bytes} are read: unpack it"
            )
        return content

    def _value(self, row: int) -> object:
        """Goes on from the last row where that is in the same row group and before this one."""
        group = bisect.bisect_right(self._starts, row) - 1
        at, position, values = self._cursor
        if at != group or position > row - self._starts[group]:
            position, values = 0, self._values(group)
        for value in itertools.islice(values, row - self._starts[group] - position, None):
            self._cursor = (group, row - self._starts[group] + 1, values)
            return value.as_py()  # type: ignore[attr-defined]
        raise StopIteration

    def _values(self, group: int) -> Iterator[object]:
        batches = self._file.iter_batches(1, row_groups=[group], columns=[self._leaf], use_threads=False)
        return (value for batch in batches for value in batch.column(0))


def text_column(path: str, *names: str) -> list[str]:
    """The first of the named columns, or fields of a struct as `column.field`, of a table that also has audio.

    Raises:
      ValueError: no such table, no audio in it, or none of the columns.
    """
    problem = f"A table has audio and one of the columns {names}. Received: {path}"
    try:
        file = parquet.ParquetFile(path)
        _audio_column(file.schema_arrow)
        there = {file.schema.column(number).path for number in range(len(file.schema))}
        name = next((name for name in names if name in there), None)
        column = file.read(columns=[name]).column(0) if name else None
    except (pa.ArrowException, OSError, ValueError) as error:
        raise ValueError(f"{problem}: {error}.") from error
    if name is None or column is None:
        raise ValueError(f"{problem}, which has {sorted(there)}.")
    values = pc.struct_field(column, name.partition(".")[2]) if "." in name else column
    return ["" if value is None else str(value) for value in _values(values)]


def _audio_column(schema: pa.Schema) -> tuple[str, str]:
    """(column, dotted path of its bytes): a struct with `bytes` before a plain column of bytes."""
    structs = [
        field.name
        for field in schema
        if pa.types.is_struct(field.type)
        and field.type.get_field_index("bytes") >= 0
        and _is_binary(field.type.field("bytes").type)
    ]
    plain = [field.name for field in schema if _is_binary(field.type)]
    found = structs or plain
    if len(found) != 1:
        raise ValueError(f"one column has audio bytes, and here {found or 'none of ' + str(schema.names)} could")
    return found[0], f"{found[0]}.bytes" if structs else found[0]


def _is_binary(kind: pa.DataType) -> bool:
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))


def audio_table_columns(path: Path, *, wanted: Collection[str | None]) -> dict[str, list[Any]] | None:
    """The columns in `wanted` (or fields of a struct as `column.field`) of a table with audio; None: it has none.

    Numbers of classes become the names that Hugging Face keeps in the file's metadata.
    """
    try:
        file = parquet.ParquetFile(path)
        _audio_column(file.schema_arrow)
        there = {file.schema.column(number).path.replace(".list.element", "") for number in range(len(file.schema))}
        names = _class_names(file.schema_arrow)
        found = {}
        for name in sorted(there & {name for name in wanted if name}):
            column, _, field = name.partition(".")
            values = file.read(columns=[name]).column(0)
            values = _values(pc.struct_field(values, field) if field else values)
            found[name] = [_named(value, names.get(column)) for value in values]
    except (pa.ArrowException, OSError, ValueError):
        return None
    return found


def _values(column: pa.ChunkedArray) -> list[Any]:
    try:
        values: list[Any] = column.to_pylist()
    except ValueError:  # times with nanoseconds, which Python's have not
        values = column.cast(pa.string()).to_pylist()
    return values


def _class_names(schema: pa.Schema) -> dict[str, list[str]]:
    """Column -> names of its classes, as Hugging Face writes them."""
    try:
        features = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"]
        kinds = {name: said.get("feature", said) if isinstance(said, dict) else {} for name, said in features.items()}
        return {name: said["names"] for name, said in kinds.items() if isinstance(said.get("names"), list)}
    except (LookupError, ValueError, TypeError, AttributeError):
        return {}


def _named(value: Any, names: list[str] | None) -> Any:
    if isinstance(value, list):
        return [_named(one, names) for one in value]
    return names[value] if names and isinstance(value, int) and 0 <= value < len(names) else value
