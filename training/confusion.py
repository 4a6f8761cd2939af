"""Which class is taken for which: a confusion matrix from a trial's predictions, as a table and a picture."""

import csv
import io
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from infra.files import write_atomically
from infra.predictions import Predictions

_MOST_NAMED, _MOST_NUMBERED = 60, 20


def confusion_matrix(predictions: Predictions) -> np.ndarray:
    """Clips by true class (rows) and by the class of the highest logit (columns), int64 [classes, classes].

    Raises:
      ValueError: a clip that has not exactly one label.
    """
    position = {name: index for index, name in enumerate(predictions.task.classes)}
    if not all(len(labels) == 1 for labels in predictions.labels):
        raise ValueError(
            "A confusion matrix needs exactly one label per clip. Received: the task "
            f"`{predictions.task.name}`, which is {predictions.task.objective}."
        )
    true = np.array([position[label] for (label,) in predictions.labels], np.int64)
    counts = np.zeros((len(position), len(position)), np.int64)
    np.add.at(counts, (true, predictions.logits.argmax(axis=1)), 1)
    return counts


def write_confusion(folder: Path, predictions: Predictions) -> list[Path]:
    """Writes `confusion_<task>.csv` and `.png`; the rows of the picture are shares of the true class's clips."""
    counts, names = confusion_matrix(predictions), predictions.task.classes
    folder.mkdir(parents=True, exist_ok=True)
    table, picture = (folder / f"confusion_{predictions.task.name}{suffix}" for suffix in (".csv", ".png"))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["true \\ predicted", *names])
    writer.writerows([name, *row] for name, row in zip(names, counts.tolist(), strict=True))
    write_atomically(table, text.getvalue())
    _draw(picture, counts, names, title=f"{predictions.task.name}, {predictions.split}: {counts.sum()} clips")
    return [table, picture]


def _draw(path: Path, counts: np.ndarray, names: tuple[str, ...], *, title: str) -> None:
    shares = counts / np.maximum(1, counts.sum(axis=1, keepdims=True))
    side = min(14.0, 2.5 + 0.35 * len(names))
    with mpl.rc_context({"font.size": 9}):
        figure = Figure(figsize=(side, side), layout="constrained")
        axes = figure.subplots()
        axes.imshow(shares, vmin=0.0, vmax=1.0, cmap="Blues")
        axes.set(xlabel="predicted", ylabel="true")
        axes.set_title(title, parse_math=False)
        if len(names) <= _MOST_NAMED:
            axes.set_xticks(range(len(names)), names, rotation=90, parse_math=False)
            axes.set_yticks(range(len(names)), names, parse_math=False)
        if len(names) <= _MOST_NUMBERED:
            for (row, column), count in np.ndenumerate(counts):
                if count:
                    colour = "white" if shares[row, column] > 0.5 else "black"
                    axes.text(column, row, str(count), ha="center", va="center", color=colour)
        figure.savefig(path, format="png", dpi=110, facecolor="white")
