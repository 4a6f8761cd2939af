"""Unpacks an archive from the network: inside its folder, over nothing, and not without end.

Links are never made: one that names a file of the same archive becomes a copy of it, any other is refused. So
nothing in the folder can lead out of it, whatever version of `tarfile` checks the names.
"""

import contextlib
import filecmp
import io
import lzma
import os
import re
import shutil
import stat
import tarfile
import zipfile
import zlib
from calendar import timegm
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from pipelines.joined import Joined, open_zip

_CHUNK = 1 << 20
_ALWAYS_ALLOWED = 64 << 20  # bytes; a small archive of text may shrink more than recordings do
_DAMAGED = (
    tarfile.TarError,
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    KeyError,
    NotImplementedError,
    RuntimeError,
    UnicodeError,
    lzma.LZMAError,
)


class Damaged(ValueError):  # noqa: N818 - for users it is a refusal like others
    """An archive that is not whole: another transfer may bring it."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """How much an archive may hold.

    Attributes:
      files: at most this many.
      ratio: at most this many bytes for each byte of the archive.
    """

    files: int = 2_000_000
    ratio: float = 100.0


@dataclass(frozen=True, kw_only=True)
class _Member:
    """A file of an archive; `open` gives its bytes. A folder has no `open`."""

    name: str
    mtime: float
    open: Callable[[], IO[bytes]] | None


def unpack(
    parts: Sequence[Path],
    folder: Path,
    *,
    name: str,
    limits: Limits,
    on_bytes: Callable[[int, int], None] = lambda done, total: None,
) -> int:
    """Unpacks the archive `name` that `parts` make into `folder`, new or empty; returns the number of files.

    Files get their time from the archive, so that fetching a corpus twice gives the same snapshot key.

    Raises:
      Damaged: it is no archive, or not whole.
      ValueError: too large, or with a name or a member that leads out; the text says which.
    """
    writer = _Writer(folder, name, limits, most=_most_bytes(parts, limits))
    try:
        with Joined(parts) as stream, _opened(stream, name) as members:
            for member in members:
                writer.add(member)
                on_bytes(stream.tell(), stream.begins[-1])
    except (*_DAMAGED, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:  # the system's; gzip and bz2 have none
            raise
        raise Damaged(
            f"An archive is a whole zip or tar file. Received: {name}, of which {writer.files} files could be read: "
            f"{str(error) or type(error).__name__} (it begins {_head(parts[0])!r})."
        ) from error
    return writer.files


def merge(unpacked: Path, folder: Path) -> None:
    """Moves all of `unpacked` into `folder`, over nothing: a file that is there already must be the same.

    Raises:
      ValueError: another file has one of the names; nothing was moved then.
    """
    files = sorted(path.relative_to(unpacked) for path in unpacked.rglob("*") if not path.is_dir())
    for file in files:
        there = folder / file
        if os.path.lexists(there) and not _same(unpacked / file, there):
            raise ValueError(
                f"Nothing that is there is written over. Received: {there}, which differs from the file that was "
                "fetched. Remove it, or fetch to another folder."
            )
    for file in files:
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        os.replace(unpacked / file, folder / file)  # noqa: PTH105 - the same bytes, if it is there at all
    shutil.rmtree(unpacked)


def _same(one: Path, other: Path) -> bool:
    return other.is_file() and not other.is_symlink() and filecmp.cmp(one, other, shallow=False)


class _Writer:
    """Writes members below a folder and counts them."""

    def __init__(self, folder: Path, archive: str, limits: Limits, *, most: int) -> None:
        self._folder = folder
        self._archive = archive
        self._limits = limits
        self._most = most
        self._left = most
        self.files = 0

    def add(self, member: _Member) -> None:
        """One more; `ValueError` if it must not be."""
        path = self._folder.joinpath(*_inside(member.name, self._archive))
        try:
            if member.open is None:
                path.mkdir(parents=True, exist_ok=True)
                return
            self._count()
            path.parent.mkdir(parents=True, exist_ok=True)
            with member.open() as source, path.open("xb") as target:
                self._copy(source, target)
            os.utime(path, (member.mtime, member.mtime))
        except FileExistsError:
            raise _refusal(self._archive, f"`{member.name}` twice, or as a file and a folder") from None

    def _count(self) -> None:
        self.files += 1
        if self.files > self._limits.files:
            raise _refusal(self._archive, f"more than {self._limits.files:,} files (`--max-files`)")

    def _copy(self, source: IO[bytes], target: IO[bytes]) -> None:
        while chunk := source.read(_CHUNK):
            self._left -= len(chunk)
            if self._left < 0:
                raise _refusal(
                    self._archive,
                    f"more than {self._most:,} bytes, which is more than {self._limits.ratio:g} times its own size "
                    "(`--max-ratio`)",
                )
            target.write(chunk)


@contextlib.contextmanager
def _opened(stream: Joined, name: str) -> Iterator[Iterator[_Member]]:
    if name.endswith(".zip"):
        with open_zip(stream) as archive:
            yield _zip_members(archive, name)
    else:
        with io.BufferedReader(stream) as buffered, tarfile.open(fileobj=buffered, mode="r:*") as tar:
            yield _tar_members(tar, name)


def _zip_members(archive: zipfile.ZipFile, name: str) -> Iterator[_Member]:
    for info in archive.infolist():
        kind = stat.S_IFMT(info.external_attr >> 16)
        if info.flag_bits & 1:
            raise _refusal(name, f"`{info.filename}`, which is encrypted")
        if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
            raise _refusal(name, f"`{info.filename}`, which is a link or a device")
        yield _Member(
            name=info.filename,
            mtime=timegm((*info.date_time, 0, 0, 0)),
            open=None if info.is_dir() else lambda info=info: archive.open(info),  # type: ignore[misc]
        )


def _tar_members(tar: tarfile.TarFile, name: str) -> Iterator[_Member]:
    for info in tar:
        if not (info.isfile() or info.isdir() or info.islnk() or info.issym()):
            raise _refusal(name, f"`{info.name}`, which is a device or a pipe")
        yield _Member(
            name=info.name,
            mtime=max(0.0, float(info.mtime)),
            open=None if info.isdir() else lambda info=info: _tar_file(tar, info, name),  # type: ignore[misc]
        )
    assert tar.fileobj is not None
    tar.fileobj.seek(tar.offset)  # `tarfile` stops here: the end of the stream has the checksum of the whole
    padding = 0
    while chunk := tar.fileobj.read(_CHUNK):
        padding += len(chunk)
        if padding > _ALWAYS_ALLOWED:
            raise _refusal(name, "no end to its padding")
    if not padding:
        raise tarfile.ReadError("it ends without the mark of its end")


def _tar_file(tar: tarfile.TarFile, info: tarfile.TarInfo, name: str) -> IO[bytes]:
    """The bytes of a member; of a link, those of the member that it names, which is looked for in the archive only."""
    try:
        stream = tar.extractfile(info)
    except (KeyError, RecursionError):
        stream = None
    if stream is None:
        raise _refusal(name, f"`{info.name}`, a link to `{info.linkname}`, which is no file of the archive")
    return stream


def _inside(name: str, archive: str) -> tuple[str, ...]:
    """The parts of a relative path that stays where it is."""
    path = PurePosixPath(name)
    if not path.parts or "\0" in name or path.is_absolute() or ".." in re.split(r"[/\\]", name):
        raise _refusal(archive, f"the name {name!r}, which leads out of the folder")
    return path.parts


def _refusal(archive: str, what: str) -> ValueError:
    return ValueError(
        f"An archive holds files with relative names, of a size that recordings have. Received: {archive} with {what}. "
        "Nothing of it was kept; if you trust it, unpack it yourself."
    )


def _most_bytes(parts: Sequence[Path], limits: Limits) -> int:
    return max(_ALWAYS_ALLOWED, int(limits.ratio * sum(path.stat().st_size for path in parts)))


def _head(path: Path) -> bytes:
    with path.open("rb") as stream:
        return stream.read(16)
