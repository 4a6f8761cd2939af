"""Metrics against scikit-learn and numbers by hand; weights against clips that are really there twice."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from workflows.metrics import RANKING, accuracy, d_prime, ranking, value_of

RANDOM = np.random.default_rng(0)
TRUTH = RANDOM.random((200, 7)) < 0.2
# Rounded, so that there are ties.
SCORES = np.round(RANDOM.normal(size=(200, 7)) + TRUTH, 1)


def test_ranking_metrics_are_scikit_learn_s():
    """With ties, averaged over classes."""
    assert value_of(ranking("mAP", SCORES, TRUTH), 200) == pytest.approx(average_precision_score(TRUTH, SCORES))
    assert value_of(ranking("AUC", SCORES, TRUTH), 200) == pytest.approx(roc_auc_score(TRUTH, SCORES))


@pytest.mark.parametrize("name", RANKING)
def test_a_weight_is_a_clip_that_is_there_so_often(name):
    """Zero included."""
    weights = RANDOM.integers(0, 4, 200)
    repeated = np.repeat(np.arange(200), weights)
    expected = value_of(ranking(name, SCORES[repeated], TRUTH[repeated]), len(repeated))
    assert ranking(name, SCORES, TRUTH)(weights[None].astype(float))[0] == pytest.approx(expected)


def test_the_two_definitions_of_d_prime():
    """Areas 0.75 and 1 by hand: sqrt(2) Phi^-1(0.875) = 1.6269; of the perfect class, 3.5 of its 4 pairs count."""
    truth = np.array([[1, 1], [0, 1], [1, 0], [0, 0]], bool)
    scores = np.array([[4.0, 4.0], [3.0, 3.0], [2.0, 2.0], [1.0, 1.0]])
    assert value_of(ranking("AUC", scores, truth), 4) == 0.875
    assert value_of(ranking("d_prime", scores, truth), 4) == pytest.approx(1.6269, abs=1e-4)
    expected = (d_prime(np.array([0.75]))[0] + d_prime(np.array([0.875]))[0]) / 2
    assert value_of(ranking("mean_d_prime", scores, truth), 4) == pytest.approx(expected)


@pytest.mark.parametrize(("area", "expected"), [(0.968, 2.61), (0.974, 2.74), (0.965, 2.57), (0.961, 2.49)])
def test_the_paper_s_d_primes(area, expected):
    """Table 3 gives both, rounded."""
    assert d_prime(np.array([area]))[0] == pytest.approx(expected, abs=0.025)


def test_a_class_without_clips_is_left_out():
    """As if it were not there; a test set without any positive clip has no value."""
    empty = np.zeros((200, 1), bool)
    for name in RANKING:
        with_empty = ranking(name, np.c_[SCORES, SCORES[:, :1]], np.c_[TRUTH, empty])
        assert value_of(with_empty, 200) == pytest.approx(value_of(ranking(name, SCORES, TRUTH), 200))
        assert np.isnan(value_of(ranking(name, SCORES[:, :1], empty), 200))


def test_accuracy_is_a_weighted_mean():
    """3 of 4, and 5 of 7 where the last right one counts for four."""
    statistic = accuracy(np.array([True, True, False, True]))
    assert statistic(np.array([[1.0, 1, 1, 1], [1, 0, 2, 4]])).tolist() == [0.75, 5 / 7]


@pytest.mark.parametrize("name", RANKING)
def test_the_order_of_the_clips_does_not_matter(name):
    """To the last bit, ties or not."""
    shuffled = RANDOM.permutation(200)
    one, other = ranking(name, SCORES, TRUTH), ranking(name, SCORES[shuffled], TRUTH[shuffled])
    assert value_of(one, 200) == value_of(other, 200)


def test_shapes_that_do_not_fit_are_refused():
    """With both."""
    with pytest.raises(ValueError, match=r"\(200, 7\) and \(200, 6\)"):
        ranking("mAP", SCORES, TRUTH[:, :6])
