"""TFRecord files of others, whose Examples hold audio as a list of floats (NSynth): found, and read as WAV."""

import io
import mmap
import struct
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import soundfile

from pipelines import examples
from pipelines.shards import HEADER_BYTES, begins_like_records, masked_crc
from pipelines.status import Rejected

AUDIO = "audio"

_SAMPLE_RATE = 16_000  # of NSynth, whose records do not say it
_CRC_BYTES = 4
_LENGTH_DELIMITED = 2  # wire type of protobuf; Examples have no other in what is walked here

Value = str | int | float | None


def read_features(path: Path, *, without: Collection[str]) -> Iterator[tuple[int, dict[str, Value]]]:
    """(offset in bytes, the first value of each feature) of every record; see `read_values`."""
    for offset, values in read_values(path, without=without):
        yield offset, {name: found[0] if found else None for name, found in values.items()}


def read_values(path: Path, *, without: Collection[str]) -> Iterator[tuple[int, dict[str, list[Any]]]]:
    """(offset in bytes, the values of each feature) of every record; features `without` are not read.

    Raises:
      ValueError: it is no TFRecord file of Examples, or cut off; the text names the place.
    """
    if not path.stat().st_size:
        return
    with path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data:
        data.madvise(mmap.MADV_RANDOM)
        offset = 0
        while offset < len(data):
            try:
                begin, end = _record(data, offset)
                yield offset, {key: examples.values_of(value) for key, value in _entries(data, begin, end, without)}
            except (Rejected, ValueError, IndexError) as error:
                raise ValueError(
                    f"A TFRecord file has whole records of Examples. Received: {path}, at byte {offset}: {error}."
                ) from None
            offset = end + _CRC_BYTES


class ExampleFile:
    """An archive of `sources` whose members are records, named by their offset in bytes."""

    index_bytes = 0

    def __init__(self, path: str) -> None:
        self._path = path

    def members(self) -> list[tuple[str, int]]:
        """See `sources.members`."""
        found, offset, size = [], 0, Path(self._path).stat().st_size
        with Path(self._path).open("rb") as stream:
            while offset + HEADER_BYTES <= size:
                stream.seek(offset)
                length = _length(stream.read(HEADER_BYTES))
                found.append((str(offset), length))
                offset += HEADER_BYTES + length + _CRC_BYTES
        return found

    def read(self, member: str) -> bytes:
        """The audio of a record as a WAV file of floats; see `sources.read_source`."""
        with Path(self._path).open("rb") as stream:
            stream.seek(int(member))
            payload = stream.read(_length(stream.read(HEADER_BYTES)))
            check = stream.read(_CRC_BYTES)
        if len(check) != _CRC_BYTES or masked_crc(payload) != struct.unpack("<I", check)[0]:
            raise Rejected("corrupt", f"the record at byte {member} does not fit its checksum")
        return self._wav(payload, member)

    def _wav(self, payload: bytes, member: str) -> bytes:
        samples = examples.floats(payload, AUDIO)
        if samples is None:
            raise Rejected("unsupported", f"the record at byte {member} has no list of floats named `{AUDIO}`")
        wav = io.BytesIO()
        soundfile.write(wav, samples, _SAMPLE_RATE, format="WAV", subtype="FLOAT")
        return wav.getvalue()


def _length(head: bytes) -> int:
    if not begins_like_records(head):
        raise Rejected("corrupt", "the length of a record does not fit its checksum")
    return int(struct.unpack_from("<Q", head)[0])


def _record(data: mmap.mmap, offset: int) -> tuple[int, int]:
    begin = offset + HEADER_BYTES
    end = begin + _length(data[offset:begin])
    if end + _CRC_BYTES > len(data):
        raise ValueError("the record is cut off")
    return begin, end


def _entries(data: mmap.mmap, begin: int, end: int, without: Collection[str]) -> Iterator[tuple[str, bytes]]:
    """(key, encoded Feature) of an Example in `data`: its field 1 has entries as field 1 with key 1 and value 2."""
    for _, features_begin, features_end in _fields(data, begin, end):
        for _, entry_begin, entry_end in _fields(data, features_begin, features_end):
            parts = {number: (first, last) for number, first, last in _fields(data, entry_begin, entry_end)}
            key = data[slice(*parts.get(1, (0, 0)))].decode()
            if key not in without:
                yield key, data[slice(*parts.get(2, (0, 0)))]


def _fields(data: mmap.mmap, begin: int, end: int) -> Iterator[tuple[int, int, int]]:
    """(number, begin, end) of the fields of a message."""
    while begin < end:
        tag, begin = _varint(data, begin)
        length, begin = _varint(data, begin)
        if tag & 7 != _LENGTH_DELIMITED or begin + length > end:
            raise ValueError("the record is no Example")
        yield tag >> 3, begin, begin + length
        begin += length


def _varint(data: mmap.mmap, offset: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        byte = data[offset]
        offset += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, offset
    raise ValueError("the record is no Example")
