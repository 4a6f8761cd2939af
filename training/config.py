"""What a trial is, and how it is run. Stdlib only."""

from dataclasses import dataclass, field
from typing import Any, Literal

from frontends.config import FrontendConfig
from training.cluster.config import ClusterConfig
from training.encoders.config import EncoderConfig

RESULT_NAME, REQUEST_NAME, FAILURE_NAME, MODEL_NAME = "result.json", "trial.json", "failed.txt", "model.keras"
FIGURES_FOLDER, CAPTIONS_NAME = "figures", "captions.json"


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """How a model is trained.

    Attributes:
      encoder: behind the front end.
      epochs: passes over the training split.
      batch_size: global, over all workers.
      learning_rate: of Adam, for encoder and head.
      frontend_learning_rate: of Adam, for the front end. A step of Adam moves a weight by about its
        learning rate, and a centre frequency lies between 0 and pi: at 4e-3 filters cross bands within an epoch.
      schedule: "cosine" lets both learning rates fall to 0 over the training, so that weights and statistics
        settle; "constant" does not.
      window_ms: random excerpt of a clip in training; consecutive excerpts at evaluation.
      checkpoint_steps: a checkpoint is written after so many steps, and after every epoch.
    """

    encoder: EncoderConfig = field(default_factory=EncoderConfig)
    epochs: int = 10
    batch_size: int = 64
    learning_rate: float = 1e-3
    frontend_learning_rate: float = 2e-4
    schedule: Literal["cosine", "constant"] = "cosine"
    window_ms: float = 1000.0
    checkpoint_steps: int = 1000

    def __post_init__(self) -> None:
        _require(self.epochs >= 1, "epochs >= 1", self.epochs)
        _require(self.batch_size >= 1, "batch_size >= 1", self.batch_size)
        _require(self.learning_rate > 0, "learning_rate > 0", self.learning_rate)
        _require(self.frontend_learning_rate > 0, "frontend_learning_rate > 0", self.frontend_learning_rate)
        _require(self.window_ms > 0, "window_ms > 0 ms", self.window_ms)
        _require(self.checkpoint_steps >= 1, "checkpoint_steps >= 1", self.checkpoint_steps)


@dataclass(frozen=True, kw_only=True)
class TrialConfig:
    """One front end trained once: with the snapshot's id, the identity of a trial."""

    frontend: FrontendConfig
    train: TrainConfig
    seed: int


@dataclass(frozen=True, kw_only=True)
class TrialRequest:
    """A trial to be run.

    Attributes:
      name: of the front end in tables, e.g. "leaf".
      trial_id: content hash of the config and the snapshot's id.
      config: what to train.
      folder: of the trial: checkpoints, figures, the model (`MODEL_NAME`), and the files `RESULT_NAME` (finished),
        `REQUEST_NAME` (started) and `FAILURE_NAME` (the last attempt failed; the reason).
    """

    name: str
    trial_id: str
    config: TrialConfig
    folder: str


