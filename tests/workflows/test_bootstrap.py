"""Bootstrap intervals against known distributions, SciPy's bootstrap, and the paper's printed intervals."""

import numpy as np
import pytest
from scipy import stats

from workflows.bootstrap import Bootstrap, binomial_half_width
from workflows.metrics import accuracy


def drawn(bootstrap, statistics):
    """The accuracy of every resample."""
    return bootstrap.values(statistics)["accuracy"]


def names(count: int, prefix: str = "clip") -> list[str]:
    """Distinct ids."""
    return [f"{prefix}{index:05}" for index in range(count)]


def covered(simulate, truth: float, *, times: int) -> float:
    """The share of simulated corpora whose interval holds the true accuracy."""
    hits = 0
    for seed in range(times):
        right, groups = simulate(np.random.default_rng(seed))
        bootstrap = Bootstrap(groups)
        interval = bootstrap.interval(drawn(bootstrap, accuracy(right)))
        hits += interval.low <= truth <= interval.high
    return hits / times


def test_independent_clips_are_covered():
    """80 % right, 100 clips: a 95 % interval holds the truth in about 95 % of corpora (standard error 1.1 %)."""
    assert 0.92 < covered(lambda random: (random.random(100) < 0.8, names(100)), 0.8, times=400) < 0.98


@pytest.mark.parametrize("speakers", [6, 12])
def test_few_groups_are_covered_as_far_as_they_can_be(speakers):
    """Speakers whose accuracy is Beta(8, 2), 30 clips each, as with FSDD's six."""

    def simulate(random):
        accuracies = random.beta(8, 2, speakers)
        right = random.random((speakers, 30)) < accuracies[:, None]
        return right.ravel(), np.repeat(names(speakers, "speaker"), 30)

    assert 0.90 < covered(simulate, 0.8, times=400) < 0.985


def test_without_the_groups_they_would_not_be():
    """Clips of twelve speakers taken for independent: so the groups are used, and must be."""

    def simulate(random):
        right = random.random((12, 60)) < random.beta(8, 2, 12)[:, None]
        return right.ravel(), names(720)

    assert covered(simulate, 0.8, times=100) < 0.75


def test_percentiles_are_those_of_scipy():
    """At the same expanded level, up to the draws."""
    right = np.random.default_rng(3).random(200) < 0.7
    bootstrap = Bootstrap(names(200))
    ours = bootstrap.interval(drawn(bootstrap, accuracy(right)))
    level = 1 - 2 * stats.norm.cdf(-stats.t.ppf(0.975, 199) * np.sqrt(200 / 199))
    theirs = stats.bootstrap(
        (right.astype(float),), np.mean, confidence_level=level, n_resamples=20000, method="percentile", rng=1
    ).confidence_interval
    assert (ours.low, ours.high) == pytest.approx(tuple(theirs), abs=0.0075)


def test_one_group_has_no_interval():
    """A single speaker says nothing about others."""
    bootstrap = Bootstrap(["a"] * 50)
    assert bootstrap.interval(drawn(bootstrap, accuracy(np.arange(50) < 40))) is None


def test_the_order_of_the_clips_does_not_matter():
    """To the last bit, with clips and groups in any order."""
    random = np.random.default_rng(0)
    right, groups = random.random(300) < 0.6, np.repeat(names(60, "g"), 5)
    shuffled = random.permutation(300)
    first = drawn(Bootstrap(groups), accuracy(right))
    np.testing.assert_array_equal(first, drawn(Bootstrap(groups[shuffled]), accuracy(right[shuffled])))
    assert first.std() > 0


def test_the_seed_matters_and_is_all_that_does():
    """Another seed, other draws; the same seed, the same."""
    right = np.random.default_rng(0).random(50) < 0.6
    draws = [drawn(Bootstrap(names(50), seed=seed), accuracy(right)) for seed in (0, 0, 1)]
    np.testing.assert_array_equal(draws[0], draws[1])
    assert (draws[0] != draws[2]).any()


def test_many_resamples_of_many_clips_are_drawn_in_pieces():
    """The pieces do not show: 70,000 clips do not fit one."""
    right = np.random.default_rng(0).random(70_000) < 0.9
    values = drawn(Bootstrap(names(70_000), numbers_per_clip=250), accuracy(right))
    assert len(values) == 228  # what the budget affords
    assert values.std() == pytest.approx(np.sqrt(0.09 / 70_000), rel=0.15)


@pytest.mark.parametrize(
    ("percent", "clips", "half"),
    [(93.4, 21166, 0.3), (78.6, 7138, 1.0), (33.1, 15352, 0.7), (57.8, 1630, 2.4), (86.0, 35200, 0.4)],
)
def test_the_paper_s_intervals(percent, clips, half):
    """Table 1's intervals, with the numbers of clips that `shared/frontends.md` deduces."""
    assert round(100 * binomial_half_width(percent / 100, clips), 1) == half


@pytest.mark.parametrize(("proportion", "clips"), [(0.5, 0), (1.5, 10), (-0.1, 10)])
def test_what_is_no_proportion_is_refused(proportion, clips):
    """By its rule."""
    with pytest.raises(ValueError, match="0 <= proportion <= 1"):
        binomial_half_width(proportion, clips)


def test_no_clips_are_refused():
    """Rather than NaN."""
    with pytest.raises(ValueError, match="at least one clip"):
        Bootstrap([])
