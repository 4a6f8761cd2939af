"""TFRecord files and Examples: readable by others, checked to the byte."""

import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tfrecord

from pipelines import examples
from pipelines.examples import Record
from pipelines.shards import HEADER_BYTES, ShardWriter, read_shard

PAYLOADS = [b"", b"a", b"hello" * 1000, bytes(range(256))]


def record(samples: np.ndarray, labels: tuple[int, ...] = (1,)) -> Record:
    """A record with an id that is not ASCII."""
    return Record(clip_id="a/ä #1.wav", group="g", labels=labels, sample_rate=16_000, samples=samples)


def written(payloads: list[bytes]) -> tuple[bytes, list[int], ShardWriter]:
    """The bytes of a shard, the offsets of its payloads, its writer."""
    stream = io.BytesIO()
    writer = ShardWriter(stream)
    offsets = [writer.write(payload) for payload in payloads]
    return stream.getvalue(), offsets, writer


def test_what_is_written_is_read(tmp_path):
    """Payloads, their offsets, and the card of the file."""
    content, offsets, writer = written(PAYLOADS)
    (tmp_path / "s").write_bytes(content)
    assert list(read_shard(tmp_path / "s")) == list(zip(offsets, PAYLOADS, strict=True))
    for offset, payload in zip(offsets, PAYLOADS, strict=True):
        assert content[offset : offset + len(payload)] == payload
    card = writer.card("s")
    assert (card.records, card.num_bytes) == (4, len(content))


def test_an_empty_file_has_no_records(tmp_path):
    """A shard whose clips were all rejected."""
    (tmp_path / "s").write_bytes(b"")
    assert list(read_shard(tmp_path / "s")) == []


def test_any_flipped_byte_and_any_cut_is_found(tmp_path):
    """At every position of a small shard."""
    content, offsets, _ = written([b"hello", b"world, again"])
    boundaries = {0, offsets[1] - HEADER_BYTES}
    path = tmp_path / "s"
    for position in range(len(content)):
        path.write_bytes(content[:position] + bytes([content[position] ^ 0x10]) + content[position + 1 :])
        with pytest.raises(ValueError, match=r"s, record \d at byte"):
            list(read_shard(path))
        path.write_bytes(content[:position])
        if position not in boundaries:
            with pytest.raises(ValueError, match="truncated"):
                list(read_shard(path))


def test_the_framing_is_that_of_tfrecord(tmp_path):
    """The tfrecord package writes what we read, and the same bytes as we do for the same payloads."""
    writer = tfrecord.TFRecordWriter(str(tmp_path / "theirs"))
    for number in range(3):
        writer.write({"n": (number, "int"), "x": (b"x" * 500, "byte")})
    writer.close()
    payloads = [payload for _, payload in read_shard(tmp_path / "theirs")]
    assert written(payloads)[0] == (tmp_path / "theirs").read_bytes()


def test_examples_are_read_by_the_tfrecord_package(tmp_path):
    """Features and values."""
    samples = np.arange(-500, 500).astype("<i2")
    (tmp_path / "s").write_bytes(written([examples.encode(record(samples))[0]])[0])
    (found,) = tfrecord.tfrecord_loader(str(tmp_path / "s"), None)
    assert bytes(found["clip_id"]).decode() == "a/ä #1.wav"
    assert (found["num_samples"], found["sample_rate"], found["labels"]) == (1000, 16_000, 1)
    np.testing.assert_array_equal(np.frombuffer(bytes(found["waveform"]), "<i2"), samples)


@pytest.mark.parametrize("labels", [(), (0,), (3, 1, 2)])
@pytest.mark.parametrize("length", [1, 400, 70_000])
def test_examples_round_trip(length, labels):
    """Also trailing zeros, no label and several; the waveform lies at its offset."""
    samples = np.zeros(length, "<i2")
    samples[0] = -32_768
    encoded, offset = examples.encode(record(samples, labels))
    assert encoded[offset:] == samples.tobytes()
    decoded = examples.decode(encoded)
    np.testing.assert_array_equal(decoded.samples, samples)
    assert (decoded.clip_id, decoded.group, decoded.labels) == ("a/ä #1.wav", "g", labels)


@pytest.mark.parametrize("content", [b"", b"garbage", bytes(100), b"\x0a\x00"])
def test_other_bytes_are_no_record(content):
    """One kind of error, whatever the bytes."""
    with pytest.raises(ValueError, match="Example"):
        examples.decode(content)


def test_the_guard_names_the_way_out():
    """With TensorFlow in the process the import fails in one sentence."""
    code = "import sys; sys.modules['tensorflow'] = sys; import pipelines.examples"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "run_stage" in done.stderr.splitlines()[-1]


def test_bytes_do_not_depend_on_the_process():
    """Map order is not left to chance."""
    code = (
        "import numpy as np, hashlib; from pipelines import examples; "
        "r = examples.Record(clip_id='c', group='g', labels=(1, 2), sample_rate=8000, "
        "samples=np.arange(1000).astype('<i2')); print(hashlib.sha256(examples.encode(r)[0]).hexdigest())"
    )
    command = [sys.executable, "-c", code]
    found = {
        subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True, check=True).stdout for _ in range(3)
    }
    assert len(found) == 1
