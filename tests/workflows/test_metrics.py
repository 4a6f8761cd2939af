"""Metrics against scikit-learn and numbers by hand; weights against clips that are really there twice."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from workflows.metrics import accuracy, d_prime, once, ranking

RANDOM = np.random.default_rng(0)
TRUTH = RANDOM.random((200, 7)) < 0.2
# Rounded, so that there are ties.
SCORES = np.round(RANDOM.normal(size=(200, 7)) + TRUTH, 1)


def test_ranking_metrics_are_scikit_learn_s():
    """With ties, averaged over classes."""
    found = once(ranking(SCORES, TRUTH), 200)
    assert found["mAP"] == pytest.approx(average_precision_score(TRUTH, SCORES), abs=1e-12)
    assert found["AUC"] == pytest.approx(roc_auc_score(TRUTH, SCORES), abs=1e-12)


def test_a_weight_is_a_clip_that_is_there_so_often():
    """Zero included."""
    weights = RANDOM.integers(0, 4, 200)
    repeated = np.repeat(np.arange(200), weights)
    expected = once(ranking(SCORES[repeated], TRUTH[repeated]), len(repeated))
    found = ranking(SCORES, TRUTH)(weights[:, None].astype(np.float32))
    assert {name: values[0] for name, values in found.items()} == pytest.approx(expected)


def test_the_two_definitions_of_d_prime():
    """Areas 0.75 and 1 by hand: sqrt(2) Phi^-1(0.875) = 1.6269; of the perfect class, 3.5 of its 4 pairs count."""
    truth = np.array([[1, 1], [0, 1], [1, 0], [0, 0]], bool)
    scores = np.array([[4.0, 4.0], [3.0, 3.0], [2.0, 2.0], [1.0, 1.0]])
    found = once(ranking(scores, truth), 4)
    assert found["AUC"] == 0.875
    assert found["d_prime"] == pytest.approx(1.6269, abs=1e-4)
    expected = (d_prime(np.array([0.75]))[0] + d_prime(np.array([0.875]))[0]) / 2
    assert found["mean_d_prime"] == pytest.approx(expected)


@pytest.mark.parametrize(("area", "expected"), [(0.968, 2.61), (0.974, 2.74), (0.965, 2.57), (0.961, 2.49)])
def test_the_paper_s_d_primes(area, expected):
    """Table 3 gives both, rounded."""
    assert d_prime(np.array([area]))[0] == pytest.approx(expected, abs=0.025)


def test_a_class_without_clips_is_left_out():
    """As if it were not there; a test set without any positive clip has no value, one without a negative no area."""
    empty = np.zeros((200, 1), bool)
    with_empty = once(ranking(np.c_[SCORES, SCORES[:, :1]], np.c_[TRUTH, empty]), 200)
    assert with_empty == once(ranking(SCORES, TRUTH), 200)
    assert np.isnan(list(once(ranking(SCORES[:, :1], empty), 200).values())).all()
    full = once(ranking(SCORES[:, :1], ~empty), 200)
    assert full["mAP"] == 1.0
    assert np.isnan(full["AUC"])


def test_accuracy_is_a_weighted_mean():
    """3 of 4, and 5 of 7 where the last right one counts for four."""
    statistics = accuracy(np.array([True, True, False, True]))
    weights = np.array([[1.0, 1, 1, 1], [1, 0, 2, 4]], np.float32).T
    assert statistics(weights)["accuracy"].tolist() == [0.75, 5 / 7]


def test_the_order_of_the_clips_does_not_matter():
    """To the last bit, ties or not."""
    shuffled = RANDOM.permutation(200)
    assert once(ranking(SCORES, TRUTH), 200) == once(ranking(SCORES[shuffled], TRUTH[shuffled]), 200)


def test_shapes_that_do_not_fit_are_refused():
    """With both."""
    with pytest.raises(ValueError, match=r"\(200, 7\) and \(200, 6\)"):
        ranking(SCORES, TRUTH[:, :6])
