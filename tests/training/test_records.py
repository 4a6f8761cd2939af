"""Random access agrees with TensorFlow's own sequential reader."""

import os
import shutil

import numpy as np
import pytest
import tensorflow as tf

from training.records import Snapshot, to_float


@pytest.fixture(scope="module")
def decoded(snapshot):
    """clip id -> int16 samples, by tf.data."""
    files = sorted(str(path) for path in snapshot.folder.glob("train-*.tfrecord"))
    spec = {"clip_id": tf.io.FixedLenFeature([], tf.string), "waveform": tf.io.FixedLenFeature([], tf.string)}
    records = tf.data.TFRecordDataset(files).map(lambda record: tf.io.parse_single_example(record, spec))
    return {row["clip_id"].decode(): np.frombuffer(row["waveform"], "<i2") for row in records.as_numpy_iterator()}


def test_whole_clips_equal_the_sequential_reader(snapshot, decoded):
    """Every kept clip of the split, sample for sample."""
    clips = snapshot.clips("train")
    assert set(clips.ids) == set(decoded)
    for index, clip_id in enumerate(clips.ids):
        length = int(clips.num_samples[index])
        np.testing.assert_array_equal(decoded[clip_id], snapshot.window(clips, index, 0, length))


def test_a_window_is_a_slice_padded_with_zeros(snapshot, decoded):
    """Inside, across the end, and behind it."""
    clips = snapshot.clips("train")
    whole = decoded[clips.ids[3]]
    for start, length in ((0, 10), (777, 16000), (len(whole) - 5, 20), (len(whole) + 3, 7)):
        expected = np.zeros(length, np.int16)
        part = whole[start : start + length]
        expected[: len(part)] = part
        np.testing.assert_array_equal(expected, snapshot.window(clips, 3, start, length))


def test_float_range():
    """int16 maps to [-1, 1)."""
    np.testing.assert_array_equal([-1.0, 0.0, 32767 / 32768], to_float(np.array([-32768, 0, 32767], np.int16)))


def test_a_missing_split_is_named(snapshot):
    """With what there is."""
    with pytest.raises(ValueError, match=r"no `dev` split.*train"):
        snapshot.clips("dev")


def test_reads_that_return_a_part_are_gone_on_with(snapshot, monkeypatch):
    """The system may give fewer bytes than were asked for, also half a sample."""
    clips, real = snapshot.clips("train"), os.preadv
    expected = snapshot.windows(clips, [0, 5], [3, 7], 1000)
    monkeypatch.setattr(
        os, "preadv", lambda file, buffers, offset: real(file, [buffers[0].view(np.uint8)[:77]], offset)
    )
    np.testing.assert_array_equal(snapshot.windows(clips, [0, 5], [3, 7], 1000), expected)


def test_a_shard_that_was_cut_off_is_refused(snapshot, tmp_path):
    """By name, as what it lacks is no silence."""
    shutil.copytree(snapshot.folder, tmp_path / "cut")
    cut = Snapshot(tmp_path / "cut")
    clips = cut.clips("train")
    os.truncate(cut.folder / clips.shards[0], int(clips.offsets[0]) + 10)
    with pytest.raises(ValueError, match=f"{clips.shards[0]}, which ends early"):
        cut.window(clips, 0, 0, 1000)
