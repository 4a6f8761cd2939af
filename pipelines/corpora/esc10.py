"""ESC-10: 400 environmental sounds of ten classes in five folds."""

import csv
import re
from pathlib import Path

from pipelines.clip import Clip, Listed, printable, stamp_of
from pipelines.config import PrepareConfig
from pipelines.corpora.recordings import find_recordings

LICENCE = "CC BY 3.0; single clips CC0, CC BY or Sampling+"
CITATION = "K. J. Piczak, ESC: Dataset for Environmental Sound Classification, ACM Multimedia 2015"
SOURCE_PAGE = "the repositories karolpiczak/ESC-10 and karolpiczak/ESC-50 on GitHub"

_PATH = re.compile(r"\d+ - (?P<name>[^/]+)/(?P<fold>[1-5])-(?P<recording>\d+)-(?P<take>[A-Z]+)(-\d+)?\.(ogg|wav)")
_TABLE = "meta/esc50.csv"


def list_clips(source: Path, _config: PrepareConfig) -> Listed:
    """Fold 5 tests, fold 4 validates. Group: the Freesound recording, all of whose clips share a fold."""
    listed = _from_table(source) if (source / _TABLE).is_file() else _from_tree(source)
    if not listed.clips:
        raise ValueError(
            "ESC-10 is a folder of `NNN - Class name/FOLD-FREESOUNDID-TAKE.ogg`, or the ESC-50 layout with "
            f"`{_TABLE}` and `audio/`. Received: {source}, which is neither. Give its folder as `--source`."
        )
    return listed


def _from_tree(source: Path) -> Listed:
    found, ignored = find_recordings(source)
    matches = [(path, _PATH.fullmatch(path)) for path in found]
    clips = tuple(
        _clip(source, path, label=match["name"], fold=match["fold"], recording=match["recording"])
        for path, match in matches
        if match
    )
    others = [path for path, match in matches if not match]
    return Listed(clips=clips, folder=str(source), ignored=tuple(sorted(map(printable, ignored + others))))


def _from_table(source: Path) -> Listed:
    with (source / _TABLE).open(encoding="utf-8-sig", newline="") as stream:
        rows = list(csv.DictReader(stream))
    try:
        chosen = [row for row in rows if row["esc10"].strip() == "True"]
        clips = tuple(
            _clip(
                source,
                f"audio/{row['filename']}",
                label=row["category"],
                fold=row["fold"],
                recording=row["src_file"],
            )
            for row in chosen
        )
    except KeyError as error:
        raise ValueError(f"`{_TABLE}` has the column {error}. Received: a table without it in {source}.") from None
    return Listed(clips=clips, folder=str(source))


def _clip(source: Path, path: str, *, label: str, fold: str, recording: str) -> Clip:
    return Clip(
        clip_id=printable(path),
        source=path,
        labels=(re.sub(r"\W+", "_", label.strip().lower()),),
        split={"5": "test", "4": "validation"}.get(fold, "train"),
        group=f"freesound:{recording}",
        stamp=stamp_of(f"{source}/{path}"),
    )
