"""Any folder of recordings: a class per sub-folder, or a table."""

import posixpath
from collections.abc import Mapping
from pathlib import Path

from pipelines.clip import Clip, Listed, Stamp, printable, stamp_of
from pipelines.config import PrepareConfig
from pipelines.corpora.folder_table import Row, read_table
from pipelines.corpora.recordings import find_recordings
from pipelines.splits import hashed_split

LICENCE = "as the recordings"
CITATION = "the owner of the recordings"
SOURCE_PAGE = "the folder that was given"


def list_clips(source: Path, config: PrepareConfig) -> Listed:
    """Every recording below `source` with the name of its first folder as label, or every row of the table.

    Without an official split, a stable hash of the group decides; without a group, the clip is its own.
    """
    found, ignored = find_recordings(source)
    table = config.folder.table
    if table is None:
        rows = [Row(path=path, labels=(path.split("/")[0],) if "/" in path else ()) for path in found]
    else:
        rows = read_table(source / table)
        named = {row.path for row in rows} | {posixpath.normpath(table)}
        ignored = [path for path in [*found, *ignored] if path not in named]
    if not rows:
        raise ValueError(
            "A folder corpus has recordings in one sub-folder per class, or a table (`--folder.table`). "
            f"Received: {source}, which holds none ({len(ignored)} other files)."
        )
    clips = tuple(_clip(source, row, found, config) for row in rows)
    return Listed(clips=clips, folder=str(source), ignored=tuple(sorted(map(printable, ignored))))


def _clip(source: Path, row: Row, found: Mapping[str, Stamp | None], config: PrepareConfig) -> Clip:
    clip_id = printable(row.path)
    group = printable(row.group) if row.group else clip_id
    return Clip(
        clip_id=clip_id,
        source=row.path,
        labels=tuple(map(printable, row.labels)),
        split=row.split or hashed_split(group, config.split),
        group=group,
        stamp=found[row.path] if row.path in found else stamp_of(f"{source}/{row.path}"),
    )
