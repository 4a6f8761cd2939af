"""A waveform and its clip as the bytes of a `tf.train.Example`, and back; the only importer of tfrecord."""

import sys
from typing import NamedTuple

import numpy as np

from pipelines.audio import Samples

if "tensorflow" in sys.modules:
    raise ImportError(
        "`tfrecord` and TensorFlow declare the same protobuf messages and cannot share a process: "
        "start this one as a child process with `infra.stage.run_stage`, or without importing TensorFlow."
    )

from tfrecord import example_pb2

FEATURES = {
    "clip_id": "bytes [1], UTF-8",
    "group": "bytes [1], UTF-8",
    "labels": "int64 [labels], positions in the card's labels",
    "num_samples": "int64 [1]",
    "sample_rate": "int64 [1], Hz",
    "waveform": "bytes [1], int16 little-endian [num_samples], full scale 32768",
}


class Record(NamedTuple):
    """What a record of a shard says."""

    clip_id: str
    group: str
    labels: tuple[int, ...]
    sample_rate: int
    samples: Samples


def encode(record: Record) -> tuple[bytes, int]:
    """The Example's bytes, the same in every process, and the offset of the waveform in them."""
    head, waveform = encode_parts(record)
    return head + waveform, len(head)


def encode_parts(record: Record) -> tuple[bytes, memoryview]:
    """The same in two pieces: what comes before the waveform, and the waveform, of which no copy is made."""
    waveform = record.samples.astype("<i2", copy=False).view(np.uint8).data
    features = example_pb2.Features()
    feature = features.feature
    feature["clip_id"].bytes_list.value.append(record.clip_id.encode())
    feature["group"].bytes_list.value.append(record.group.encode())
    feature["labels"].int64_list.value.extend(record.labels)
    feature["num_samples"].int64_list.value.append(len(record.samples))
    feature["sample_rate"].int64_list.value.append(record.sample_rate)
    others: bytes = features.SerializeToString(deterministic=True)
    # Deterministic means sorted keys: `waveform` comes last, and its bytes end every message that they are in.
    head = b""
    for tag in (b"\x0a", b"\x0a", b"\x0a\x08waveform\x12", b"\x0a"):  # bytes, their list, the entry, its place
        head = tag + _varint(len(head) + waveform.nbytes) + head
    head = others + head
    return b"\x0a" + _varint(len(head) + waveform.nbytes) + head, waveform


def decode(encoded: bytes) -> Record:
    """The inverse of `encode`.

    Raises:
      ValueError: not an Example with these features.
    """
    try:
        feature = example_pb2.Example.FromString(encoded).features.feature
        samples = np.frombuffer(feature["waveform"].bytes_list.value[0], "<i2")
        record = Record(
            clip_id=feature["clip_id"].bytes_list.value[0].decode(),
            group=feature["group"].bytes_list.value[0].decode(),
            labels=tuple(feature["labels"].int64_list.value),
            sample_rate=feature["sample_rate"].int64_list.value[0],
            samples=samples,
        )
        announced = feature["num_samples"].int64_list.value[0]
    except Exception as error:
        raise ValueError(f"A record is an Example with {sorted(FEATURES)}: {error!r}") from error
    if announced != len(samples):
        raise ValueError(f"num_samples counts the waveform. Received: {announced} for {len(samples)} samples.")
    return record


def values_of(encoded: bytes) -> list[str | int | float]:
    """The values of an encoded Feature, bytes as UTF-8 text.

    Raises:
      ValueError: no Feature.
    """
    try:
        feature = example_pb2.Feature.FromString(encoded)
        kind = feature.WhichOneof("kind")
        values = getattr(feature, kind).value if kind else ()
        return [value.decode() if isinstance(value, bytes) else value for value in values]
    except Exception as error:
        raise ValueError(f"not a Feature: {error!r}") from error


def raw_values(encoded: bytes, name: str) -> "list[bytes] | np.ndarray":
    """The values of the feature `name` of an Example: bytes as they are, numbers as int64 or float32; none: empty.

    Raises:
      ValueError: no Example.
    """
    try:
        feature = example_pb2.Example.FromString(encoded).features.feature
        if name not in feature:
            return []
        kind = feature[name].WhichOneof("kind")
        if kind == "bytes_list":
            return list(feature[name].bytes_list.value)
        return (
            np.array(getattr(feature[name], kind).value, np.int64 if kind == "int64_list" else np.float32)
            if kind
            else []
        )
    except Exception as error:
        raise ValueError(f"not an Example: {error!r}") from error


def floats(encoded: bytes, name: str) -> "np.ndarray | None":
    """The list of floats `name` of an Example, float32; None: no such Example, or no such list."""
    try:
        feature = example_pb2.Example.FromString(encoded).features.feature
        values = feature[name].float_list.value if name in feature else ()
    except Exception:
        return None
    return np.array(values, np.float32) if len(values) else None


def _varint(number: int) -> bytes:
    """Seven bits a byte, the lowest first; a set eighth bit says that more follow."""
    low = []
    while number > 127:
        low.append(number & 127 | 128)
        number >>= 7
    return bytes([*low, number])
