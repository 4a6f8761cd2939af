"""`python -m pipelines.fetch request.json`: gets the files of a corpus; again: only what is missing.

Below the target, `.fetch` holds what is on its way and `fetched.json`, which says what has arrived. A file
leaves it whole and checked; an archive is unpacked in it and its content moved, the note last.
"""

import fcntl
import json
import logging
import math
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from infra.files import write_atomically
from infra.stage import report_progress
from pipelines.corpora.downloads import DOWNLOADS
from pipelines.corpora.remote import Download, Remote
from pipelines.download import Downloader, Patience, checked_sha256
from pipelines.prepare import configure_logging
from pipelines.requests import Fetched, FetchedFile, FetchRequest
from pipelines.stage import serve
from pipelines.unpack import Damaged, Limits, merge, unpack

LOG = logging.getLogger(__name__)

WORK_NAME = ".fetch"
_NOTE_NAME = "fetched.json"
_STEP_BYTES = 4_000_000  # of progress that is told


@dataclass(frozen=True, kw_only=True)
class _Item:
    """What is fetched and put in place as one: a file, or the parts of an archive."""

    name: str
    remotes: tuple[Remote, ...]


def fetch(request: FetchRequest) -> Fetched:
    """Gets what the request names, checks it, and unpacks archives into the target.

    Raises:
      ValueError: the corpus is not one, cannot be fetched by a program, or a file did not come as it should.
    """
    download = _download(request.corpus)
    items = _items(download, request.only)
    folder = Path(request.folder).absolute()
    try:
        with _only_one(folder / WORK_NAME):
            fetching = _Fetch(request, folder)
            fetching.check_room(items)
            files = [file for item in items for file in fetching.item(item)]
    except OSError as error:
        raise ValueError(
            f"A corpus is fetched to a folder with room for it. Received: {folder}, where the system says: "
            f"{error.strerror or error}. Make room, and the same command goes on from there; or choose another "
            "folder (`--to`)."
        ) from error
    return Fetched(
        corpus=request.corpus,
        folder=str(folder),
        source=str(folder / download.folder),
        files=tuple(files),
        by_hand=download.by_hand,
    )


