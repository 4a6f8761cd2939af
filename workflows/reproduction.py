"""`leafworks reproduce RUN`: trains one trial again from its passport, and says whether the same came out."""

import contextlib
import json
import math
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tyro

from infra import config
from infra.card import read_card
from infra.passport import PASSPORT_NAME, Data, Passport, Session, differences, read_passport, same_bits_expected
from infra.predictions import PREDICTIONS_NAME, read_predictions
from infra.stage import run_stage
from training.cluster.config import ClusterConfig
from training.config import HISTORY_NAME, Launched, LaunchRequest, TrialConfig, TrialRequest
from training.requests import FetchRequest, SavedTrial
from training.tasks.config import TaskSnapshot
from workflows.places import Places
from workflows.workflow import DEFAULT_ROOT

OnLine = Callable[[str], None]
_THREADS = "TF_NUM_INTRAOP_THREADS"
# Set for every worker by leafworks itself, or the machine's own.
_NOT_SET_AGAIN = (_THREADS, "TF_NUM_INTEROP_THREADS", "CUDA_VISIBLE_DEVICES", "OMP_NUM_THREADS")


@dataclass(frozen=True, kw_only=True)
class Reproduce:
    """Trains a trial again from its passport, and compares metrics, history and predictions with what it was.

    With the same code, libraries, kind of processor, threads and workers, everything must be equal to the last bit. If
    any of these differs, every metric of the test split must be within --tolerance of what it was (losses: of the
    larger of 1 and the loss). What differs is listed. The exit code is 1 where the result is not reproduced.

    The new trial lies below ROOT/reproductions; it is not a result of any experiment, and MLflow is not told of it.

    Attributes:
      run: run:ID or ID, with a trial id, an MLflow run id, or the beginning of one.
      tolerance: largest difference of a metric, where bits cannot be expected to be the same.
      root: folder of all results.
      json: print JSON.
    """

    run: tyro.conf.Positional[str]
    tolerance: float = 0.02
    root: Path = DEFAULT_ROOT
    json: bool = False

    def __post_init__(self) -> None:
        if not self.tolerance >= 0:
            raise ValueError(f"Rule: tolerance >= 0. Received: {self.tolerance!r}.")


@dataclass(frozen=True, kw_only=True)
class Reproduction:
    """What came out.

    Attributes:
      trial_id: of the trial.
      folder: of the new one.
      reproduced: the verdict.
      bits_expected: whether equality to the last bit was asked for.
      tolerance: otherwise.
      differs: what is not as it was -> (then, now); empty values were not there.
      metrics: of the test split -> (then, now).
      epochs: of the history, and how many of them are equal to the last bit.
      logits: largest absolute difference of the predictions' logits over all clips; None: other clips were scored.
      answers: share of the clips with the same highest logit.
    """

    trial_id: str
    folder: str
    reproduced: bool
    bits_expected: bool
    tolerance: float
    differs: dict[str, tuple[str, str]]
    metrics: dict[str, tuple[float, float]]
    epochs: tuple[int, int]
    logits: float | None
    answers: float


def reproduce(command: Reproduce, *, download_folder: Path, on_line: OnLine, on_progress: Any) -> Reproduction:
    """Trains again and compares.

    Raises:
      ValueError: no such trial, or its data are not here.
      StageError: a stage died.
    """
    places = Places(command.root)
    request = FetchRequest(
        what=command.run,
        trials=str(places.trials),
        tracking_uri=places.existing_tracking(),
        download_folder=str(download_folder),
    )
    saved = Path(run_stage("training.saved", request, SavedTrial, on_line=on_line).folder)
    passport = read_passport(saved / PASSPORT_NAME)
    trial = _again(passport, places)
    launch = LaunchRequest(
        workflow="reproduction",
        trials=(trial,),
        cluster=_cluster(passport.sessions[-1]),
        tracking_uri=None,
        artifact_root=None,
    )
    with _flags(passport.sessions[-1]):
        launched = run_stage("training.launch", launch, Launched, on_line=on_line, on_progress=on_progress)
    if launched.failed:
        raise ValueError(f"The trial failed this time: {launched.failed[trial.trial_id]}")
    return compare(saved, Path(trial.folder), tolerance=command.tolerance)


