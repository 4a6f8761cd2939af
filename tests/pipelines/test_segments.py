"""Short waveforms together: each measure is that of the waveform alone, whatever lies beside it."""

import itertools
import math
import random

import numpy as np
import pytest

from pipelines.segments import runs, segments

LENGTHS = (1, 2, 7, 8, 9, 127, 129, 4_095, 16_383, 16_384, 16_385, 70_000)


def measured(waveforms):
    """Least, greatest, sum and waveform of each."""
    return [
        found
        for some in segments(waveforms)
        for found in zip(some.lowest(), some.highest(), some.sums(some.samples), some.split(some.samples), strict=True)
    ]


def test_each_measure_is_that_of_the_waveform(noise):
    """Against Python's own, and an exact sum, to what float32 holds of it."""
    waveforms = [noise(length, seed=length) for length in LENGTHS]
    for (low, high, total, part), waveform in zip(measured(waveforms), waveforms, strict=True):
        assert (low, high) == (min(waveform.tolist()), max(waveform.tolist()))
        assert total == pytest.approx(math.fsum(waveform.tolist()), abs=1e-5 * math.fsum(np.abs(waveform).tolist()))
        np.testing.assert_array_equal(part, waveform)


def test_what_lies_beside_a_waveform_changes_no_bit(noise):
    """In any order, and alone."""
    waveforms = {length: noise(length, seed=length) for length in LENGTHS for _ in range(3)}
    alone = {length: measured([waveform])[0][:3] for length, waveform in waveforms.items()}
    for seed in range(20):
        order = random.Random(seed).choices(LENGTHS, k=30)
        found = measured([waveforms[length] for length in order])
        assert [one[:3] for one in found] == [alone[length] for length in order]


def test_what_is_not_finite_stays_where_it_is(noise):
    """A NaN or an infinity is that of its waveform."""
    waveforms = [noise(100, seed=seed) for seed in range(4)]
    waveforms[1][50], waveforms[2][50] = np.nan, np.inf
    (_, fine, *_), (low, high, *_), (_, endless, *_), (_, last, *_) = measured(waveforms)
    assert math.isnan(low)
    assert math.isnan(high)
    assert endless == math.inf
    assert math.isfinite(fine)
    assert math.isfinite(last)


def test_a_long_one_comes_alone_and_short_ones_as_many_as_stay_in_the_cache():
    """Every waveform is in one run, in their order."""
    for seed in range(20):
        lengths = random.Random(seed).choices(LENGTHS, k=30)
        waveforms = [np.zeros(length, np.float32) for length in lengths]
        found = [lengths[run] for run in runs(waveforms)]
        assert list(itertools.chain.from_iterable(found)) == lengths
        for run, after in itertools.zip_longest(found, found[1:]):
            assert len(run) == 1 or (max(run) < 2**14 and sum(run) <= 2**16)
            if after and max(run[-1], after[0]) < 2**14:
                assert sum(run) + after[0] > 2**16  # there was no room for it


def test_nothing_of_nothing():
    """No waveform, no segment."""
    assert list(segments([])) == []
