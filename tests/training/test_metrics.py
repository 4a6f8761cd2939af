"""Metrics against numbers worked out by hand, published ones, and definitions written another way."""

import math

import numpy as np
import pytest

from training.tasks.metrics import accuracy, class_scores, d_prime, ranking_metrics

# Six clips; class 0 by falling score: + - + + - -, class 1: + + - - - - with a tie across the border, class 2: never
# there.
TRUTH = np.array([[1, 0, 1, 1, 0, 0], [1, 1, 0, 0, 0, 0], [0] * 6], bool).T
SCORES = np.array([[6, 5, 4, 3, 2, 1], [9, 5, 5, 3, 2, 1], [1, 2, 3, 4, 5, 6]], np.float32).T


def test_average_precision_by_hand():
    """Class 0: (1/1 + 2/3 + 3/4) / 3. Class 1: the tied positive has precision 2/3, (1 + 2/3) / 2."""
    precision = class_scores(TRUTH, SCORES).average_precision
    assert precision[:2] == pytest.approx([(1 + 2 / 3 + 3 / 4) / 3, (1 + 2 / 3) / 2])
    assert math.isnan(precision[2])


def test_auc_by_hand():
    """Class 0: 7 of 9 pairs are right. Class 1: 7 and a half of 8."""
    area = class_scores(TRUTH, SCORES).auc
    assert area[:2] == pytest.approx([7 / 9, 7.5 / 8])
    assert math.isnan(area[2])


def test_classes_without_both_kinds_of_clips_are_left_out():
    """Absent from every mean, neither 0 nor 1."""
    found = ranking_metrics(TRUTH, SCORES)
    assert found["AUC"] == pytest.approx((7 / 9 + 7.5 / 8) / 2)
    assert found["mAP"] == pytest.approx(((1 + 2 / 3 + 3 / 4) / 3 + (1 + 2 / 3) / 2) / 2)
    everywhere = np.concatenate([TRUTH, np.ones((6, 1), bool)], axis=1)
    more = np.concatenate([SCORES, np.zeros((6, 1), np.float32)], axis=1)
    assert class_scores(everywhere, more).known.tolist() == [True, True, False, False]
    assert ranking_metrics(everywhere, more)["mAP"] == pytest.approx(found["mAP"])


@pytest.mark.parametrize(
    ("area", "published"),
    # AudioSet: CNN14 of Kong et al. 2020, and pairs of the LEAF paper.
    [(0.973, 2.732), (0.968, 2.61), (0.974, 2.74), (0.958, 2.44), (0.5, 0.0)],
)
def test_d_prime_of_published_areas(area, published):
    """Within their rounding."""
    assert d_prime(area) == pytest.approx(published, abs=0.02)


def test_two_d_primes_have_two_names():
    """Of the mean area, and the mean of the classes' own; the second is larger where classes differ (convexity)."""
    found = ranking_metrics(TRUTH, SCORES)
    assert found["d_prime"] == pytest.approx(d_prime((7 / 9 + 7.5 / 8) / 2))
    assert found["mean_d_prime"] == pytest.approx((d_prime(7 / 9) + d_prime(7.5 / 8)) / 2)
    assert found["mean_d_prime"] > found["d_prime"]


def test_a_perfect_class_has_a_finite_d_prime():
    """As if half a pair were wrong: of 2 x 2 pairs an area of 7/8."""
    truth, scores = np.array([[1], [1], [0], [0]], bool), np.array([[4.0], [3.0], [2.0], [1.0]])
    found = ranking_metrics(truth, scores)
    assert (found["mAP"], found["AUC"]) == (1.0, 1.0)
    assert found["d_prime"] == found["mean_d_prime"] == pytest.approx(d_prime(7 / 8))


def test_lwlrap_by_hand():
    """Clip 1 has its one class second: 1/2. Clip 2 has its two classes first and third: 1 and 2/3. Three labels."""
    truth = np.array([[0, 1, 0], [1, 0, 1], [0, 0, 0]], bool)
    scores = np.array([[3.0, 2.0, 1.0], [3.0, 2.0, 1.0], [1.0, 2.0, 3.0]])
    assert ranking_metrics(truth, scores)["lwlrap"] == pytest.approx((1 / 2 + 1 + 2 / 3) / 3)


def test_the_mean_over_parts_is_another_number():
    """Why a split is scored as a whole: the mean of the halves' mAPs is not its mAP."""
    random = np.random.default_rng(0)
    truth, scores = random.random((200, 5)) < 0.2, random.random((200, 5))
    halves = [ranking_metrics(truth[part], scores[part])["mAP"] for part in (slice(0, 100), slice(100, 200))]
    assert ranking_metrics(truth, scores)["mAP"] != pytest.approx(np.mean(halves), abs=1e-3)


def test_increasing_functions_change_no_ranking():
    """Logits and probabilities give the same metrics."""
    random = np.random.default_rng(1)
    truth, logits = random.random((50, 4)) < 0.3, random.normal(size=(50, 4))
    assert ranking_metrics(truth, logits) == ranking_metrics(truth, 1 / (1 + np.exp(-logits)))


def test_nothing_to_rank_is_refused():
    """With the numbers."""
    with pytest.raises(ValueError, match="3 clips, of the 2 classes 1 with a clip"):
        ranking_metrics(np.array([[1, 0]] * 3, bool), np.zeros((3, 2)))


def test_accuracy():
    """The highest score's class, of several classes any one of the clip's."""
    truth = np.array([[1, 0], [0, 1], [1, 1], [0, 1]], bool)
    assert accuracy(truth, np.array([[2.0, 1.0], [1.0, 2.0], [1.0, 2.0], [2.0, 1.0]])) == 0.75
