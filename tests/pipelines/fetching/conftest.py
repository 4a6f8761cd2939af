"""A web server on loopback that fails as real ones do."""

import contextlib
import hashlib
import http.server
import io
import re
import threading
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
import pytest


@dataclass
class Page:
    """One file of the server.

    Attributes:
      content: its bytes.
      drops: after so many bytes of a body the connection is cut, one entry for each request; then never.
      ranges: whether it answers range requests.
      etag: sent and compared; None: there is none.
      status: answered instead, one entry for each request; then never.
      headers: further ones.
      announces: whether the length is in the header.
      honest: whether it looks at If-Range.
      pauses: after so many bytes it sets the first event and waits for the second; once.
    """

    content: bytes = b""
    drops: list[int] = field(default_factory=list)
    ranges: bool = True
    etag: str | None = '"1"'
    status: list[int] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    announces: bool = True
    honest: bool = True
    pauses: tuple[int, threading.Event, threading.Event] | None = None


class Web:
    """Pages by path; `requests` is what was asked: (path, Range header or None)."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.pages: dict[str, Page] = {}
        self.requests: list[tuple[str, str | None]] = []
        self.sent = 0

    def ranges(self) -> list[str | None]:
        """The Range header of every request."""
        return [asked for _, asked in self.requests]


@pytest.fixture
def web(monkeypatch: pytest.MonkeyPatch) -> Iterator[Web]:
    """A server until the test ends; no proxy stands before it."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with _Server(("127.0.0.1", 0), _Handler) as server:
        server.web = Web(f"http://127.0.0.1:{server.server_address[1]}")
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server.web
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def page() -> type[Page]:
    """The type of a page."""
    return Page


@pytest.fixture
def content() -> bytes:
    """Three megabytes that no compression makes smaller."""
    return np.random.default_rng(0).bytes(3_000_000)


@pytest.fixture
def sha256() -> Callable[[bytes], str]:
    """Of bytes, in hexadecimal."""
    return lambda content: hashlib.sha256(content).hexdigest()


@pytest.fixture
def zipped() -> Callable[[dict[str, bytes]], bytes]:
    """Packs name -> content as a zip archive."""

    def pack(files: dict[str, bytes]) -> bytes:
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in files.items():
                archive.writestr(zipfile.ZipInfo(name, (2018, 5, 4, 3, 2, 2)), content, zipfile.ZIP_DEFLATED)
        return packed.getvalue()

    return pack


class _Server(http.server.ThreadingHTTPServer):
    def handle_error(self, *arguments):
        """A client that goes away is part of the game."""


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        web = self.server.web
        path, asked = self.path.split("?")[0], self.headers.get("Range")
        web.requests.append((path, asked))
        page = web.pages.get(path)
        if page is None:
            self._answer(404, b"not here")
        elif page.status:
            self._answer(page.status.pop(0), b"not now", page.headers)
        else:
            self._send(page, asked)

    def _send(self, page, asked):
        first, size = 0, len(page.content)
        same = not page.honest or self.headers.get("If-Range") in (None, page.etag)
        if asked and page.ranges and same:
            first = int(re.fullmatch(r"bytes=(\d+)-", asked)[1])
            if first >= size:
                self._answer(416, b"", {"Content-Range": f"bytes */{size}"})
                return
        headers = dict(page.headers)
        if page.etag:
            headers["ETag"] = page.etag
        if first:
            headers["Content-Range"] = f"bytes {first}-{size - 1}/{size}"
        self._answer(206 if first else 200, page.content[first:], headers, page)

    def _answer(self, status, body, headers=None, page=None):
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        drop = page.drops.pop(0) if page and page.drops else None
        if page is None or page.announces:
            self.send_header("Content-Length", str(len(body)))
        else:
            self.close_connection = True
        self.end_headers()
        part = body if drop is None else body[:drop]
        with contextlib.suppress(ConnectionError):
            if page and page.pauses:
                (first, arrived, go), page.pauses = page.pauses, None
                self.wfile.write(part[:first])
                arrived.set()
                go.wait(60)
                part = part[first:]
            self.wfile.write(part)
        self.server.web.sent += len(part)
        if drop is not None:
            self.close_connection = True

    def log_message(self, *arguments):
        pass
