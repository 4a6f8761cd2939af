"""What the stages that find, draw and use front ends and trials are asked, and what they answer. Stdlib only."""

from dataclasses import dataclass
from typing import Literal

from frontends.config import FrontendConfig


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
class FetchRequest:
    """A finished trial to be found; see `LocateRequest`."""

    what: str
    trials: str
    tracking_uri: str | None
    download_folder: str


@dataclass(frozen=True, kw_only=True)
class SavedTrial:
    """The folder that has a trial's passport, history and predictions."""

    folder: str


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
