"""A file of which a part has come: its bytes, the version they are of, and their hashes."""

import hashlib
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from infra.config import from_dict
from infra.files import write_atomically
from pipelines.corpora.remote import Remote

_CHUNK = 1 << 20


@dataclass(frozen=True, kw_only=True)
class Version:
    """Which version of the remote file a part is of: the server's mark of it, and its whole size in bytes."""

    url: str
    validator: str = ""  # a strong ETag, or Last-Modified: what If-Range takes
    num_bytes: int | None = None
    modified: float | None = None  # seconds since 1970


class Part:
    """What has come so far: on disk, with a note of the version it is of, and hashed as it comes."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._note = path.with_name(f"{path.name}.json")
        self._version = self._read_note()
        self._forget()
        if path.is_file():
            with path.open("rb") as stream:
                while chunk := stream.read(_CHUNK):
                    self._count(chunk)

    @property
    def total(self) -> int | None:
        """Its size when it is whole, as the server says."""
        return self._version.num_bytes

    @property
    def sha256(self) -> str:
        """Of the bytes that are here, in hexadecimal."""
        return self._hashes["sha256"].hexdigest()

    def is_whole(self, remote: Remote, url: str) -> bool:
        """Whether all that the server announced is here."""
        return self.num_bytes > 0 and self._version.url == url and self.num_bytes in (self.total, remote.num_bytes)

    def accepts(self, total: int | None, validator: str) -> bool:
        """Whether an answer of this size and mark, as far as it says them, is of the version that is here."""
        same_size = total is None or self.total in (None, total)
        return same_size and (not validator or self._version.validator in ("", validator))

    def range_headers(self, remote: Remote, url: str) -> dict[str, str]:
        """What asks for the rest; nothing, where what is here may be of another version."""
        if not self.num_bytes or self._version.url != url:
            return {}
        if self._version.validator:
            return {"Range": f"bytes={self.num_bytes}-", "If-Range": self._version.validator}
        return {"Range": f"bytes={self.num_bytes}-"} if remote.sha256 or remote.md5 else {}

    def restart(self, version: Version) -> None:
        """Forgets what came. The bytes go first: no note stands beside bytes of another version."""
        self.path.unlink(missing_ok=True)
        write_atomically(self._note, json.dumps(asdict(version)))
        self._version = version
        self._forget()

    @contextmanager
    def appending(self) -> Iterator[Callable[[bytes], None]]:
        """Gives the function that appends bytes; they are in the file when it returns."""
        with self.path.open("ab", buffering=0) as stream:

            def append(chunk: bytes) -> None:
                stream.write(chunk)
                self._count(chunk)

            yield append

    def problem(self, remote: Remote) -> str:
        """What is wrong with the whole; empty: nothing that is known of it."""
        if remote.num_bytes not in (None, self.num_bytes):
            return f"which has {self.num_bytes:,} bytes instead of {remote.num_bytes:,}"
        for name, expected in (("sha256", remote.sha256), ("md5", remote.md5)):
            found = self._hashes[name].hexdigest()
            if expected and found != expected:
                return f"whose {name} is {found} instead of {expected}"
        return ""

    def finish(self, target: Path) -> str:
        """Gives the whole its name, and the server's time where it told one; returns its SHA-256."""
        self.path.touch()  # an empty file never had a chunk
        with self.path.open("rb") as stream:
            os.fsync(stream.fileno())
        if self._version.modified is not None:
            os.utime(self.path, (self._version.modified, self._version.modified))
        self.path.replace(target)
        self._note.unlink(missing_ok=True)
        return self.sha256

    def remove(self) -> None:
        """Removes what came, and the note."""
        self.path.unlink(missing_ok=True)
        self._note.unlink(missing_ok=True)

    def _forget(self) -> None:
        self.num_bytes = 0
        self._hashes = {"sha256": hashlib.sha256(), "md5": hashlib.md5(usedforsecurity=False)}

    def _count(self, chunk: bytes) -> None:
        self.num_bytes += len(chunk)
        for digest in self._hashes.values():
            digest.update(chunk)

    def _read_note(self) -> Version:
        try:
            return from_dict(Version, json.loads(self._note.read_text()))
        except (OSError, ValueError):
            return Version(url="")
