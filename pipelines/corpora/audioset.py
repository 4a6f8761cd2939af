"""AudioSet: 2,084,320 ten-second segments of videos, 527 classes, several to a clip. Labels are published, not audio.

The published lists decide what is listed; audio is found wherever its owner keeps it below the source folder
(`audioset_files`), and a segment without audio is in the ledger as missing. A file holds its segment, cut out of the
video, and is used whole. Where class names and their order come from: `audioset_labels`.

A clip's id is its video's, which every copy of AudioSet knows. Of a video that is listed with several starts, the
second and later segments are `<video id>_<start in ms>`, the habit of the strong labels. A segment that is listed twice
counts once, in the first of eval, balanced, unbalanced: so that no test clip trains.

`eval` tests, the other lists train. There is no official validation set: a stable hash of the video's id takes
`split.validation_share` of the training clips. Group: the video.
"""

import csv
import dataclasses
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from pipelines.clip import Clip, Listed, printable
from pipelines.config import PrepareConfig, SplitConfig
from pipelines.corpora.audioset_files import AudioFiles, find_audio
from pipelines.corpora.audioset_labels import Classes, find_table, read_classes
from pipelines.corpora.config import AudioSetConfig, AudioSetList
from pipelines.splits import hashed_split

LICENCE = "labels CC BY 4.0, ontology CC BY-SA 4.0; the rights of each video are its owner's"
CITATION = "J. F. Gemmeke et al., Audio Set: An ontology and human-labeled dataset for audio events, ICASSP 2017"
SOURCE_PAGE = "the lists from research.google.com/audioset/download.html; the audio is not distributed with them"
MAX_MISSING_SHARE = 1.0  # every copy lacks 2 to 20 % of AudioSet, and new ones lack more

_LISTS: tuple[AudioSetList, ...] = ("eval", "balanced_train", "unbalanced_train")
_ID = re.compile(r"[\w-]{11}", re.ASCII)
_ANNOUNCED = re.compile(r"num_segs=(\d+)")
_NAMED = 100


class Segment(NamedTuple):
    """A row of a list: a video, seconds in it, and its labels as they are written."""

    video: str
    start: float
    end: float
    labels: str


def list_clips(source: Path, config: PrepareConfig) -> Listed:
    """Every segment of the lists that are there.

    Raises:
      ValueError: no list, or a row that is no segment; the text names its line.
    """
    paths = _lists(source, config.audioset)
    classes = read_classes(source, config.audioset)
    files = find_audio(source, read=[*paths.values(), *classes.paths])
    listing = _Listing(classes, files, dataclasses.replace(config.split, test_share=0.0))
    for name, path in paths.items():
        listing.add(name, path)
    left = files.left()
    return Listed(
        clips=tuple(listing.clips),
        folder=str(source),
        ignored=tuple(sorted(map(printable, files.ignored))),
        labels=classes.labels,
        facts={
            "lists": listing.counts,
            "classes": classes.table(),
            "audio_of_no_segment": {"count": len(left), "names": [printable(path) for path in left[:_NAMED]]},
            "notes": [*classes.notes, *listing.notes],
        },
    )


def read_segments(path: Path) -> Iterator[Segment]:
    """The rows of a segment list: comma and blank between fields, labels in quotes, `#` before comments.

    A list that went through a spreadsheet has its labels spread over columns; they are labels still.
    """
    with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as stream:
        rows = csv.reader((line for line in stream if line[0] != "#"), skipinitialspace=True)
        for number, row in enumerate(rows):
            try:
                video, start, end = row[0], float(row[1]), float(row[2])
            except (IndexError, ValueError):
                if not any(row) or (number == 0 and row[0].strip().lower() == "ytid"):
                    continue
                raise _no_segment(path, row) from None
            if not (video and 0.0 <= start < end):
                raise _no_segment(path, row)
            yield Segment(video, start, end, row[3] if len(row) == 4 else ",".join(row[3:]))


def _no_segment(path: Path, row: list[str]) -> ValueError:
    return ValueError(
        f'{path}: a row is `YTID, start_seconds, end_seconds, "label,label"`. Received: {row}. Take the list as it is '
        "published; spreadsheets damage it."
    )


class _Listing:
    """Turns lists into clips, one after another."""

    def __init__(self, classes: Classes, files: AudioFiles, shares: SplitConfig) -> None:
        self.clips: list[Clip] = []
        self.counts: dict[str, dict[str, int]] = {}
        self.notes: list[str] = []
        self._classes = classes
        self._files = files
        self._shares = shares
        self._starts: dict[str, float | set[float]] = {}

    def add(self, name: AudioSetList, path: Path) -> None:
        """Lists the segments of the list called `name`."""
        before, with_audio, again = len(self.clips), 0, 0
        for segment in read_segments(path):
            clip_id = self._clip_id(segment)
            if clip_id is None:
                again += 1
                continue
            clip = self._clip(clip_id, segment, is_test=name == "eval")
            with_audio += clip.stamp is not None
            self.clips.append(clip)
        segments = len(self.clips) - before
        self.counts[name] = {"segments": segments, "with_audio": with_audio, "listed_before": again}
        if again:
            self.notes.append(f"{path.name}: {again} segments are listed twice, and count once")
        announced = _announced(path)
        if announced not in (None, segments + again):
            self.notes.append(f"{path.name}: its head announces {announced} segments, it has {segments + again}")

    def _clip_id(self, segment: Segment) -> str | None:
        """The id of a segment that was not listed before."""
        video = segment.video if _ID.fullmatch(segment.video) else printable(segment.video)
        known = self._starts.setdefault(video, segment.start)
        if known is segment.start:  # the very object: the video is new
            return video
        starts = known if isinstance(known, set) else {known}
        if segment.start in starts:
            return None
        self._starts[video] = starts | {segment.start}
        return f"{video}_{round(1000 * segment.start)}"

    def _clip(self, clip_id: str, segment: Segment, *, is_test: bool) -> Clip:
        audio = self._files.take(segment.video, segment.start, segment.end)
        group = clip_id if len(clip_id) == len(segment.video) else printable(segment.video)
        return Clip(
            clip_id=clip_id,
            source=audio.path if audio else segment.video,
            labels=self._classes.labels_of(segment.labels),
            split="test" if is_test else hashed_split(group, self._shares),
            group=group,
            stamp=audio.stamp if audio else None,
            member=audio.member if audio else None,
        )


def _lists(source: Path, config: AudioSetConfig) -> dict[AudioSetList, Path]:
    """The list files that are wanted and there, in the order in which they count."""
    found = {name: find_table(source, f"{name}_segments.csv") for name in _LISTS}
    absent = [name for name in config.lists if found[name] is None]
    paths = {name: path for name, path in found.items() if path and name in (config.lists or _LISTS)}
    if absent or not paths:
        raise ValueError(
            "AudioSet is a folder with the published lists (class_labels_indices.csv, eval_segments.csv, and "
            "balanced_ and unbalanced_train_segments.csv), there or in `metadata` or `csv`, and audio anywhere below. "
            f"Received: {source}, which has no {' and no '.join(f'{name}_segments.csv' for name in absent or _LISTS)}. "
            f"Give the folder as `--source`; {SOURCE_PAGE}."
        )
    return paths


def _announced(path: Path) -> int | None:
    """How many segments the comments at the head of a list announce."""
    with path.open(encoding="utf-8-sig", errors="surrogateescape") as stream:
        found = _ANNOUNCED.search("".join(line for _, line in zip(range(5), stream, strict=False) if line[0] == "#"))
    return int(found[1]) if found else None