def compare(then: Path, now: Path, *, tolerance: float) -> Reproduction:
    """Compares two folders of one trial."""
    passports = [read_passport(folder / PASSPORT_NAME) for folder in (then, now)]
    old, new = (json.loads((folder / HISTORY_NAME).read_text()) for folder in (then, now))
    sessions = [*passports[0].sessions, passports[1].sessions[-1]]
    bits = all(same_bits_expected(session, sessions[-1]) for session in sessions)
    logits, answers = _predictions(then / PREDICTIONS_NAME, now / PREDICTIONS_NAME)
    metrics = {name: (value, new["test"].get(name, float("nan"))) for name, value in old["test"].items()}
    equal = sum(a == b for a, b in zip(old["epochs"], new["epochs"], strict=False))
    same = all(_same(*pair) for pair in metrics.values())
    whole = equal == len(old["epochs"]) == len(new["epochs"]) and logits == 0.0 and same
    near = all(abs(a - b) <= tolerance * max(1.0, abs(a)) or _same(a, b) for a, b in metrics.values())
    return Reproduction(
        trial_id=passports[0].trial["trial_id"],
        folder=str(now),
        reproduced=whole if bits else near,
        bits_expected=bits,
        tolerance=tolerance,
        differs={
            name: (_word(a), _word(b))
            for session in sessions
            for name, (a, b) in differences(session, sessions[-1]).items()
        },
        metrics=metrics,
        epochs=(len(old["epochs"]), equal),
        logits=logits,
        answers=answers,
    )


def print_reproduction(found: Reproduction) -> None:
    """The verdict last."""
    for name, (before, after) in found.differs.items():
        print(f"differs: {name}: {before or 'not there'} -> {after or 'not there'}")
    for name, (then, now) in sorted(found.metrics.items()):
        print(f"{name}: {then:.6g} -> {now:.6g}" + ("" if _same(then, now) else f" ({now - then:+.3g})"))
    print(f"history: {found.epochs[1]} of {found.epochs[0]} epochs equal to the last bit")
    if found.logits is None:
        print("predictions: of other clips")
    else:
        print(
            f"predictions: logits differ by at most {found.logits:.3g}; {100 * found.answers:.2f} % of answers the same"
        )
    rule = "to the last bit" if found.bits_expected else f"within {found.tolerance:g}, as bits could differ"
    print(f"{found.trial_id}: {'reproduced' if found.reproduced else 'NOT reproduced'} ({rule}); {found.folder}")


def _again(passport: Passport, places: Places) -> TrialRequest:
    """The trial with a folder of its own that is not there yet."""
    trial_id = str(passport.trial["trial_id"])
    folder = places.root / "reproductions" / trial_id
    number = 1 + max((int(path.name) for path in folder.glob("[0-9]*")), default=0)
    return TrialRequest(
        name=str(passport.trial["name"]),
        trial_id=trial_id,
        config=config.from_dict(TrialConfig, passport.trial["config"]),
        folder=str((folder / str(number)).resolve()),
        snapshots=tuple(_present(data, places) for data in passport.snapshots),
    )


def _present(data: Data, places: Places) -> TaskSnapshot:
    """Where the snapshot is now: where it was, or below the root."""
    for folder in [Path(data.folder), *sorted(places.snapshots.glob("*/*/"))]:
        if (folder / "card.json").is_file() and read_card(folder).snapshot_id == data.snapshot_id:
            return TaskSnapshot(task=data.task, folder=str(folder), snapshot_id=data.snapshot_id)
    raise ValueError(
        f"A trial is reproduced on the data it was trained on. Received: the snapshot {data.snapshot_id}, which is "
        f"neither in {data.folder} nor below {places.snapshots}. Prepare it again: equal sources give the same id."
    )


def _cluster(session: Session) -> ClusterConfig:
    """As many workers and threads as then; a GPU for each if there were any."""
    threads = int(session.flags.get(_THREADS, "1"))
    gpus = 1.0 if session.hardware.gpus else 0.0
    return ClusterConfig(workers_per_trial=session.workers, cpus_per_worker=max(1, threads), gpus_per_worker=gpus)


@contextlib.contextmanager
def _flags(session: Session) -> Iterator[None]:
    """The environment variables of then, for the stages inside the block."""
    flags = {name: value for name, value in session.flags.items() if name not in _NOT_SET_AGAIN}
    before = dict(os.environ)
    os.environ.update(flags)
    try:
        yield
    finally:
        for name in flags:
            os.environ.pop(name)
        os.environ.update(before)


def _predictions(then: Path, now: Path) -> tuple[float | None, float]:
    """Largest difference of logits, and share of equal answers; both 0 clips: None and 0."""
    import numpy as np

    _, old = read_predictions(then)
    _, new = read_predictions(now)
    key = [(part.task.name, part.split, part.clip_ids) for part in old]
    if key != [(part.task.name, part.split, part.clip_ids) for part in new]:
        return None, 0.0
    pairs = [(a.logits.astype(np.float64), b.logits.astype(np.float64)) for a, b in zip(old, new, strict=True)]
    largest = max(float(np.abs(a - b).max(initial=0.0)) for a, b in pairs)
    same = np.concatenate([a.argmax(axis=1) == b.argmax(axis=1) for a, b in pairs])
    return largest, float(same.mean())


def _same(a: float, b: float) -> bool:
    return a == b or (math.isnan(a) and math.isnan(b))


def _word(value: Any) -> str:
    return "" if value is None else ", ".join(value) if isinstance(value, list | tuple) else str(value)
