"""Intervals against numbers worked out by hand with a printed t table."""

import pytest

from workflows.intervals import estimate, paired_difference


def test_three_seeds():
    """t(0.975, 2) = 4.303: mean 0.92, s = 0.02, half width 4.303 * 0.02 / sqrt(3) = 0.04969."""
    found = estimate([0.90, 0.92, 0.94])
    assert (found.mean, found.low, found.high, found.seeds) == pytest.approx((0.92, 0.87031, 0.96969, 3), abs=2e-5)


def test_ten_values():
    """t(0.975, 9) = 2.262 for the numbers 1 to 10: s = 3.02765, half width 2.1658."""
    found = estimate(list(range(1, 11)))
    assert (found.low, found.high) == pytest.approx((3.3342, 7.6658), abs=1e-3)


def test_one_seed_has_no_interval():
    """A single run says nothing about the spread."""
    assert (estimate([0.5]).low, estimate([0.5]).high) == (None, None)


def test_no_seed_is_refused():
    """Rather than NaN."""
    with pytest.raises(ValueError, match="at least one"):
        estimate([])


def test_pairing_uses_common_seeds_only():
    """Seeds 1 and 2 are common: differences 0.02 and 0.04, t(0.975, 1) = 12.706, half width 0.12706."""
    found = paired_difference({0: 0.1, 1: 0.92, 2: 0.95}, {1: 0.90, 2: 0.91, 3: 0.0})
    assert (found.mean, found.low, found.high, found.seeds) == pytest.approx((0.03, -0.09706, 0.15706, 2), abs=1e-5)
    assert paired_difference({0: 0.1}, {1: 0.2}) is None
