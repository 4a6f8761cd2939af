"""Recordings inside archives, read where they lie: tar (also gz, bz2, xz), zip, parquet, TFRecord, HDF5 of PANNs.

Nothing is unpacked to disk. Each process keeps the indexes of the archives that it read last. What one member
costs, in any order: of a zip or a tar itself; of a `.tar.gz` a few MiB around it, after one pass through the
archive; of a `.tar.bz2` or `.tar.xz` all that lies before it; of parquet half its row group.
"""

import collections
import threading
from pathlib import Path
from typing import Protocol

from pipelines.clip import stamp_of
from pipelines.shards import HEADER_BYTES, begins_like_records
from pipelines.status import Rejected

MOST_MEMBER_BYTES = 256 * 2**20  # of a member that has to be decompressed into memory
_MOST_INDEX_BYTES = 128 * 2**20  # of all indexes but the one in use


class Archive(Protocol):
    """An archive and where its members lie; safe for several threads."""

    index_bytes: int

    def members(self) -> list[tuple[str, int]]:
        """(name, size in bytes) of every recording that can be read, in the order of the archive."""

    def read(self, member: str) -> bytes | memoryview:
        """The content of a member; a view of the archive where it lies there as it is."""


def members(path: str | Path) -> list[tuple[str, int]]:
    """(name, size in bytes) of every member of the archive at `path`, in its order; no audio is read.

    Names are as the archive spells them; of equal ones the last counts. Folders, links, devices and sparse
    files are left out. Of parquet the names are the numbers of the rows, and a size is its row group's mean.
    Of an archive that was cut off, what is there.

    Raises:
      ValueError: it is no archive that can be read; the text says why.
    """
    try:
        return _open(str(path)).members()
    except Rejected as verdict:
        raise ValueError(
            "An archive is a tar (also gz, bz2, xz), a zip, or parquet with a column of audio bytes. "
            f"Received: {path}: {verdict.reason}."
        ) from verdict


def read_source(path: str | Path, member: str) -> bytes | memoryview:
    """The content of `member` of the archive at `path`.

    Raises:
      Rejected: no such member, or none that is read (a link, encrypted, beyond a limit), or damaged.
    """
    return _INDEXES.of(str(path)).read(member)


def _open(path: str) -> Archive:
    """Opens an archive by its first bytes; each kind is imported where it is met."""
    try:
        with Path(path).open("rb") as stream:
            head = stream.read(HEADER_BYTES)
    except OSError as error:
        raise Rejected("missing", f"the archive cannot be read: {error.strerror}") from error
    if head[:4] in (b"PK\x03\x04", b"PK\x05\x06"):
        from pipelines.zips import Zip

        return Zip(path, most_bytes=MOST_MEMBER_BYTES)
    if head[:4] == b"PAR1":
        from pipelines.tables import Table

        return Table(path, most_bytes=MOST_MEMBER_BYTES)
    if head[:8] == b"\x89HDF\r\n\x1a\n":
        from pipelines.hdf5 import Hdf5

        return Hdf5(path, most_bytes=MOST_MEMBER_BYTES)
    if begins_like_records(head) and Path(path).with_name("features.json").is_file():
        from pipelines.tfds_records import TfdsFile

        return TfdsFile(path, most_bytes=MOST_MEMBER_BYTES)
    if begins_like_records(head):
        from pipelines.example_files import ExampleFile

        return ExampleFile(path)
    from pipelines.tars import Tar

    return Tar(path, head[:6], most_bytes=MOST_MEMBER_BYTES)


class _Indexes:
    """The archives of this process that were read last."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._archives: collections.OrderedDict[object, Archive] = collections.OrderedDict()

    def of(self, path: str) -> Archive:
        key = (path, stamp_of(path))
        with self._lock:  # held while it is opened: two threads would index it twice
            archive = self._archives.pop(key, None) or _open(path)
            self._archives[key] = archive
            while len(self._archives) > 1 and self._num_bytes() > _MOST_INDEX_BYTES:
                self._archives.popitem(last=False)
            return archive

    def _num_bytes(self) -> int:
        return sum(archive.index_bytes for archive in self._archives.values())


_INDEXES = _Indexes()
