"""TFRecord files: framing with masked CRC-32C, written whole or not at all, read with every check."""

import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import google_crc32c

from infra.card import ShardCard

HEADER_BYTES = 12  # length, uint64, and its CRC; the payload follows, then the payload's CRC
_CRC_BYTES = 2**20  # at a time; the library takes no views
_LENGTH, _CRC = struct.Struct("<Q"), struct.Struct("<I")


class ShardWriter:
    """Appends records to an open file; `card` says what was written."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._num_bytes = 0
        self._records = 0

    def write(self, *payload: bytes | memoryview) -> int:
        """Appends one record, given in pieces of bytes; returns the byte offset of its payload in the file."""
        offset = self._num_bytes + HEADER_BYTES
        num_bytes = sum(map(len, payload))
        length = _LENGTH.pack(num_bytes)
        self._stream.write(length + _CRC.pack(masked_crc(length)))
        for piece in payload:
            self._stream.write(piece)
        self._stream.write(_CRC.pack(masked_crc(*payload)))
        self._num_bytes = offset + num_bytes + _CRC.size
        self._records += 1
        return offset

    @property
    def records(self) -> int:
        """Records written so far."""
        return self._records

    def card(self, name: str) -> ShardCard:
        """What the file holds now."""
        return ShardCard(name=name, records=self._records, num_bytes=self._num_bytes)


def read_shard(path: Path) -> Iterator[tuple[int, bytes]]:
    """Yields (offset of the payload, payload) of every record.

    Raises:
      ValueError: a CRC does not match or the file ends within a record; the text names the file, the
        record and the byte.
    """
    with path.open("rb") as stream:
        size = os.fstat(stream.fileno()).st_size
        offset, record = 0, 0
        while offset < size:
            where = f"{path.name}, record {record} at byte {offset}"
            payload = _read_record(stream, size - offset, where)
            yield offset + HEADER_BYTES, payload
            offset += HEADER_BYTES + len(payload) + _CRC.size
            record += 1


def masked_crc(*content: bytes | memoryview) -> int:
    """CRC-32C of the pieces, rotated and shifted as TFRecord files want it."""
    crc = 0
    for piece in content:
        for begin in range(0, len(piece), _CRC_BYTES):
            crc = google_crc32c.extend(crc, bytes(piece[begin : begin + _CRC_BYTES]))
    return int(((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF)


def begins_like_records(head: bytes) -> bool:
    """Whether a file that begins with `head` (`HEADER_BYTES` of it) begins with the length of a record and its CRC."""
    length, check = head[: _LENGTH.size], head[_LENGTH.size : HEADER_BYTES]
    return len(check) == _CRC.size and masked_crc(length) == _CRC.unpack(check)[0]


def _read_record(stream: IO[bytes], left: int, where: str) -> bytes:
    header = stream.read(HEADER_BYTES)
    if len(header) < HEADER_BYTES:
        raise ValueError(f"{where}: the file is truncated, {left} bytes of a {HEADER_BYTES}-byte header are left.")
    length = header[: _LENGTH.size]
    if masked_crc(length) != _CRC.unpack(header[_LENGTH.size :])[0]:
        raise ValueError(f"{where}: the CRC of the record's length does not match.")
    (num_bytes,) = _LENGTH.unpack(length)
    if HEADER_BYTES + num_bytes + _CRC.size > left:
        raise ValueError(f"{where}: the file is truncated, the record has {num_bytes} bytes and {left} are left.")
    payload = stream.read(num_bytes)
    if masked_crc(payload) != _CRC.unpack(stream.read(_CRC.size))[0]:
        raise ValueError(f"{where}: the CRC of the record's {num_bytes} bytes does not match.")
    return payload
