"""What a trial says of every clip it was scored on, as a Parquet table beside its result.

A row per clip and split, each clip once: task, split, clip_id, group, labels, logits, sample_sha256. What is the same
for all rows of a task (classes, snapshot, objective) is in the schema's metadata. Metrics computed from this table are
those of the trial: they were computed from the same float32 logits.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from infra.files import atomic_writer

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

PREDICTIONS_NAME = "predictions.parquet"
TEST = "test"
_NOISY = re.compile(TEST + r"_snr_(-?[0-9.e+]+)_db")
_TRIAL_KEY, _TASKS_KEY = b"leafworks.trial_id", b"leafworks.tasks"


@dataclass(frozen=True, kw_only=True)
class PredictedTask:
    """What a trial's predictions of one task have in common.

    Attributes:
      name: of the task.
      objective: "single_label" (logits of a softmax) or "multi_label" (of a sigmoid for each class).
      corpus: that the task is about.
      snapshot_id: of the data.
      classes: names of the columns of the logits.
    """

    name: str
    objective: str
    corpus: str
    snapshot_id: str
    classes: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Predictions:
    """A trial's predictions of one split of one task, in the order of the clips' ids.

    Attributes:
      task: whose.
      split: "test", "validation", or the test split with noise (`noisy_test`).
      clip_ids: [clips], sorted, each once.
      groups: of the ledger, [clips]; None: the clip is a group of its own.
      labels: names of each clip's true classes, [clips].
      logits: float32 [clips, classes], means over the clip's windows.
      sample_sha256: of the stored samples, [clips]; None: the ledger has none.
    """

    task: PredictedTask
    split: str
    clip_ids: tuple[str, ...]
    groups: tuple[str | None, ...]
    labels: tuple[tuple[str, ...], ...]
    logits: "np.ndarray[Any, Any]"
    sample_sha256: tuple[str | None, ...]


def noisy_test(snr_db: float) -> str:
    """The name of the test split with noise at a signal-to-noise ratio in dB."""
    return f"{TEST}_snr_{snr_db:g}_db"


def noise_of(split: str) -> float | None:
    """The signal-to-noise ratio in dB that such a name says; None: another split."""
    found = _NOISY.fullmatch(split)
    return float(found[1]) if found else None


def write_predictions(path: Path, trial_id: str, predictions: Sequence[Predictions]) -> None:
    """Writes the table; equal predictions give equal bytes.

    Raises:
      ValueError: ids that are not sorted, or a clip twice.
    """
    import pyarrow as pa
    from pyarrow import parquet

    tasks = list(dict.fromkeys(part.task for part in predictions))
    metadata = {_TRIAL_KEY: trial_id.encode(), _TASKS_KEY: json.dumps([vars(task) for task in tasks]).encode()}
    table = pa.concat_tables([_table(part) for part in predictions]).replace_schema_metadata(metadata)
    with atomic_writer(path) as stream:
        parquet.write_table(table, stream, compression="zstd")


def read_predictions(path: Path) -> tuple[str, tuple[Predictions, ...]]:
    """The trial's id, and its predictions, a task and split each in the order they were written.

    Raises:
      ValueError: no such file, or another kind of file.
    """
    import pyarrow as pa
    from pyarrow import compute, parquet

    try:
        table = parquet.read_table(path)
        metadata = table.schema.metadata or {}
        trial_id = metadata[_TRIAL_KEY].decode()
        tasks = [PredictedTask(**{**task, "classes": tuple(task["classes"])}) for task in _listed(metadata)]
    except (OSError, KeyError, ValueError, pa.ArrowException) as error:
        raise ValueError(
            f"Predictions are the `{PREDICTIONS_NAME}` of a finished trial. Received: {path} ({error!r}). Run "
            "the trial's workflow again."
        ) from error
    parts = []
    for task in tasks:
        rows = table.filter(compute.equal(table["task"], task.name))
        splits = rows["split"].unique().to_pylist()
        parts += [_part(task, split, rows.filter(compute.equal(rows["split"], split))) for split in splits]
    return trial_id, tuple(parts)


def _table(part: Predictions) -> "pa.Table":
    import pyarrow as pa

    ids = list(part.clip_ids)
    if ids != sorted(set(ids)):
        raise ValueError(
            f"Every clip is predicted once, in the order of the ids. Received: {len(ids)} ids, {ids[:5]} ..."
        )
    types = {"labels": pa.list_(pa.string()), "logits": pa.list_(pa.float32())}
    columns = {
        "task": [part.task.name] * len(ids),
        "split": [part.split] * len(ids),
        "clip_id": ids,
        "group": part.groups,
        "labels": part.labels,
        "logits": list(part.logits),
        "sample_sha256": part.sample_sha256,
    }
    return pa.table({name: pa.array(values, types.get(name, pa.string())) for name, values in columns.items()})


def _part(task: PredictedTask, split: str, rows: "pa.Table") -> Predictions:
    import numpy as np
    import pyarrow as pa

    logits: Any = pa.concat_arrays(rows["logits"].chunks).flatten()
    return Predictions(
        task=task,
        split=split,
        clip_ids=tuple(rows["clip_id"].to_pylist()),
        groups=tuple(rows["group"].to_pylist()),
        labels=tuple(map(tuple, rows["labels"].to_pylist())),
        logits=np.asarray(logits).reshape(len(rows), len(task.classes)),
        sample_sha256=tuple(rows["sample_sha256"].to_pylist()),
    )


def _listed(metadata: dict[bytes, bytes]) -> list[dict[str, Any]]:
    tasks: list[dict[str, Any]] = json.loads(metadata[_TASKS_KEY])
    return tasks
