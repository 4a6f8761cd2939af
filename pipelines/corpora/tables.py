"""Reads the tables and lists of corpora in their dialects: comma, tab, with and without a header, any line ends."""

import csv
from collections.abc import Iterable
from pathlib import Path

Row = dict[str, str]


def read_table(path: Path, columns: Iterable[str], *, delimiter: str = ",", header: bool = True) -> list[Row]:
    """The rows of a table, each value stripped; blank lines are left out, a mark at the beginning and CRLF are fine.

    Args:
      path: of the file, UTF-8.
      columns: that it must have; without a header, the names of all its columns in order.
      delimiter: one character.
      header: whether the first row has names.

    Raises:
      ValueError: no such file, a missing column, a row of another length; the text names the line.
    """
    columns = tuple(columns)
    if not path.is_file():
        raise ValueError(f"The corpus has a table `{path.name}`. Received: {path}, which is no file.")
    # surrogateescape: a table may name a file whose name is not UTF-8
    with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as stream:
        reader = csv.reader(stream, delimiter=delimiter, strict=True)
        try:
            names = [name.strip() for name in next(reader, [])] if header else list(columns)
            missing = [name for name in columns if name not in names]
            if missing:
                raise ValueError(f"{path} has the columns {list(columns)}. Received: {names}; missing: {missing}.")
            return [_row(names, values, f"{path}, line {reader.line_num}") for values in reader if any(values)]
        except csv.Error as error:
            raise ValueError(f"{path}, line {reader.line_num}: not a row of a table: {error}.") from error


def read_lines(path: Path) -> list[str]:
    """The stripped lines of a list, without blank ones.

    Raises:
      ValueError: no such file.
    """
    if not path.is_file():
        raise ValueError(f"The corpus has a list `{path.name}`. Received: {path}, which is no file.")
    text = path.read_text(encoding="utf-8-sig", errors="surrogateescape")
    return [line.strip() for line in text.split("\n") if line.strip()]


def _row(names: list[str], values: list[str], where: str) -> Row:
    if len(values) != len(names):
        raise ValueError(f"{where}: a row has {len(names)} fields. Received: {len(values)}: {values}.")
    return dict(zip(names, (value.strip() for value in values), strict=True))
