"""The files of a corpus, found by what its lists call them; what no list names is ignored, by name."""

import re
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

from pipelines.clip import Clip, Listed, Stamp, printable
from pipelines.corpora.recordings import has_audio_suffix, walk_files

_SUFFIX = re.compile(r"\.\w{2,4}$")


class Tree:
    """The files below a folder. Nothing is opened.

    A list's `a/B.wav` is found as `a/b.WAV`, `a/B.flac` or `a/B.wav.wav`, too, if there is one such file only: corpora
    get converted, copied over file systems without case, and renamed. The clip's id stays what the list says.
    """

    def __init__(self, folder: Path, *, tail: int | None = None) -> None:
        """Walks `folder`. With `tail`, lists name the last so many parts of a path, at whatever depth the files are."""
        self.folder, self._tail = folder, tail
        self._stamps: dict[str, Stamp | None] = dict(walk_files(folder))
        self._exact: dict[str, str] = {}
        for path in self.recordings():
            self._exact.setdefault(self._name(path), path)
        self._used: set[str] = set()
        self._ids: set[str] = set()

    def recordings(self, below: str = "") -> list[str]:
        """Paths of the files with an audio suffix that begin with `below`, without hidden ones, in the walk's order."""
        return [
            path
            for path in self._stamps
            if path.startswith(below) and has_audio_suffix(path) and not path.rpartition("/")[2].startswith(".")
        ]

    def files(self, pattern: str) -> list[str]:
        """Paths of all files whose whole path matches the regular expression, whatever their case."""
        matcher = re.compile(pattern, re.IGNORECASE)
        return [path for path in self._stamps if matcher.fullmatch(path)]

    def find(self, path: str) -> str | None:
        """The path under which the listed `path` is there; None: it is missing."""
        if path in self._stamps or path in self._exact:
            return self._exact.get(path, path)
        similar = self._similar.get(_key(path), [])
        return self._exact[similar[0]] if len(similar) == 1 else None

    def num_bytes(self, path: str) -> int:
        """The size of a file; 0 where there is none."""
        stamp = self._stamps.get(path)
        return stamp.num_bytes if stamp else 0

    def use(self, *paths: str) -> None:
        """Marks files as part of the corpus, so that they are not among the ignored."""
        self._used.update(paths)

    def clip(
        self,
        path: str,
        *,
        labels: tuple[str, ...],
        split: str,
        group: str,
        clip_id: str | None = None,
        seconds: tuple[float, float] | None = None,
        member: str | None = None,
    ) -> Clip:
        """The clip that a list calls `path`, in the file where it is; without a stamp where it is missing.

        Args:
          path: relative to the folder; of the archive where there is a `member`.
          labels: class names.
          split: train, validation or test.
          group: as the corpus spells it.
          clip_id: of the clip where it is not `path`.
          seconds: begin and end of the clip where it is not the whole file.
          member: of the archive.

        Raises:
          ValueError: a second clip of one id.
        """
        clip_id = printable(clip_id or path)
        if clip_id in self._ids:
            raise ValueError(f"A corpus lists a clip once. Received: `{clip_id}` twice in the lists of {self.folder}.")
        self._ids.add(clip_id)
        source = self.find(path) or path
        self._used.add(source)
        start, end = seconds or (None, None)
        return Clip(
            clip_id=clip_id,
            source=source,
            labels=tuple(map(printable, labels)),
            split=split,
            group=printable(group),
            start=start,
            end=end,
            stamp=self._stamps.get(source),
            member=member,
        )

    @cached_property
    def _similar(self) -> dict[str, list[str]]:
        """The names that are alike but for case and audio suffixes; made for the first file that is not there."""
        found: dict[str, list[str]] = {}
        for name in self._exact:
            found.setdefault(_key(name), []).append(name)
        return found

    def _name(self, path: str) -> str:
        return path if self._tail is None else "/".join(path.split("/")[-self._tail :])

    def listed(self, clips: list[Clip], *, labels: tuple[str, ...] | None = None, notes: Sequence[str] = ()) -> Listed:
        """The answer of an adapter: its clips, the files that none of them is in, and what a reader should know."""
        return Listed(
            clips=tuple(clips),
            folder=str(self.folder),
            ignored=tuple(sorted(printable(path) for path in self._stamps if path not in self._used)),
            labels=labels and tuple(map(printable, labels)),
            facts={"notes": list(notes)} if notes else {},
        )


def locate(source: Path, *markers: str) -> Path | None:
    """The folder of a corpus: `source` or its only sub-folder that holds one of the markers; None: neither.

    Raises:
      ValueError: several sub-folders do.
    """
    if _holds(source, markers):
        return source
    found = [folder for folder in sorted(source.iterdir()) if folder.is_dir() and _holds(folder, markers)]
    if len(found) > 1:
        names = [printable(folder.name) for folder in found]
        raise ValueError(f"A source folder holds one copy of the corpus. Received: {source} with {names}. Give one.")
    return found[0] if found else None


def _holds(folder: Path, markers: tuple[str, ...]) -> bool:
    return any((folder / marker).exists() for marker in markers)


def _key(path: str) -> str:
    """A path without its audio suffixes and case."""
    while has_audio_suffix(path):
        path = _SUFFIX.sub("", path)
    return path.casefold()
