"""The CSV table of a folder corpus: path, label, and optionally split and group."""

import csv
import os
import posixpath
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from infra.card import SPLITS

_SEPARATOR = ";"  # between the labels of one clip
_REQUIRED, _OPTIONAL = ("path", "label"), ("split", "group")


class Row(NamedTuple):
    """One recording with its labels; an empty split or group means: not said."""

    path: str
    labels: tuple[str, ...]
    split: str = ""
    group: str = ""


def read_table(path: Path) -> list[Row]:
    """Reads a comma-separated table with a header, UTF-8 with or without a mark, any line ends.

    Raises:
      ValueError: no such table, a missing column, or a bad row; the text names the line.
    """
    if not os.path.isfile(path):  # noqa: PTH113 - pathlib raises where a name is too long
        raise ValueError(f"The table of a folder corpus is a CSV file in the source folder. Received: {path}.")
    # surrogateescape: the table may name a file whose name is not UTF-8
    with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as stream:
        reader = csv.DictReader(stream, strict=True)
        try:
            missing = [name for name in _REQUIRED if name not in (reader.fieldnames or ())]
            if missing:
                raise ValueError(
                    f"{path}, line 1: a table has the columns path and label, and may have split and group. "
                    f"Received: {reader.fieldnames}; missing: {missing}."
                )
            return list(_rows(reader, path))
        except csv.Error as error:
            raise ValueError(f"{path}, line {reader.line_num}: not a CSV row: {error}.") from error


def _rows(reader: "csv.DictReader[str]", path: Path) -> Iterator[Row]:
    lines: dict[str, int] = {}
    for values in reader:
        where = f"{path}, line {reader.line_num}"
        if None in values or None in values.values():
            raise ValueError(f"{where}: a row has {len(reader.fieldnames or ())} fields. Received: {values}.")
        row = _row(values, where)
        if row.path in lines:
            raise ValueError(f"{where}: a path appears once. Received: `{row.path}`, also line {lines[row.path]}.")
        lines[row.path] = reader.line_num
        yield row


def _row(values: dict[str, str], where: str) -> Row:
    relative, labels = (
        values["path"],
        tuple(dict.fromkeys(filter(None, map(str.strip, values["label"].split(_SEPARATOR))))),
    )
    split, group = ((values.get(name) or "").strip() for name in _OPTIONAL)
    if "\0" in relative:
        raise ValueError(f"{where}: a path has no zero byte. Received: {relative!r}.")
    if not relative or posixpath.isabs(relative) or ".." in relative.split("/"):
        raise ValueError(f"{where}: a path is relative to the source folder and inside it. Received: {relative!r}.")
    if not labels:
        raise ValueError(f"{where}: a label is not empty. Received: {values}.")
    if split and split not in SPLITS:
        raise ValueError(f"{where}: a split is one of {SPLITS} or empty. Received: {split!r}.")
    return Row(path=posixpath.normpath(relative), labels=labels, split=split, group=group)
