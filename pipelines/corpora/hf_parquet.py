"""Parquet files with audio bytes as Hugging Face keeps data sets, without any list beside them.

Classes are in the column `human_labels`, `labels` or `label` (`hf_parquet.label`), as names, or as numbers of the
names that the file's own metadata has. An id is in `video_id`, `id` or `clip_id`, else the path that the audio had;
a group in `hf_parquet.group`. AudioSet with its lists beside the files is the corpus `audioset`, which knows what
is missing.
"""

from pathlib import Path
from typing import Any

from pipelines.clip import Clip, Listed, printable
from pipelines.config import PrepareConfig
from pipelines.corpora.packed import Ids, part_named, split_of
from pipelines.corpora.recordings import walk_files

LICENCE = "as the recordings; of AudioSet each video's own"
CITATION = "the owner of the recordings"
SOURCE_PAGE = "e.g. the data set agkphysics/AudioSet on the Hugging Face hub"

_LABELS = ("human_labels", "labels", "label")
_IDS = ("video_id", "clip_id", "id", "audio.path")


def list_clips(source: Path, config: PrepareConfig) -> Listed:
    """Every row of every Parquet file below the folder that has audio; the audio is not read.

    Raises:
      ValueError: no such file, or no column with classes.
    """
    from pipelines.tables import audio_table_columns  # it loads pyarrow

    files = list(walk_files(source))
    choice = config.hf_parquet
    tables = {}
    for path, stamp in files:
        if stamp and path.lower().endswith(".parquet") and not Path(path).name.startswith("."):
            columns = audio_table_columns(source / path, wanted=(*_LABELS, *_IDS, choice.label, choice.group))
            if columns is not None:
                tables[path] = columns
    if not tables:
        raise ValueError(
            "A data set of Hugging Face is a folder of Parquet files with a column of audio bytes. "
            f"Received: {source}, which holds none. Give the folder as `--source`."
        )
    stamps = dict(files)
    parts = {part_named(path) for path in tables}
    ids, clips = Ids(), []
    for path in sorted(tables, key=lambda path: part_named(path) != "test"):
        columns = tables[path]
        label = _column(columns, (choice.label,) if choice.label else _LABELS, "--hf-parquet.label", path)
        names = next((name for name in _IDS if name in columns), None)
        for row, value in enumerate(columns[label]):
            name = str(columns[names][row]) if names and columns[names][row] else f"{path}/{row}"
            clip_id = ids.of(name, f"{path}/{row}")
            group = printable(str(columns[choice.group][row])) if choice.group in columns else clip_id
            clips.append(
                Clip(
                    clip_id=clip_id,
                    source=path,
                    labels=_labels(value),
                    split=split_of(part_named(path), group, parts=parts, shares=config.split),
                    group=group,
                    stamp=stamps[path],
                    member=str(row),
                )
            )
    ignored = tuple(sorted(printable(path) for path, _ in files if path not in tables))
    return Listed(clips=tuple(clips), folder=str(source), ignored=ignored)


def _column(columns: dict[str, list[Any]], names: tuple[str, ...], flag: str, path: str) -> str:
    found = next((name for name in names if name in columns), None)
    if found is None:
        raise ValueError(f"A table has its classes in one of the columns {names} (`{flag}`). Received: {path}.")
    return found


def _labels(value: Any) -> tuple[str, ...]:
    values = value if isinstance(value, list) else [] if value is None else [value]
    return tuple(dict.fromkeys(printable(str(name).strip()) for name in values if str(name).strip()))
