"""What a trial is, and how it is run. Stdlib only."""

from dataclasses import dataclass, field
from typing import Any, Literal

from frontends.config import FrontendConfig
from training.cluster.config import ClusterConfig
from training.encoders.config import EncoderConfig
from training.guard.config import GuardConfig
from training.tasks.config import SamplingConfig, TaskConfig, TaskResult, TaskSnapshot

RESULT_NAME, REQUEST_NAME, FAILURE_NAME, MODEL_NAME = "result.json", "trial.json", "failed.txt", "model.keras"
HISTORY_NAME, RESULTS_FOLDER = "history.json", "results"
FIGURES_FOLDER, CAPTIONS_NAME = "figures", "captions.json"


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """How a model is trained.

    Attributes:
      encoder: behind the front end.
      epochs: passes over the training split; with several tasks, over as many batches as their training splits
        have together.
      batch_size: global, over all workers.
      learning_rate: of Adam, for encoder and head.
      frontend_learning_rate: of Adam, for the front end. A step of Adam moves a weight by about its
        learning rate, and a centre frequency lies between 0 and pi: at 4e-3 filters cross bands within an epoch.
      schedule: "cosine" lets both learning rates fall to 0 over the training, so that weights and statistics
        settle; "constant" does not.
      window_ms: random excerpt of a clip in training; consecutive excerpts at evaluation.
      checkpoint_steps: a checkpoint is written after so many steps, and after every epoch.
      task_sampling: with several tasks, which of them each step trains.
      guard: what happens when a loss, a gradient or a weight is not finite.
    """

    encoder: EncoderConfig = field(default_factory=EncoderConfig)
    epochs: int = 10
    batch_size: int = 64
    learning_rate: float = 1e-3
    frontend_learning_rate: float = 2e-4
    schedule: Literal["cosine", "constant"] = "cosine"
    window_ms: float = 1000.0
    checkpoint_steps: int = 1000
    task_sampling: SamplingConfig = field(default_factory=SamplingConfig)
    guard: GuardConfig = field(default_factory=GuardConfig)

    def __post_init__(self) -> None:
        _require(self.epochs >= 1, "epochs >= 1", self.epochs)
        _require(self.batch_size >= 1, "batch_size >= 1", self.batch_size)
        _require(self.learning_rate > 0, "learning_rate > 0", self.learning_rate)
        _require(self.frontend_learning_rate > 0, "frontend_learning_rate > 0", self.frontend_learning_rate)
        _require(self.window_ms > 0, "window_ms > 0 ms", self.window_ms)
        _require(self.checkpoint_steps >= 1, "checkpoint_steps >= 1", self.checkpoint_steps)


@dataclass(frozen=True, kw_only=True)
class TrialConfig:
    """One front end trained once: with the ids of the tasks' snapshots, the identity of a trial.

    Attributes:
      frontend: that all tasks share, and the encoder with it.
      train: how.
      seed: of initial weights, order, windows, and of which task comes when.
      tasks: one or several; each has its own snapshot and its own head.
    """

    frontend: FrontendConfig
    train: TrainConfig
    seed: int
    tasks: tuple[TaskConfig, ...]

    def __post_init__(self) -> None:
        names = [task.name for task in self.tasks]
        _require(bool(names) and len(set(names)) == len(names), "at least one task, names that differ", names)


@dataclass(frozen=True, kw_only=True)
class TrialRequest:
    """A trial to be run.

    Attributes:
      name: of the front end in tables, e.g. "leaf".
      trial_id: content hash of the config and the ids of the tasks' snapshots.
      config: what to train.
      snapshots: of its tasks, in their order; the `snapshot_id` on each card must be the one given.
      folder: of the trial: checkpoints, figures, the model (`MODEL_NAME`), and the files `RESULT_NAME` (finished),
        `REQUEST_NAME` (started) and `FAILURE_NAME` (the last attempt failed; the reason).
    """

    name: str
    trial_id: str
    config: TrialConfig
    snapshots: tuple[TaskSnapshot, ...]
    folder: str


@dataclass(frozen=True, kw_only=True)
class LaunchRequest:
    """Trials to be run together; each says which snapshots it is on.

    Attributes:
      workflow: name of the experiment and of its parent run.
      trials: to run, those that are finished left out.
      cluster: where, and how much of it for each.
      tracking_uri: of MLflow; None: what the trials tell stays in their folders.
      artifact_root: folder for artifacts where the tracking store is a local file, else None.
    """

    workflow: str
    trials: tuple[TrialRequest, ...]
    cluster: ClusterConfig
    tracking_uri: str | None
    artifact_root: str | None


@dataclass(frozen=True, kw_only=True)
class TrialResult:
    """What a finished trial says of itself; `result.json` in its folder.

    Attributes:
      name: of the front end.
      trial_id: its identity.
      config: what was trained.
      tasks: what it came to in each of them.
      best_epoch: 1-based, chosen on the validation splits.
      frontend_parameters: learnable numbers of the front end.
      parameters: learnable numbers of the whole model.
      train_seconds: wall time of training and validation, over all attempts.
      workers: of the last attempt.
    """

    name: str
    trial_id: str
    config: TrialConfig
    tasks: tuple[TaskResult, ...]
    best_epoch: int
    frontend_parameters: int
    parameters: int
    train_seconds: float
    workers: int

    @property
    def score(self) -> float:
        """Mean over the tasks of their main metric (accuracy or mAP) on the test split."""
        return sum(task.score for task in self.tasks) / len(self.tasks)

    @property
    def validation_score(self) -> float:
        """Likewise of the validation split, at the best epoch: what chose it."""
        return sum(task.validation_score for task in self.tasks) / len(self.tasks)


@dataclass(frozen=True, kw_only=True)
class Launched:
    """The answer of the launch stage.

    Attributes:
      failed: trial id -> reason.
      stopped: whether it was asked to stop (SIGTERM, Ctrl-C) before all trials had ended.
    """

    failed: dict[str, str]
    stopped: bool = False


def _require(holds: bool, rule: str, received: Any) -> None:
    if not holds:
        raise ValueError(f"Rule: {rule}. Received: {received!r}.")