@dataclass(frozen=True, kw_only=True)
class LaunchRequest:
    """Trials on one snapshot.

    Attributes:
      workflow: name of the experiment and of its parent run.
      snapshot: folder with the card; its `snapshot_id` must be the one given.
      snapshot_id: what the trials' identities were made with.
      trials: to run, those that are finished left out.
      cluster: where, and how much of it for each.
      tracking_uri: of MLflow; None: what the trials tell stays in their folders.
      artifact_root: folder for artifacts where the tracking store is a local file, else None.
    """

    workflow: str
    snapshot: str
    snapshot_id: str
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
      corpus: name of the corpus.
      snapshot_id: trained and tested on.
      accuracy: of the test split, in [0, 1].
      loss: of the test split, cross-entropy in nats.
      test_clips: scored.
      validation_accuracy: of the best epoch.
      best_epoch: 1-based, chosen on the validation split.
      frontend_parameters: learnable numbers of the front end.
      parameters: learnable numbers of the whole model.
      train_seconds: wall time of training and validation, over all attempts.
      workers: of the last attempt.
    """

    name: str
    trial_id: str
    config: TrialConfig
    corpus: str
    snapshot_id: str
    accuracy: float
    loss: float
    test_clips: int
    validation_accuracy: float
    best_epoch: int
    frontend_parameters: int
    parameters: int
    train_seconds: float
    workers: int


@dataclass(frozen=True, kw_only=True)
class Launched:
    """The answer of the launch stage.

    Attributes:
      failed: trial id -> reason.
      stopped: whether it was asked to stop (SIGTERM, Ctrl-C) before all trials had ended.
    """

    failed: dict[str, str]
    stopped: bool = False


@dataclass(frozen=True, kw_only=True)
class InitialFrontend:
    """A front end as it starts, at a sample rate in Hz."""

    config: FrontendConfig
    sample_rate: int


@dataclass(frozen=True, kw_only=True)
class SavedFrontend:
    """The front end in a `.keras` file, and its sample rate in Hz."""

    path: str
    sample_rate: int


FrontendSource = InitialFrontend | SavedFrontend
FeatureFormat = Literal["npz", "parquet"]


@dataclass(frozen=True, kw_only=True)
class LocateRequest:
    """A front end to be found.

    Attributes:
      what: `run:ID`, with an MLflow run id, a trial id or the beginning of one; or the path of a `.keras` file.
      trials: folder of the trials.
      tracking_uri: of MLflow, which is asked where no trial there has the id; None: there is none.
      download_folder: for a model that only MLflow has.
    """

    what: str
    trials: str
    tracking_uri: str | None
    download_folder: str


@dataclass(frozen=True, kw_only=True)
class InspectRequest:
    """A front end to be drawn and measured.

    Attributes:
      title: of the page.
      source: where it is.
      folder: receives the files.
    """

    title: str
    source: FrontendSource
    folder: str


@dataclass(frozen=True, kw_only=True)
class Quantity:
    """One quantity over all filters: its lowest, median and highest value, and the median at initialisation.

    `initial` is None for what has no initial value: movement, and everything about a front end that is not trained.
    """

    name: str
    unit: str
    low: float
    median: float
    high: float
    initial: float | None


@dataclass(frozen=True, kw_only=True)
class Inspected:
    """The answer of the inspection: names of the files written, and the numbers in short."""

    files: tuple[str, ...]
    quantities: tuple[Quantity, ...]


@dataclass(frozen=True, kw_only=True)
class WaveformFile:
    """One decoded recording.

    Attributes:
      name: of its outputs below the output folder, without their suffix.
      path: of the waveform, float32 [samples] at the front end's rate in a `.npy` file, which is removed once read.
      source: the recording's path.
      seconds: of the recording.
      note: what the user should know; empty: nothing.
    """

    name: str
    path: str
    source: str
    seconds: float
    note: str


@dataclass(frozen=True, kw_only=True)
class FeaturizeRequest:
    """Recordings to be turned into features, and into a picture each unless `pictures` is off."""

    source: FrontendSource
    recordings: tuple[WaveformFile, ...]
    folder: str
    format: FeatureFormat
    pictures: bool


@dataclass(frozen=True, kw_only=True)
class FeatureFile:
    """The features of one recording.

    Attributes:
      source: the recording's path.
      path: of the file that holds them.
      seconds: of the recording.
      frames: rows.
      features: in a frame.
      note: what the user should know; empty: nothing.
    """

    source: str
    path: str
    seconds: float
    frames: int
    features: int
    note: str


@dataclass(frozen=True, kw_only=True)
class Featurized:
    """The answer of the feature stage; `failed` has a reason for every recording without features."""

    written: tuple[FeatureFile, ...]
    failed: dict[str, str]


def _require(holds: bool, rule: str, received: Any) -> None:
    if not holds:
        raise ValueError(f"Rule: {rule}. Received: {received!r}.")
