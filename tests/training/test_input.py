"""The order of examples: a pure function of seed, epoch and position, whatever the number of workers."""

import numpy as np
import pytest

from training.input import EvaluationInput, Part, TrainingInput, prefetched

WINDOW = 16000


@pytest.fixture
def training(snapshot):
    """Batches of 8 windows."""
    return TrainingInput(snapshot, snapshot.clips("train"), window=WINDOW, batch_size=8, seed=5)


@pytest.mark.parametrize("workers", [1, 2, 4, 8])
def test_workers_share_the_same_batches(training, workers):
    """The workers' parts side by side are the batches of one worker: clips, windows and targets."""
    whole = list(training.batches(2))
    parts = [list(training.batches(2, part=Part(i, workers))) for i in range(workers)]
    for step, batch in enumerate(whole):
        for name in ("clips", "waveform", "targets"):
            together = np.concatenate([getattr(part[step], name) for part in parts])
            np.testing.assert_array_equal(getattr(batch, name), together)


def test_an_epoch_has_no_clip_twice(training, snapshot):
    """And leaves out only the incomplete batch."""
    seen = np.concatenate([batch.clips for batch in training.batches(0)])
    assert len(seen) == len(set(seen)) == len(snapshot.clips("train")) // 8 * 8


def test_a_position_is_all_that_a_resume_needs(training):
    """Reading on from a step gives the rest of the unbroken epoch."""
    rest = list(training.batches(1, first_step=3))
    for expected, batch in zip(list(training.batches(1))[3:], rest, strict=True):
        np.testing.assert_array_equal(expected.waveform, batch.waveform)


def test_seed_and_epoch_change_order_and_windows(snapshot):
    """Four different orders from two seeds and two epochs; seed 0 is a seed."""
    clips = snapshot.clips("train")
    orders = [
        tuple(np.concatenate(TrainingInput(snapshot, clips, window=WINDOW, batch_size=8, seed=seed).order(epoch)))
        for seed in (0, 1)
        for epoch in (0, 1)
    ]
    assert len(set(orders)) == 4


def test_windows_lie_inside_the_clip(training, snapshot):
    """Random starts use the whole room of the clip and never pass its end."""
    lengths = snapshot.clips("train").num_samples
    starts = np.concatenate([training.order(epoch)[1] for epoch in range(50)])
    assert starts.min() >= 0
    assert starts.max() <= lengths.max() - WINDOW
    # Uniform on [0, 8000]: the mean of 3200 starts has a standard deviation of 41.
    assert abs(starts.mean() - 4000) < 4 * 41


def test_a_split_smaller_than_a_batch_is_repeated(snapshot):
    """One full batch that holds every clip."""
    clips = snapshot.clips("validation")
    batches = list(TrainingInput(snapshot, clips, window=WINDOW, batch_size=64, seed=0).batches(0))
    assert len(batches) == 1
    assert len(batches[0].clips) == 64
    assert set(batches[0].clips) == set(range(len(clips)))


def test_an_uneven_share_is_refused():
    """With the numbers."""
    with pytest.raises(ValueError, match="batch_size=10 for 4 workers"):
        Part(0, 4).of(10)


@pytest.mark.parametrize("workers", [1, 2])
def test_evaluation_hears_every_sample_once(snapshot, workers):
    """The windows of a clip laid end to end are the clip and zeros."""
    clips = snapshot.clips("test")
    evaluation = EvaluationInput(snapshot, clips, window=WINDOW, batch_size=6)
    batches = zip(*(evaluation.batches(part=Part(i, workers)) for i in range(workers)), strict=True)
    windows = np.concatenate([batch.waveform for step in batches for batch in step])[: len(evaluation.clips)]
    for index in range(len(clips)):
        length = int(clips.num_samples[index])
        heard = windows[evaluation.clips == index].ravel()
        expected = snapshot.window(clips, index, 0, length) / 32768
        np.testing.assert_array_equal(expected.astype(np.float32), heard[:length])
        assert not heard[length:].any()


def test_average_weighs_windows_by_what_the_clip_fills(snapshot):
    """A clip of 1.5 windows: (2 a + 1 b) / 3."""
    clips = snapshot.clips("test")
    evaluation = EvaluationInput(snapshot, clips, window=WINDOW, batch_size=6)
    outputs = np.tile([[3.0], [6.0]], (len(clips), 1))
    found = evaluation.average(np.split(outputs, [5, 30]), classes=1)
    np.testing.assert_allclose(np.full((len(clips), 1), 4.0), found, rtol=1e-12)


def test_prefetching_keeps_order_and_raises_the_reader_s_error():
    """Neither loses an item nor an exception."""

    def items():
        yield from range(5)
        raise KeyError("broken shard")

    got = []
    with pytest.raises(KeyError, match="broken shard"):
        got.extend(prefetched(items))
    reader = prefetched(lambda: range(100))
    assert [next(reader) for _ in range(7)] == list(range(7))
    reader.close()
