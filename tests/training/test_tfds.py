"""TensorFlow Datasets reads a snapshot as one of its own: every sample, class and split."""

import warnings

import numpy as np
import pytest

with warnings.catch_warnings():  # of its own dependencies, when it is imported
    warnings.simplefilter("ignore")
    import tensorflow_datasets as tfds


pytestmark = pytest.mark.filterwarnings(r"ignore::DeprecationWarning:tensorflow_datasets\..*")


@pytest.fixture(scope="module")
def builder(snapshot) -> tfds.core.DatasetBuilder:
    """Made of the folder alone."""
    return tfds.builder_from_directory(snapshot.folder)


def test_it_knows_splits_classes_and_licence(builder, snapshot):
    """As the card says them."""
    card = snapshot.card
    assert {name: split.num_examples for name, split in builder.info.splits.items()} == {
        split.name: split.clips for split in card.splits
    }
    assert tuple(builder.info.features["labels"].feature.names) == card.labels
    assert builder.info.features["waveform"].sample_rate == card.sample_rate
    assert card.snapshot_id in builder.info.description
    assert builder.info.redistribution_info.license == card.licence
    assert builder.info.citation == card.citation


def test_it_reads_every_sample(builder, snapshot):
    """Clip by clip what leafworks reads, in every split; whatever order TFDS reads shards in."""
    for split in snapshot.card.splits:
        ours = snapshot.clips(split.name)
        dataset = builder.as_dataset(split=split.name, shuffle_files=True)
        theirs = {clip["clip_id"].decode(): clip for clip in tfds.as_numpy(dataset)}
        assert sorted(theirs) == list(ours.ids)
        for index, clip_id in enumerate(ours.ids):
            clip = theirs[clip_id]
            samples = snapshot.window(ours, index, 0, int(ours.num_samples[index]))
            assert clip["waveform"].dtype == np.int16
            np.testing.assert_array_equal(clip["waveform"], samples)
            np.testing.assert_array_equal(clip["labels"], ours.labels.targets([index])[0].nonzero()[0])
            assert (clip["num_samples"], clip["sample_rate"]) == (len(samples), snapshot.card.sample_rate)


def test_parts_of_a_split_are_found(builder, snapshot):
    """TFDS counts records by the lengths of the shards."""
    clips = snapshot.card.split("train").clips
    parts = [builder.as_dataset(split=f"train[{part}]") for part in (":50%", "50%:")]
    ids = [clip["clip_id"] for part in parts for clip in tfds.as_numpy(part)]
    assert len(ids) == len(set(ids)) == clips
