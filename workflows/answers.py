"""What one front end, trained with one seed, answered on the test clips of a task."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from infra.predictions import PredictedTask, Predictions
from workflows.bootstrap import Statistics
from workflows.metrics import Booleans, accuracy, ranking

MULTI_LABEL = "multi_label"


@dataclass(frozen=True, kw_only=True)
class Answers:
    """Predictions of clips, each once, in the order of their ids.

    Attributes:
      tasks: that the clips are of: one, or one for each snapshot where several are pooled, as with folds.
      clip_ids: [clips].
      groups: [clips]; clips of one group are drawn together.
      labels: names of each clip's true classes, [clips].
      logits: [clips, classes].
      sample_sha256: of the stored samples, [clips].
    """

    tasks: tuple[PredictedTask, ...]
    clip_ids: tuple[str, ...]
    groups: tuple[str, ...]
    labels: tuple[tuple[str, ...], ...]
    logits: NDArray[Any]
    sample_sha256: tuple[str | None, ...]

    @property
    def multi_label(self) -> bool:
        """Whether a clip may have any number of classes."""
        return self.tasks[0].objective == MULTI_LABEL

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the columns of the logits."""
        return self.tasks[0].classes

    @property
    def numbers_per_clip(self) -> int:
        """That the statistics look at."""
        return len(self.classes) if self.multi_label else 1

    def statistics(self) -> Statistics:
        """Accuracy of the class with the largest logit, or, with several labels, the ranking metrics."""
        return ranking(self.logits, self.truth()) if self.multi_label else accuracy(self.correct())

    def correct(self) -> Booleans:
        """Whether the class with the largest logit (the first of equal ones) is a label of the clip, [clips]."""
        named = [self.classes[index] for index in self.logits.argmax(axis=1)]
        return np.array([name in labels for name, labels in zip(named, self.labels, strict=True)], bool)

    def truth(self) -> Booleans:
        """Whether each class is a label of each clip, [clips, classes]."""
        columns = {name: index for index, name in enumerate(self.classes)}
        truth = np.zeros(self.logits.shape, bool)
        for row, labels in enumerate(self.labels):
            truth[row, [columns[label] for label in labels]] = True
        return truth

    def of(self, clip_ids: Collection[str]) -> "Answers":
        """The answers on those of `clip_ids` that are here."""
        wanted = set(clip_ids)
        return self._at([index for index, clip_id in enumerate(self.clip_ids) if clip_id in wanted])

    def _at(self, rows: Sequence[int]) -> "Answers":
        return Answers(
            tasks=self.tasks,
            clip_ids=tuple(self.clip_ids[row] for row in rows),
            groups=tuple(self.groups[row] for row in rows),
            labels=tuple(self.labels[row] for row in rows),
            logits=self.logits[np.array(rows, np.int64)],
            sample_sha256=tuple(self.sample_sha256[row] for row in rows),
        )


def pool(parts: Iterable[Predictions]) -> Answers:
    """One set of answers from the predictions of several trials on different clips of one task, as with folds.

    Raises:
      ValueError: a clip was predicted by two of them, or they do not have the same classes.
    """
    parts = tuple(parts)
    if len({(part.task.classes, part.task.objective) for part in parts}) != 1:
        raise ValueError(
            f"Rule: what is pooled has one list of classes and one objective. Received: {len(parts)} parts of "
            f"`{parts[0].task.name}` that differ in them. Give their tasks different names."
        )
    together = Answers(
        tasks=tuple(dict.fromkeys(part.task for part in parts)),
        clip_ids=tuple(clip_id for part in parts for clip_id in part.clip_ids),
        groups=tuple(name for part in parts for name in map(_group, part.groups, part.clip_ids)),
        labels=tuple(labels for part in parts for labels in part.labels),
        logits=np.concatenate([part.logits for part in parts]),
        sample_sha256=tuple(digest for part in parts for digest in part.sample_sha256),
    )
    if len(set(together.clip_ids)) != len(together.clip_ids):
        raise ValueError(
            f"Rule: trials of one front end and seed are pooled where they test different clips. Received: "
            f"{len(parts)} trials of `{parts[0].task.name}` that share some. Give their tasks different names."
        )
    # Ids decide, not the order of the trials.
    return together._at(sorted(range(len(together.clip_ids)), key=lambda row: together.clip_ids[row]))


def _group(group: str | None, clip_id: str) -> str:
    """A name that no clip without a group shares with a group."""
    return f"clip {clip_id}" if group is None else f"group {group}"
