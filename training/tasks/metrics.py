"""How good the scores of a split are: accuracy, or how each class ranks the clips.

Everything is computed from all clips of the split at once, in float64 and in the order of their ids; a mean over parts
of a split would be another number.
"""

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri
from sklearn.metrics import average_precision_score, label_ranking_average_precision_score, roc_auc_score


@dataclass(frozen=True)
class ClassScores:
    """How well each class is told from the others; NaN where its clips do not say.

    Attributes:
      positives: clips that have the class, int64 [classes]; `clips` are all.
      average_precision: scikit-learn's definition, without interpolation, [classes].
      auc: area under the ROC curve, ties counting half, [classes].
    """

    clips: int
    positives: np.ndarray
    average_precision: np.ndarray
    auc: np.ndarray

    @property
    def d_prime(self) -> np.ndarray:
        """sqrt(2) Phi^-1(auc), [classes].

        It is finite: a class that ranks all pairs right counts as if half a pair were wrong.
        """
        return d_prime(np.clip(self.auc, self.half_a_pair, 1.0 - self.half_a_pair))

    @property
    def half_a_pair(self) -> np.ndarray:
        """Half of the share that one pair of a positive and a negative clip has in the AUC, [classes]."""
        return 0.5 / np.maximum(self.positives * (self.clips - self.positives), 1)

    @property
    def known(self) -> np.ndarray:
        """Classes with a positive and a negative clip, bool [classes]."""
        return (self.positives > 0) & (self.positives < self.clips)


def class_scores(truth: np.ndarray, scores: np.ndarray) -> ClassScores:
    """Ranks the clips by each class's score, higher first.

    Args:
      truth: bool [clips, classes].
      scores: logits or any other increasing function of the probabilities, [clips, classes].
    """
    clips, classes = truth.shape
    positives = truth.sum(axis=0)
    precision, area = np.full(classes, np.nan), np.full(classes, np.nan)
    for index in np.flatnonzero((positives > 0) & (positives < clips)):
        precision[index] = average_precision_score(truth[:, index], scores[:, index])
        area[index] = roc_auc_score(truth[:, index], scores[:, index])
    return ClassScores(clips=clips, positives=positives, average_precision=precision, auc=area)


def ranking_metrics(truth: np.ndarray, scores: np.ndarray) -> dict[str, float]:
    """Means over the classes with a positive and a negative clip, and lwlrap.

    - "mAP" and "AUC": of average precision and of the area under the ROC curve;
    - "d_prime": of the mean AUC, as papers on AudioSet print it;
    - "mean_d_prime": the mean over classes of the class's own d';
    - "lwlrap": label-weighted label-ranking average precision, as in DCASE 2019 task 2: for every label of every clip,
      the precision among the classes that are scored at least as high, averaged over labels.

    Raises:
      ValueError: no class has both.
    """
    classes = class_scores(truth, scores)
    known = classes.known
    if not known.any():
        raise ValueError(
            "Rule: some class has a clip and not all clips of the split. Received: "
            f"{len(truth)} clips, of the {truth.shape[1]} classes {sum(classes.positives > 0)} with a clip. Give the "
            "split more clips."
        )
    area, least = float(classes.auc[known].mean()), float(classes.half_a_pair[known].mean())
    labelled = truth.any(axis=1)
    weights = truth[labelled].sum(axis=1)
    return {
        "mAP": float(classes.average_precision[known].mean()),
        "AUC": area,
        "d_prime": float(d_prime(np.clip(area, least, 1.0 - least))),
        "mean_d_prime": float(classes.d_prime[known].mean()),
        "lwlrap": float(
            label_ranking_average_precision_score(truth[labelled], scores[labelled], sample_weight=weights)
        ),
    }


def accuracy(truth: np.ndarray, scores: np.ndarray) -> float:
    """Share of the clips whose highest score is of a class they have."""
    return float(truth[np.arange(len(truth)), scores.argmax(axis=1)].mean())


def d_prime(area: np.ndarray | float) -> np.ndarray:
    """sqrt(2) Phi^-1(AUC)."""
    return np.asarray(math.sqrt(2.0) * ndtri(area), np.float64)
