"""Downloads one file: goes on where it was, checks what came, and gives up in the end.

`requests` does the transfer, with redirects, proxies and certificates; what is here is what no kept library
does: a file that survives dropped connections and killed processes (docs/decisions/0032).
"""

import email.utils
import logging
import re
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import requests
import urllib3

from pipelines.corpora.remote import Remote
from pipelines.partial import Part, Version

LOG = logging.getLogger(__name__)

_CHUNK = 1 << 16  # what a killed process loses
_PROGRESS_BYTES = 1 << 20  # a connection that brought this much was worth it, and the count of failures starts anew
_LONGEST_PAUSE_S = 60.0
_TIMEOUTS_S = (15.0, 60.0)  # to connect, between two packets
_AGAIN = (408, 425, 429, 500, 502, 503, 504)


@dataclass(frozen=True, kw_only=True)
class Patience:
    """How often to try again when a connection brings nothing, and the first pause in seconds; the next are longer."""

    retries: int = 5
    pause_s: float = 1.0


class _Dropped(Exception):  # noqa: N818 - not an error yet
    """The connection ended, or the server is busy: try again, after so many seconds if it says so."""

    def __init__(self, reason: str, pause_s: float = 0.0) -> None:
        super().__init__(reason)
        self.pause_s = pause_s


class Downloader:
    """Downloads files with one session.

    Args:
      patience: with connections that bring nothing.
      on_bytes: called with (bytes so far, bytes in all or None) as they come.
    """

    def __init__(self, patience: Patience, on_bytes: Callable[[int, int | None], None]) -> None:
        self._patience = patience
        self._on_bytes = on_bytes
        self._session = requests.Session()
        self._session.max_redirects = 10

    def get(self, remote: Remote, url: str, target: Path) -> str:
        """Downloads `url` to `target`, atomically, and returns its SHA-256; `remote` says what is right.

        Raises:
          ValueError: not there, not what it should be, no room, or no connection; the text says what comes next.
        """
        part = Part(target.with_name(f"{target.name}.part"))
        resumed = part.num_bytes > 0
        self._receive_all(part, remote, url)
        problem = part.problem(remote)
        if problem and resumed:  # perhaps its beginning is of another version
            LOG.info("%s: %s; from the beginning", remote.file_name, problem)
            part.restart(Version(url=url))
            self._receive_all(part, remote, url)
            problem = part.problem(remote)
        if problem:
            part.remove()
            raise ValueError(
                f"A file is the one that its owner published. Received: {url}, {problem}. What came was removed. "
                "Either the transfer is at fault (run again), or the file has changed at its source."
            )
        return part.finish(target)

    def _receive_all(self, part: Part, remote: Remote, url: str) -> None:
        failures = 0
        while not part.is_whole(remote, url):
            before = part.num_bytes
            try:
                self._receive(part, remote, url)
            except _Dropped as error:
                failures = 1 if part.num_bytes - before >= _PROGRESS_BYTES else failures + 1
                if failures > self._patience.retries:
                    raise ValueError(
                        f"A file comes from a server that answers. Received: {url}, {error}, {failures} times in a "
                        f"row. {part.num_bytes:,} bytes are here; the same command goes on from there."
                    ) from error
                pause_s = max(error.pause_s, self._patience.pause_s * 2.0 ** (failures - 1))
                LOG.info("%s: %s; again in %.1f s", remote.file_name, error, min(pause_s, _LONGEST_PAUSE_S))
                time.sleep(min(pause_s, _LONGEST_PAUSE_S))
            else:
                return

    def _receive(self, part: Part, remote: Remote, url: str) -> None:
        headers = {"Accept-Encoding": "identity", **part.range_headers(remote, url)}
        try:
            with self._session.get(url, headers=headers, stream=True, timeout=_TIMEOUTS_S) as response:
                if self._accept(response, part, remote, url):
                    self._append(response, part)
        except (requests.exceptions.InvalidSchema, requests.exceptions.InvalidURL) as error:
            raise ValueError(f"A file is at an http or https address. Received: {url}: {error}.") from error
        except requests.exceptions.TooManyRedirects as error:
            raise ValueError(
                f"A file is where its address leads. Received: {url}, which leads round: {error}."
            ) from error
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            raise _Dropped(f"the connection failed ({_words(error)})") from error

    def _accept(self, response: requests.Response, part: Part, remote: Remote, url: str) -> bool:
        """Whether the body continues `part`; starts it anew where the server sends all, or another version."""
        if url.startswith("https:") and not response.url.startswith("https:"):
            raise ValueError(f"A file at an https address stays there. Received: {url}, which leads to {response.url}.")
        if response.status_code in _AGAIN:
            raise _Dropped(f"the server answers {response.status_code} {response.reason}", _retry_after(response))
        first, total = _content_range(response)
        if response.status_code == requests.codes.requested_range_not_satisfiable and part.num_bytes:
            if part.num_bytes == total:
                return False
        elif response.status_code == requests.codes.partial_content and part.num_bytes:
            if first == part.num_bytes and part.accepts(total, _validator(response)):
                return True
        elif response.status_code == requests.codes.ok:
            part.restart(
                Version(
                    url=url,
                    validator=_validator(response),
                    num_bytes=_length(response),
                    modified=_modified(response),
                )
            )
            _check_size(remote, url, part.total)
            _check_room(part.path.parent, part.total, remote.file_name)
            return True
        else:
            raise ValueError(
                f"A file is at its address. Received: {url}, where the server answers {response.status_code} "
                f"{response.reason}. If it has moved, give the place of a copy: `--mirror`."
            )
        part.restart(Version(url=url))
        raise _Dropped("the server does not go on where it stopped")

    def _append(self, response: requests.Response, part: Part) -> None:
        with part.appending() as append:
            for chunk in response.raw.stream(_CHUNK, decode_content=False):
                append(chunk)
                self._on_bytes(part.num_bytes, part.total)
        if part.total is not None and part.num_bytes < part.total:
            raise _Dropped(f"the connection ended after {part.num_bytes:,} of {part.total:,} bytes")


