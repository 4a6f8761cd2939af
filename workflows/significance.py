"""Whether two front ends differ on the clips that both were tested on, and what many such questions cost."""

from collections.abc import Mapping, Sequence

import numpy as np

from workflows.bootstrap import Floats

FLIPS = 20_000
_ALL_FLIPS_UP_TO = 14  # groups that differ: 16,384 ways, which are all looked at
_CHUNK = 4_000_000


def sign_flip_p(differences: Floats, groups: Sequence[str], *, seed: int = 0) -> float:
    """The two-sided p-value of a paired permutation test, in (0, 1].

    If two front ends are alike, exchanging their answers on all clips of a group changes nothing but the sign of the
    group's sum of differences. The p-value is the share of all exchanges whose total is at least as far from 0 as the
    one observed: over all of them with up to 14 groups that differ, else over 20,000 drawn ones, the observed one
    among them. With one seed and ungrouped clips of right and wrong it is McNemar's exact test.

    Args:
      differences: per clip, e.g. the mean over seeds of (right with the one) - (right with the other), [clips].
      groups: of each clip.
      seed: of the draws.
    """
    names, index = np.unique(np.asarray(groups, dtype=object).astype(str), return_inverse=True)
    # Sorted before they are added, so that the order of the clips does not reach the last digit.
    order = np.lexsort((differences, index))
    sums = np.bincount(index[order], weights=differences[order], minlength=len(names))
    sums = sums[np.abs(sums) > 1e-12]
    if not len(sums):
        return 1.0
    observed = abs(sums.sum()) - 1e-9
    if len(sums) <= _ALL_FLIPS_UP_TO:
        ways = np.arange(2 ** len(sums))
        signs = 1.0 - 2.0 * ((ways[:, None] >> np.arange(len(sums))) & 1)
        return float((np.abs(signs @ sums) >= observed).mean())
    generator = np.random.Generator(np.random.PCG64(seed))
    rows, reached = max(1, _CHUNK // len(sums)), 1
    for first in range(0, FLIPS - 1, rows):
        count = min(rows, FLIPS - 1 - first)
        signs = np.where(generator.random((count, len(sums))) < 0.5, -1.0, 1.0)
        reached += int((np.abs(signs @ sums) >= observed).sum())
    return reached / FLIPS


def bootstrap_p(values: Floats) -> float:
    """The two-sided p-value that belongs to a bootstrap of a difference, for metrics that are no mean over clips.

    Twice the share of resamples on the rarer side of 0, the observed sample counted among them on that side
    (Efron and Tibshirani 1993, section 15.4).
    """
    finite = values[np.isfinite(values)]
    rarer = min(int((finite <= 0).sum()), int((finite >= 0).sum()))
    return min(1.0, 2.0 * (rarer + 1) / (len(finite) + 1))


def holm(p_values: Mapping[str, float]) -> dict[str, float]:
    """Holm's step-down correction (1979): with these, all questions together err in at most 5 % of such tables.

    Returns:
      The corrected p-values under the same names, in [0, 1].
    """
    ranked = sorted(p_values, key=lambda name: (p_values[name], name))
    corrected, largest = {}, 0.0
    for rank, name in enumerate(ranked):
        largest = max(largest, min(1.0, (len(ranked) - rank) * p_values[name]))
        corrected[name] = largest
    return {name: corrected[name] for name in p_values}
