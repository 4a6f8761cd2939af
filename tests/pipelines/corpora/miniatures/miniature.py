"""A corpus in miniature: its official layout, with made audio."""

import io
import os
import zlib
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import soundfile
from tfrecord import TFRecordWriter

JUNK = {".DS_Store": b"\0\0\0\1Bud1", "__MACOSX/._x.wav": b"\0\5\x16\7", "README.txt": b"read me"}


@dataclass(frozen=True, kw_only=True)
class Miniature:
    """A small corpus.

    Attributes:
      audio: paths of recordings to make; the suffix says the format.
      files: path -> content of the others.
      kind: rate in Hz, channels and subtype of the recordings.
      seconds: of those recordings that are not 0.3 s long.
      splits: that the corpus has.
      missing: ids of listed clips without a file.
      labels: all classes that may occur.
      shared_groups: pairs of splits that may share groups.
      records: path of a TFRecord file -> its examples.
    """

    audio: tuple[str, ...] = ()
    files: dict[str, bytes] = field(default_factory=dict)
    kind: tuple[int, int, str] = (16_000, 1, "PCM_16")
    seconds: dict[str, float] = field(default_factory=dict)
    splits: tuple[str, ...] = ("train", "validation", "test")
    missing: tuple[str, ...] = ()
    labels: frozenset[str] = frozenset()
    shared_groups: bool = False
    records: dict[str, list[dict[str, tuple[object, str]]]] = field(default_factory=dict)

    def write(self, folder: Path, *, backwards: bool = False) -> Path:
        """Makes the tree; every file has one time, whatever the order they are made in."""
        makers = {path: lambda target, path=path: target.write_bytes(self._recording(path)) for path in self.audio}
        makers |= {
            path: lambda target, content=content: target.write_bytes(content) for path, content in self.files.items()
        }
        makers |= {path: lambda target, path=path: self._write_records(target, path) for path in self.records}
        for path, make in sorted((makers | {}).items(), reverse=backwards):
            target = folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            make(target)
            os.utime(target, ns=(10**18, 10**18))
        return folder

    def _recording(self, path: str) -> bytes:
        rate, channels, subtype = self.kind
        return recording(path, self.seconds.get(path, 0.3), rate=rate, channels=channels, subtype=subtype)

    def _write_records(self, target: Path, path: str) -> None:
        writer = TFRecordWriter(str(target))
        for example in self.records[path]:
            writer.write(example)
        writer.close()


def recording(
    name: str, seconds: float = 0.3, *, rate: int = 16_000, channels: int = 1, subtype: str = "PCM_16"
) -> bytes:
    """An audio file of noise, another for every name, in the format of the name's suffix."""
    random = np.random.default_rng(zlib.crc32(name.encode()))
    samples = 0.2 * random.uniform(-1.0, 1.0, (round(seconds * rate), channels))
    kind = name.rpartition(".")[2].upper()
    subtype = {"OGG": "VORBIS", "MP3": "MPEG_LAYER_III"}.get(kind, subtype)
    stream = io.BytesIO()
    soundfile.write(stream, samples, rate, format=kind, subtype=subtype)
    return stream.getvalue()


def table(*rows: str, end: str = "\n", mark: bool = False, last: bool = True) -> bytes:
    """The bytes of a table: with a byte order mark, other line ends, without the last one."""
    return ("\ufeff" * mark + end.join(rows) + end * last).encode()