def checked_sha256(remote: Remote, path: Path) -> str:
    """The SHA-256 of a file that is there already.

    Raises:
      ValueError: it is not the published one.
    """
    there = Part(path)
    problem = there.problem(remote)
    if problem:
        raise ValueError(
            f"A file is the one that its owner published. Received: {path}, {problem}. Remove it, and fetch again."
        )
    return there.sha256


def _content_range(response: requests.Response) -> tuple[int | None, int | None]:
    """First byte and size of the whole, of `bytes 5-9/10` or `bytes */10`; None: not said."""
    found = re.fullmatch(r"bytes (?:(\d+)-\d+|\*)/(?:(\d+)|\*)", response.headers.get("Content-Range", "").strip())
    first, total = found.groups() if found else (None, None)
    return (int(first) if first else None), (int(total) if total else None)


def _validator(response: requests.Response) -> str:
    """A mark of the version that the server may be asked with; a weak ETag promises nothing about bytes."""
    etag = response.headers.get("ETag", "")
    return etag if etag and not etag.startswith("W/") else response.headers.get("Last-Modified", "")


def _modified(response: requests.Response) -> float | None:
    try:
        return email.utils.parsedate_to_datetime(response.headers["Last-Modified"]).timestamp()
    except (KeyError, ValueError):
        return None


def _length(response: requests.Response) -> int | None:
    length = response.headers.get("Content-Length", "")
    return int(length) if length.isdecimal() else None


def _retry_after(response: requests.Response) -> float:
    seconds = response.headers.get("Retry-After", "")
    return float(seconds) if seconds.isdecimal() else 0.0


def _check_size(remote: Remote, url: str, total: int | None) -> None:
    if remote.num_bytes is not None and total is not None and total != remote.num_bytes:
        raise ValueError(
            f"A file has the size that its owner published. Received: {url} with {total:,} bytes instead of "
            f"{remote.num_bytes:,}. It has changed at its source, or the address leads elsewhere."
        )


def _check_room(folder: Path, num_bytes: int | None, name: str) -> None:
    free = shutil.disk_usage(folder).free
    if num_bytes is not None and num_bytes > free:
        raise ValueError(
            f"A file fits on the disk. Received: {name} with {num_bytes:,} bytes for {folder}, where {free:,} are "
            "free. Make room, or fetch to another folder."
        )


def _words(error: Exception) -> str:
    return re.sub(r"0x[0-9a-f]+", "", str(error)) or type(error).__name__
