"""Class-balanced order: clips of rare classes come more often."""

import numpy as np

from training.recipe.draws import Purpose, stream


def clip_weights(values: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """How often each clip is to come: the sum over its labels of 1 / (clips with that label), float64 [clips].

    A clip without a label comes as often as one of a class that all clips have.

    Args:
      values: classes of all clips, one clip after another, int [labels].
      starts: of each clip's labels in `values`, and the end of the last one's, int [clips + 1].

    Source: the weights of AST (Gong et al., 2021) and PSLA for AudioSet.
    """
    clips = len(starts) - 1
    if not len(values):
        return np.full(clips, 1.0 / clips)
    shares = 1.0 / np.maximum(np.bincount(values), 1)
    weights = np.bincount(np.repeat(np.arange(clips), np.diff(starts)), shares[values], minlength=clips)
    return np.where(weights > 0, weights, 1.0 / clips)


def balanced_order(weights: np.ndarray, count: int, *, seed: int, task: int, epoch: int) -> np.ndarray:
    """`count` clip positions, int64, in random order: each clip as often as its share of them, rounded up or down.

    Systematic sampling (Madow, 1949) of the clips in random order: independent draws would leave a rare clip's share
    to chance. A pure function of its arguments.
    """
    generator = stream(Purpose.BALANCE, seed, task, epoch)
    shuffled = np.argsort(generator.random(len(weights)), kind="stable")
    ends = np.cumsum(weights[shuffled])
    points = (np.arange(count) + generator.random()) / count * ends[-1]
    chosen = shuffled[np.minimum(np.searchsorted(ends, points, side="right"), len(weights) - 1)]
    return chosen[np.argsort(generator.random(count), kind="stable")]
