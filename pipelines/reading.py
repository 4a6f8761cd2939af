"""A recording on disk to whatever is made of its samples: found whole, and decoded by the first library that can."""

import functools
import io
import os
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from typing import TypeVar

from pipelines import flac, sndfile
from pipelines.audio import Block, mono
from pipelines.clip import Stamp, stamp_of
from pipelines.containers import HEAD_BYTES, ONLY_FFMPEG, describe
from pipelines.contents import Content, Pieces, content_of
from pipelines.integrity import Whole, inspect
from pipelines.recording import Recording, Undecodable
from pipelines.status import Rejected, Status

Made = TypeVar("Made")
Opener = Callable[[], Recording]

_REMEMBERED = 8  # recordings whose spans are clips; a long one is looked through once


def read(
    path: str,
    make: Callable[[Recording], Made],
    *,
    member: str | None = None,
    start: float | None = None,
    end: float | None = None,
) -> Made:
    """What `make` makes of a recording, or of its span from `start` to `end` seconds.

    `make` is called again with the recording through another decoder where one stops part-way.

    Raises:
      Rejected: it is no audio that can be read, or damaged.
    """
    is_span = start is not None or end is not None
    content, whole = _remembered(path, member, stamp_of(path)) if is_span else _inspected(path, member)
    failures: list[str] = []
    for library, opener in _openers(path, member, content, whole, start=start, end=end):
        try:
            recording = opener()
            recording.notes[:0] = [whole.note] if whole.note else []
            return make(recording)
        except Undecodable as failure:
            failures.append(f"{library}: {failure}")
            if library == "libsndfile" and whole.container == "FLAC" and flac.stops_at_the_end(whole.parts[0]):
                raise Rejected("truncated", f"the file has {len(content)} bytes and ends within a FLAC frame") from None
    if whole.container is None:
        raise Rejected("unsupported", f"the file is {describe(bytes(content[:HEAD_BYTES]))}")
    status: Status = "unsupported" if any("unimplemented" in failure for failure in failures) else "corrupt"
    raise Rejected(status, f"begins as {whole.container}, and no decoder reads it to its end ({'; '.join(failures)})")


def _inspected(path: str, member: str | None) -> tuple[Content, Whole]:
    content = content_of(path, member)
    return content, inspect(content)


@functools.lru_cache(_REMEMBERED)
def _remembered(path: str, member: str | None, stamp: Stamp | None) -> tuple[Content, Whole]:  # noqa: ARG001 - key
    return _inspected(path, member)


def _openers(
    path: str,
    member: str | None,
    content: Content,
    whole: Whole,
    *,
    start: float | None,
    end: float | None,
) -> Iterator[tuple[str, Opener]]:
    """The decoders to try in order, by the names of their libraries."""
    if len(whole.parts) > 1:
        yield "libsndfile", lambda: _joined(map(_sndfile, whole.parts), start=start, end=end)
        yield "FFmpeg", lambda: _joined((_ffmpeg(part, whole.container) for part in whole.parts), start=start, end=end)
        return
    if whole.container not in ONLY_FFMPEG:
        if member is None and whole.is_content(content):
            yield "libsndfile", lambda: sndfile.open_recording(_opened(path, whole), start=start, end=end)
        else:
            yield "libsndfile", lambda: _sndfile(whole.parts[0], start=start, end=end)
    yield "FFmpeg", lambda: _ffmpeg(whole.parts[0], whole.container, start=start, end=end)


def _opened(path: str, whole: Whole) -> bytes | int:
    """A file for libsndfile: open, or by its name where nothing else says what it is."""
    if whole.container is None:
        return os.fsencode(path)
    try:
        return os.open(path, os.O_RDONLY)
    except OSError as error:
        raise Undecodable(f"it cannot be opened again: {error.strerror}") from None


def _sndfile(part: Sequence[Content | bytes], *, start: float | None = None, end: float | None = None) -> Recording:
    return sndfile.open_recording(io.BufferedReader(Pieces(part)), start=start, end=end)


def _ffmpeg(
    part: Sequence[Content | bytes], name: str | None, *, start: float | None = None, end: float | None = None
) -> Recording:
    from pipelines import ffmpeg  # loaded where it is needed

    return ffmpeg.open_recording(part, name=name, start=start, end=end)


def _joined(recordings: Iterator[Recording], *, start: float | None, end: float | None) -> Recording:
    """Several streams as one: all at one rate, decoded from the beginning. Each has its own channels: mixed."""
    first = next(recordings)
    begin = round((start or 0.0) * first.rate)
    stop = None if end is None else round(end * first.rate)

    def blocks() -> Iterator[Block]:
        position = 0
        for recording in chain([first], recordings):
            if recording.rate != first.rate:
                raise Rejected(
                    "unsupported", f"its rate changes from {first.rate} to {recording.rate} Hz: cut it there"
                )
            for block in recording.blocks:
                found = block[max(begin - position, 0) : None if stop is None else max(stop - position, 0)]
                position += len(block)
                if len(found):
                    yield mono(found)[:, None]
                if stop is not None and position >= stop:
                    return

    return Recording(
        rate=first.rate,
        channels=first.channels,
        format=first.format,
        decoder=first.decoder,
        blocks=blocks(),
    )
