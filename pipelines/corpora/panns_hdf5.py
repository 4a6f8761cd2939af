"""AudioSet as PANNs packs it: HDF5 files of waveforms at 32 kHz (or 16 or 8), padded or cut to ten seconds.

The packer keeps a row for every segment, and where it had no file the row is zeros without a name or a class. Such
a row is listed as missing: it is no silence. The id of the others is their video's, as in `audioset`. Class names come
from `class_labels_indices.csv` in the source folder or its `metadata`.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.clip import Clip, Listed, Stamp, printable
from pipelines.config import PrepareConfig
from pipelines.corpora.audioset import CITATION, LICENCE
from pipelines.corpora.audioset_files import video_and_span
from pipelines.corpora.audioset_labels import Classes, read_classes
from pipelines.corpora.packed import Ids, part_named, split_of
from pipelines.corpora.recordings import walk_files
from pipelines.sources import MOST_MEMBER_BYTES
from pipelines.status import Rejected

if TYPE_CHECKING:
    import numpy as np

__all__ = ["CITATION", "LICENCE", "MAX_MISSING_SHARE", "SOURCE_PAGE", "list_clips"]

SOURCE_PAGE = "packed by the repository qiuqiangkong/audioset_tagging_cnn on GitHub"
MAX_MISSING_SHARE = 1.0  # as of AudioSet


def list_clips(source: Path, config: PrepareConfig) -> Listed:
    """Every row of every HDF5 file below the folder; `eval` in a path tests, the rest trains.

    Raises:
      ValueError: no such file, one that PANNs has not packed, or no class names.
    """
    files = [(path, stamp) for path, stamp in walk_files(source) if not Path(path).name.startswith(".")]
    packed = [(path, stamp) for path, stamp in files if stamp and path.lower().endswith((".h5", ".hdf5"))]
    classes = read_classes(source, config.audioset)
    if not packed or not classes.table():
        raise ValueError(
            "A packing of PANNs is a folder with HDF5 files (balanced_train.h5, eval.h5, ...) and "
            f"class_labels_indices.csv. Received: {source}, which holds none "
            f"({len(packed)} HDF5 files, {len(classes.table())} classes). Give the folder as `--source`."
        )
    parts = {part_named(path) for path, _ in packed}
    rows = _Rows(source, classes, config, parts)
    for path, stamp in sorted(packed, key=lambda file: part_named(file[0]) != "test"):  # so that no test clip trains
        rows.add(path, stamp)
    read = {path for path, _ in packed} | {str(path.relative_to(source)) for path in classes.paths}
    ignored = tuple(sorted(printable(path) for path, _ in files if path not in read))
    return Listed(clips=tuple(rows.clips), folder=str(source), ignored=ignored, labels=classes.labels)


class _Rows:
    """Turns rows into clips, one file after another."""

    def __init__(self, source: Path, classes: Classes, config: PrepareConfig, parts: set[str | None]) -> None:
        self.clips: list[Clip] = []
        self._source = source
        self._classes = classes
        self._mids = [row["mid"] for row in classes.table()]
        self._config = config
        self._parts = parts
        self._ids = Ids()

    def add(self, path: str, stamp: Stamp) -> None:
        """Lists the rows of the file at `path`."""
        names, targets = _read(self._source / path, classes=len(self._mids))
        for row, (name, target) in enumerate(zip(names, targets, strict=True)):
            video = video_and_span(name.rpartition("/")[2])[0] if name else f"{path}/{row}"
            group = printable(video)
            self.clips.append(
                Clip(
                    clip_id=self._ids.of(video, f"{path}/{row}"),
                    source=path,
                    labels=self._classes.labels_of(",".join(self._mids[index] for index in target.nonzero()[0])),
                    split=split_of(part_named(path), group, parts=self._parts, shares=self._config.split),
                    group=group,
                    stamp=stamp if name else None,
                    member=str(row),
                )
            )


def _read(path: Path, *, classes: int) -> "tuple[list[str], np.ndarray[Any, Any]]":
    from pipelines.hdf5 import Hdf5  # it loads h5py

    try:
        packed = Hdf5(str(path), most_bytes=MOST_MEMBER_BYTES)
        names, targets = packed.names(), packed.targets()
    except (ValueError, Rejected) as error:
        raise _no_packing(path, str(error)) from error
    if targets.shape[1] != classes:
        raise _no_packing(path, f"{targets.shape[1]} classes, and class_labels_indices.csv has {classes}")
    return names, targets


def _no_packing(path: Path, what: str) -> ValueError:
    return ValueError(
        "A packing of PANNs has HDF5 files with audio_name, waveform, target and the attribute sample_rate. "
        f"Received: {path}: {what}. Move it away if it is another's."
    )