class _Fetch:
    """One call: what has arrived already, and where the rest comes from."""

    def __init__(self, request: FetchRequest, folder: Path) -> None:
        self._request = request
        self._folder = folder
        self._work = folder / WORK_NAME
        self._name, self._told = "", 0
        patience = Patience(retries=request.retries, pause_s=request.pause_s)
        self._downloader = Downloader(patience, self._tell)

    def item(self, item: _Item) -> list[FetchedFile]:
        """Puts one item in place, unless the note says that it is."""
        expected = [[remote.file_name, remote.sha256, remote.md5] for remote in item.remotes]
        mark = {"expected": expected, "unpacked": self._unpacks(item)}
        arrived = self._note().get(item.name, {})
        target = self._folder / item.remotes[0].into
        if all(arrived.get(key) == mark[key] for key in mark) and all(
            (target / name).exists() for name in arrived["top"]
        ):
            return [FetchedFile(**values, found=True) for values in arrived["files"]]
        got = [self._get(remote) for remote in item.remotes]
        files, paths = [file for file, _ in got], [path for _, path in got]
        top = self._place(item, paths)
        values = [{key: value for key, value in asdict(file).items() if key != "found"} for file in files]
        self._write_note({**self._note(), item.name: {**mark, "top": top, "files": values}})
        for path in paths:
            if path.parent == self._work:
                path.unlink(missing_ok=True)
        return files

    def check_room(self, items: Sequence[_Item]) -> None:
        """Before anything is fetched, as far as sizes are published; an archive needs as much again unpacked."""
        note = self._note()
        missing = [item for item in items if item.name not in note]
        needed = sum(
            (remote.num_bytes or 0) * (2 if self._unpacks(item) else 1) for item in missing for remote in item.remotes
        )
        self._require(needed, f"the {len(missing)} files that are missing")

    def _get(self, remote: Remote) -> tuple[FetchedFile, Path]:
        """The file, whole: where the user put it, come before, or downloaded now."""
        arrived = self._work / remote.file_name
        for path in (self._folder / remote.into / remote.file_name, self._folder / remote.file_name, arrived):
            if path.is_file():
                return _file(remote, path, checked_sha256(remote, path)), path
        url = self._url(remote)
        LOG.info("%s from %s", remote.file_name, url)
        self._name, self._told = remote.file_name, 0
        return _file(remote, arrived, self._downloader.get(remote, url, arrived)), arrived

    def _url(self, remote: Remote) -> str:
        if self._request.mirror:
            return f"{self._request.mirror.rstrip('/')}/{remote.file_name}"
        if remote.url is None:
            raise ValueError(f"{DOWNLOADS[self._request.corpus].by_hand}\nNot in {self._folder}: {remote.file_name}.")
        return remote.url

    def _unpacks(self, item: _Item) -> bool:
        return item.remotes[0].archive is not None and self._request.unpack

    def _place(self, item: _Item, paths: Sequence[Path]) -> list[str]:
        """Moves a file, or the content of an archive, to the target; returns the names at its top."""
        target = self._folder / item.remotes[0].into
        target.mkdir(parents=True, exist_ok=True)
        if not self._unpacks(item):
            for path in paths:
                if path.parent == self._work:  # `_get` has looked: nothing is there
                    path.rename(target / path.name)
            return [path.name for path in paths]
        self._require(sum(path.stat().st_size for path in paths), f"what {item.name} holds")
        unpacking = self._work / "unpacking"
        shutil.rmtree(unpacking, ignore_errors=True)
        unpacking.mkdir()
        self._name, self._told = f"{item.name} unpacked", 0
        try:
            limits = Limits(files=self._request.max_files, ratio=self._request.max_ratio)
            unpack(paths, unpacking, name=item.name, limits=limits, on_bytes=self._tell)
            top = sorted(path.name for path in unpacking.iterdir())
            merge(unpacking, target)
        except Damaged as error:
            raise ValueError(f"{error} {self._discard(item, paths)}") from error
        finally:
            shutil.rmtree(unpacking, ignore_errors=True)
        return top

    def _discard(self, item: _Item, paths: Sequence[Path]) -> str:
        """Removes what was downloaded and has no checksum to vouch for it; says what comes next."""
        if any(path.parent != self._work for path in paths):
            return "Remove it from the folder and run again: it is fetched then."
        if all(remote.sha256 or remote.md5 for remote in item.remotes):
            return "It is what its owner published, by its checksum: ask the owner, or unpack it yourself."
        for path in paths:
            path.unlink()
        return "It was removed; run again to fetch it anew."

    def _require(self, num_bytes: int, what: str) -> None:
        free = shutil.disk_usage(self._work).free
        if num_bytes > free:
            raise ValueError(
                f"A corpus is fetched to a disk that has room for it. Received: {self._folder} with {free:,} bytes "
                f"free; {what} need at least {num_bytes:,}. Make room, fetch less (`--only`), or elsewhere (`--to`)."
            )

    def _tell(self, done: int, total: int | None) -> None:
        if done - self._told >= _STEP_BYTES or self._told < done == total:
            self._told = done
            megabytes = math.ceil(done / 1e6)
            report_progress(megabytes, max(megabytes, math.ceil((total or 0) / 1e6)), f"MB of {self._name}")

    def _note(self) -> dict[str, Any]:
        try:
            note: dict[str, Any] = json.loads((self._work / _NOTE_NAME).read_text())
        except (OSError, ValueError):
            return {}
        return note

    def _write_note(self, note: dict[str, Any]) -> None:
        write_atomically(self._work / _NOTE_NAME, json.dumps(note, indent=2, sort_keys=True) + "\n")


def _download(corpus: str) -> Download:
    if corpus not in DOWNLOADS:
        raise ValueError(f"A corpus is one of {sorted(DOWNLOADS)}. Received: {corpus!r}.")
    download = DOWNLOADS[corpus]
    if not download.remotes:
        raise ValueError(f"`{corpus}` is not fetched by leafworks. {download.by_hand}")
    return download


def _items(download: Download, only: Sequence[str]) -> list[_Item]:
    """The files and archives to fetch: those that match a pattern; without any, all but the optional ones."""
    items: dict[str, list[Remote]] = {}
    for remote in download.remotes:
        items.setdefault(remote.archive or remote.file_name, []).append(remote)
    unmatched = [pattern for pattern in only if not any(fnmatch(name, pattern) for name in items)]
    if unmatched:
        raise ValueError(f"`--only` takes names or patterns of {sorted(items)}. Received: {unmatched}.")
    return [
        _Item(name=name, remotes=tuple(remotes))
        for name, remotes in items.items()
        if (any(fnmatch(name, pattern) for pattern in only) if only else not remotes[0].optional)
    ]


def _file(remote: Remote, path: Path, sha256: str) -> FetchedFile:
    checked = bool(remote.sha256 or remote.md5)
    return FetchedFile(name=remote.file_name, num_bytes=path.stat().st_size, sha256=sha256, checked=checked)


@contextmanager
def _only_one(work: Path) -> Iterator[None]:
    """Waits while another process fetches to the same folder; the kernel frees the lock of a killed one."""
    work.mkdir(parents=True, exist_ok=True)
    with (work / "lock").open("w") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            LOG.info("waiting for another process that fetches to %s", work.parent)
            fcntl.flock(stream, fcntl.LOCK_EX)
        yield


if __name__ == "__main__":
    configure_logging()
    serve(FetchRequest, fetch)
