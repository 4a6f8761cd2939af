"""p-values against SciPy's exact tests, Holm's correction against an example by hand, and error rates by simulation."""

import numpy as np
import pytest
from scipy import stats

from workflows.significance import bootstrap_p, holm, sign_flip_p


def test_one_seed_of_independent_clips_is_mcnemar_s_test():
    """9 clips only the one gets right, 2 only the other: the binomial test of 9 of 11 at one half."""
    differences = np.array([1.0] * 9 + [-1.0] * 2 + [0.0] * 89)
    clips = [f"{index:03}" for index in range(100)]
    assert sign_flip_p(differences, clips) == pytest.approx(stats.binomtest(9, 11, 0.5).pvalue)


def test_many_clips_are_drawn():
    """60 against 35: up to the error of 20,000 draws."""
    differences = np.array([1.0] * 60 + [-1.0] * 35)
    expected = stats.binomtest(60, 95, 0.5).pvalue
    assert sign_flip_p(differences, [f"{index:03}" for index in range(95)]) == pytest.approx(expected, abs=0.002)


def test_groups_are_exchanged_whole():
    """Six speakers that all favour the one: 2 of 64 exchanges are as extreme, however many clips each has."""
    assert sign_flip_p(np.full(60, 0.5), np.repeat(list("abcdef"), 10)) == 2 / 64


def test_it_is_scipy_s_permutation_test():
    """Over all 1,024 exchanges of ten groups with a clip each."""
    differences = np.random.default_rng(1).normal(0.4, 1.0, 10)
    expected = stats.permutation_test(
        (differences,), np.mean, permutation_type="samples", vectorized=False, n_resamples=np.inf
    ).pvalue
    assert sign_flip_p(differences, list("abcdefghij")) == pytest.approx(expected)


def test_alike_front_ends_differ_in_five_percent():
    """Of 200 pairs that are right independently with the same chance, few have p <= 0.05, and p is rarely small."""
    random = np.random.default_rng(0)
    clips = [f"{index:03}" for index in range(80)]
    found = []
    for _ in range(200):
        one, other = random.random((2, 3, 80)) < 0.8
        found.append(sign_flip_p(one.mean(axis=0) - other.mean(axis=0), clips))
    assert 0.01 < np.mean(np.array(found) <= 0.05) < 0.09


def test_no_difference_at_all():
    """p is 1."""
    assert sign_flip_p(np.zeros(20), list("abcdefghijklmnopqrst")) == 1.0


def test_the_order_of_the_clips_does_not_matter():
    """To the last bit, for differences that are no whole numbers."""
    random = np.random.default_rng(0)
    differences, groups = random.normal(0.05, 1.0, 900) / 3, np.repeat([f"{i:03}" for i in range(90)], 10)
    shuffled = random.permutation(900)
    assert sign_flip_p(differences, groups) == sign_flip_p(differences[shuffled], groups[shuffled])


def test_a_bootstrap_of_a_difference():
    """For a normal estimate 2 standard errors from 0, about the normal's 4.6 %."""
    values = np.random.default_rng(0).normal(2.0, 1.0, 100_000)
    assert bootstrap_p(values) == pytest.approx(0.0455, abs=0.003)
    assert bootstrap_p(np.full(1999, 1.0)) == 0.001
    assert bootstrap_p(np.zeros(100)) == 1.0


def test_holm_by_hand():
    """0.005 x 4, 0.01 x 3, 0.03 x 2, then 0.04, which may not fall below the one before."""
    corrected = holm({"a": 0.01, "b": 0.04, "c": 0.03, "d": 0.005})
    assert corrected == pytest.approx({"a": 0.03, "b": 0.06, "c": 0.06, "d": 0.02})
    assert holm({"a": 0.9, "b": 0.8}) == {"a": 1.0, "b": 1.0}
    assert holm({}) == {}
