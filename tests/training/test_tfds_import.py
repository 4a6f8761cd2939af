"""A data set that TensorFlow Datasets has written, in each of its encodings, is prepared as its recordings are."""

import warnings
import zlib

import numpy as np
import pytest
import soundfile

from infra.stage import run_stage
from pipelines.config import PrepareConfig, Prepared, PrepareRequest
from training.records import Snapshot

with warnings.catch_warnings():  # of its own dependencies, when it is imported
    warnings.simplefilter("ignore")
    import tensorflow_datasets as tfds

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")

Encoding = tfds.features.Encoding
KINDS = {
    "list": {},
    "bytes": {"dtype": np.int16, "encoding": Encoding.BYTES},
    "zlib": {"dtype": np.int16, "encoding": Encoding.ZLIB},
    "file": {"lazy_decode": True, "file_format": "wav"},
    "stereo": {"shape": (None, 2)},
    "float": {"dtype": np.float32},
}
CLASSES = ["cat", "dog"]


def samples_of(number):
    """int16 noise, another length for each clip."""
    return np.random.default_rng(number).integers(-3_000, 3_000, 4_000 + number).astype(np.int16)


def given(kind, number, folder):
    """The audio of a clip in the form that TFDS is given for a kind."""
    samples = samples_of(number)
    if kind == "list":
        return samples.astype(np.int64)
    if kind == "float":
        return (samples / 32_768).astype(np.float32)
    if kind == "stereo":
        return np.stack([samples, samples], axis=1).astype(np.int64)
    if kind in ("bytes", "zlib"):  # TFDS takes arrays as they are, and would turn files to bytes with a program
        raw = samples.astype("<i2").tobytes()
        return np.array(zlib.compress(raw) if kind == "zlib" else raw, dtype=object)
    path = folder / f"{number}.wav"
    soundfile.write(path, samples, 16_000, subtype="PCM_16")
    return path


@pytest.mark.parametrize("kind", KINDS)
def test_what_tfds_wrote_is_prepared(tmp_path, kind):
    """Class, official split and every sample of every clip."""
    features = tfds.features.FeaturesDict(
        {
            "id": tfds.features.Text(),
            "audio": tfds.features.Audio(sample_rate=16_000, **KINDS[kind]),
            "nested": {"label": tfds.features.ClassLabel(names=CLASSES)},
        }
    )
    splits = {
        split: [
            (number, {"id": f"{number:03d}", "audio": given(kind, number, tmp_path), "nested": {"label": number % 2}})
            for number in numbers
        ]
        for split, numbers in {"train": range(6), "validation": range(6, 8), "test": range(8, 12)}.items()
    }
    builder = tfds.dataset_builders.store_as_tfds_dataset(
        name="mini",
        version="1.0.0",
        features=features,
        split_datasets=splits,
        data_dir=tmp_path / "tfds",
        disable_shuffling=True,
    )
    if kind in ("bytes", "zlib"):
        theirs = [clip["audio"] for clip in tfds.as_numpy(builder.as_dataset(split="validation"))]
        assert sorted(map(len, theirs)) == [4_006, 4_007]
        np.testing.assert_array_equal(min(theirs, key=len), samples_of(6))
    request = PrepareRequest(
        config=PrepareConfig(corpus="tfds"), source=str(tmp_path / "tfds"), root=str(tmp_path / "snapshots")
    )
    snapshot = Snapshot(run_stage("pipelines.prepare", request, Prepared).snapshot)
    assert snapshot.card.labels == tuple(CLASSES)
    for split, clips in splits.items():
        ours = snapshot.clips(split)
        assert ours.ids == tuple(clip["id"] for _, clip in clips)
        for index, (number, _) in enumerate(clips):
            np.testing.assert_array_equal(snapshot.window(ours, index, 0, 4_000 + number), samples_of(number))
            assert ours.labels.of(index) == (snapshot.card.labels[number % 2],)
            assert ours.num_samples[index] == 4_000 + number
