"""The subcommands of `leafworks` as frozen dataclasses, which `tyro` turns into typed flags.

The loaded workflow is a field of those that take one, so that any knob of an experiment can be set by name:
`leafworks run quickstart --train.epochs 2`.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from frontends.config import FrontendConfig
from pipelines.config import PrepareRequest
from training.requests import FeatureFormat
from workflows.matrix import Matrix
from workflows.workflow import DEFAULT_ROOT, Workflow

WorkflowFields = Annotated[Workflow, tyro.conf.arg(name="")]
MatrixFields = Annotated[Matrix, tyro.conf.arg(name="")]
SourceFlags = tyro.conf.UseAppendAction[tuple[str, ...]]
FrontendFields = Annotated[FrontendConfig, tyro.conf.arg(name="")]


@dataclass(frozen=True, kw_only=True)
class _RunFlags:
    """What running needs to know besides the experiment.

    Attributes:
      source: folder of the corpus's recordings; none for a corpus that is made on the spot. Of several corpora the
        folder that has one named after each, or TASK=DIR or CORPUS=DIR, once for each.
      root: everything that is written goes below this folder.
      workers: threads that decode recordings.
      max_rejected_share: largest share of rejected clips that is not an error, 0 to 1.
    """

    source: SourceFlags = ()
    root: Path = DEFAULT_ROOT
    workers: int = PrepareRequest.workers
    max_rejected_share: float = PrepareRequest.max_rejected_share


@dataclass(frozen=True, kw_only=True)
class Run(_RunFlags):
    """Prepares the corpus, trains every front end with every seed, prints the table; skips what is done.

    Attributes:
      workflow: the experiment; every field of it is a flag.
    """

    workflow: WorkflowFields


@dataclass(frozen=True, kw_only=True)
class RunMatrix(_RunFlags):
    """Prepares the corpora, trains every front end on every task with every encoder and seed; skips what is done.

    A task whose recordings are missing is left out, with what to get; the others run.

    Attributes:
      workflow: the experiment; its fields are flags.
      laptop: try it out: one seed, a small ConvNet, 3 epochs, at most 600 clips of each split.
    """

    workflow: MatrixFields
    laptop: bool = False


@dataclass(frozen=True, kw_only=True)
class _PlanFlags:
    """What planning needs to know besides the experiment.

    Attributes:
      source: folder of the corpus's recordings; none for a corpus that is made on the spot. Of several corpora the
        folder that has one named after each, or TASK=DIR or CORPUS=DIR, once for each.
      root: folder of all results.
      json: print JSON.
    """

    source: SourceFlags = ()
    root: Path = DEFAULT_ROOT
    json: bool = False


@dataclass(frozen=True, kw_only=True)
class Planned(_PlanFlags):
    """Says what `leafworks run` would do, why, and how long it would take, and does none of it.

    Attributes:
      workflow: the experiment; every field of it is a flag.
    """

    workflow: WorkflowFields


@dataclass(frozen=True, kw_only=True)
class PlannedMatrix(_PlanFlags):
    """Says what `leafworks run` would do, why, and how long it would take, and does none of it.

    Attributes:
      workflow: the experiment; its fields are flags.
      laptop: plan what `leafworks run NAME --laptop` would do.
    """

    workflow: MatrixFields
    laptop: bool = False


@dataclass(frozen=True, kw_only=True)
class Report:
    """Makes the table and the page of a workflow again, from its finished trials.

    Attributes:
      name: of the workflow.
      root: folder of all results.
      clips: score these test clips only: the file that `leafworks diff A B --common FILE` writes, so that scores on two
        snapshots of a corpus can be compared. The page is then `reports/NAME.common.html`.
      json: print JSON.
    """

    name: tyro.conf.Positional[str]
    root: Path = DEFAULT_ROOT
    clips: Path | None = None
    json: bool = False


@dataclass(frozen=True, kw_only=True)
class Inspect:
    """Draws and measures one front end: what it does to sound, and what it has learned.

    FRONTEND is a name, which shows it as it starts; run:ID, with an MLflow run id, a trial id or the beginning
    of one; or a `.keras` file, a whole model or the layer alone. Of a trained one, every number and picture is set
    against the layer's own initial state.

    Written are `index.html`, an interactive page that needs no network; PNGs of the frequency responses (magnitude over
    kHz), their sum, impulse responses (ms), centres and bandwidths (Hz) against the scale, pooling windows (ms),
    compression (dB to feature), PCEN values, movement from initialisation (Hz, ERB-rate steps, octaves, Jensen-Shannon
    distance), those of them that the front end has; `filters.csv` with a row per filter; `curves.npz`.

    Attributes:
      out: folder for the files; the default is ROOT/inspect/FRONTEND.
      root: folder of all results, where run:ID is looked for.
    """

    out: Path | None = None
    root: Path = DEFAULT_ROOT


@dataclass(frozen=True, kw_only=True)
class InspectInitial(Inspect):
    """Draws and measures a front end as it starts, before any training.

    Attributes:
      config: arguments of the front end, in ms and Hz.
      sample_rate: of the waveforms it is for, in Hz.
    """

    config: FrontendFields
    sample_rate: int = 16_000


@dataclass(frozen=True, kw_only=True)
class Featurize:
    """Turns recordings into features with one front end, and draws them.

    Every format that libsndfile reads, at any rate, length and number of channels: channels are averaged, and the
    waveform is resampled to the front end's rate. Each recording is one clip from its beginning to its end. One that
    cannot be read is named with its reason, does not stop the others, and makes the exit code 1.

    Written below --out, for each recording by its name or its path below the folder given: `<name>.npz` with features
    (frames, filters), time_s (centres of the frames in seconds), centre_hz, sample_rate, source and frontend (as JSON);
    and `<name>.png`. With --format parquet one `features.parquet` instead: clip, time_s, feature_000, ... Recordings
    of the same name are told apart by their folders.

    Attributes:
      recordings: audio files, and folders whose recordings at any depth are meant.
      frontend: a name (`leafworks list`, and mel_pcen), as it starts; run:ID, a trained one; or a `.keras` file. With a
        name, every argument of that front end is a flag too: `leafworks featurize --frontend NAME --help`.
      out: folder for the files; the default is ROOT/features.
      format: npz, a file per recording; or parquet, one file.
      pictures: draw every recording's features.
      root: folder of all results, where run:ID is looked for.
    """

    recordings: tyro.conf.Positional[tuple[Path, ...]] = ()
    frontend: str = "leaf"
    out: Path | None = None
    format: FeatureFormat = "npz"
    pictures: bool = True
    root: Path = DEFAULT_ROOT


@dataclass(frozen=True, kw_only=True)
class FeaturizeInitial(Featurize):
    """Turns recordings into features with a front end as it starts, before any training.

    Attributes:
      config: arguments of the front end, in ms and Hz.
      sample_rate: of the front end, in Hz; recordings are resampled to it.
    """

    config: FrontendFields
    sample_rate: int = 16_000


@dataclass(frozen=True, kw_only=True)
class List:
    """Lists the workflows, corpora, front ends and encoders.

    Attributes:
      json: print JSON.
    """

    json: bool = False


def text(path: Path | None) -> str | None:
    """A path as stages are told it."""
    return None if path is None else str(path)
