"""The subcommands of `leafworks` as frozen dataclasses, which `tyro` turns into typed flags.

The loaded workflow is a field of those that take one, so that any knob of an experiment can be set by name:
`leafworks run quickstart --train.epochs 2`.
"""

import dataclasses
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import tyro

from frontends.config import FrontendConfig
from pipelines.config import (
    AudioSetConfig,
    CorpusName,
    FetchRequest,
    DropPolicy,
    FolderConfig,
    PrepareConfig,
    PrepareRequest,
    SplitConfig,
    SyntheticConfig,
)
from pipelines.corpora.config import (
    AudioJsonConfig,
    CremaDConfig,
    Dcase2018BirdsConfig,
    EscConfig,
    FsddConfig,
    HfParquetConfig,
    LibriSpeechConfig,
    MagnaTagATuneConfig,
    NSynthConfig,
    SpeechCommandsConfig,
    TfdsConfig,
    UrbanSound8KConfig,
    WebDatasetConfig,
)
from training.config import FeatureFormat
from workflows.places import Places
from workflows.workflow import DEFAULT_ROOT, Workflow

WorkflowFields = Annotated[Workflow, tyro.conf.arg(name="")]
FrontendFields = Annotated[FrontendConfig, tyro.conf.arg(name="")]


@dataclass(frozen=True, kw_only=True)
class Run:
    """Prepares the corpus, trains every front end with every seed, prints the table; skips what is done.

    Attributes:
      workflow: the experiment; every field of it is a flag.
      source: folder of the corpus's recordings; none for a corpus that is made on the spot.
      root: everything that is written goes below this folder.
      workers: threads that decode recordings.
      max_rejected_share: largest share of rejected clips that is not an error, 0 to 1.
    """

    workflow: WorkflowFields
    source: Path | None = None
    root: Path = DEFAULT_ROOT
    workers: int = PrepareRequest.workers
    max_rejected_share: float = PrepareRequest.max_rejected_share


@dataclass(frozen=True, kw_only=True)
class Planned:
    """Says what `leafworks run` would do, why, and how long it would take, and does none of it.

    Attributes:
      workflow: the experiment; every field of it is a flag.
      source: folder of the corpus's recordings; none for a corpus that is made on the spot.
      root: folder of all results.
      json: print JSON.
    """

    workflow: WorkflowFields
    source: Path | None = None
    root: Path = DEFAULT_ROOT
    json: bool = False


@dataclass(frozen=True, kw_only=True)
class Fetch:
    """Downloads a corpus from where its owners publish it, checks every file, and unpacks archives into DIR.

    A call that was stopped, or whose connection broke, goes on where it was; one that has everything does nothing.
    What needs a registration is not fetched: the answer says what to get where, and how to lay it out.

    Attributes:
      corpus: its name; a wrong one is answered with all of them.
      to: the folder that receives it.
      only: names of files or archives, or patterns such as 'train-clean-*'; the default is all but the optional ones.
      mirror: address of a folder that holds the same files, instead of where their owners publish them.
      unpack: unpack archives; otherwise they are kept as they are.
      retries: failed connections in a row after which it gives up.
      pause_s: seconds before the first retry; each next one waits twice as long, up to a minute.
      max_files: the most files that one archive may hold.
      max_ratio: the most bytes that an archive may hold for each byte of its own size.
      json: print JSON.
    """

    corpus: tyro.conf.Positional[str]
    to: Path
    only: tuple[str, ...] = ()
    mirror: str | None = None
    unpack: bool = True
    retries: int = FetchRequest.retries
    pause_s: float = FetchRequest.pause_s
    max_files: int = FetchRequest.max_files
    max_ratio: float = FetchRequest.max_ratio
    json: bool = False

    def request(self) -> FetchRequest:
        """What the stage is asked."""
        names = {f.name for f in dataclasses.fields(FetchRequest)} - {"folder"}
        return FetchRequest(folder=str(self.to), **{name: getattr(self, name) for name in names})


@dataclass(frozen=True, kw_only=True)
class Prepare:
    """Turns one corpus into one snapshot: TFRecord shards, a ledger of every clip, a card.

    A run that was stopped goes on where it was. Clips that cannot be kept are in the ledger with their
    reason; if they are too many, the run ends with an error after it has finished and said what it found.

    Attributes:
      corpus: which adapter reads the source; `leafworks list` describes them.
      source: folder of the recordings.
      root: snapshots go to ROOT/snapshots/CORPUS/KEY.
      workers: threads that decode.
      max_rejected_share: largest share of rejected clips that is not an error, 0 to 1.
      max_missing_share: largest share of clips without a file, 0 to 1, counted apart from the rejected ones; None: as
        the corpus has it: AudioSet 1, and elsewhere a missing clip is a rejected one.
      beam_options: given to Beam as they are, e.g. --runner=FlinkRunner; the default is its local runner.
      sample_rate: of the stored waveforms, in Hz.
      min_duration_ms: shorter clips are rejected.
      silence_db: clips that stay below this peak level, in dB re full scale, are rejected.
      clips_per_shard: a shard is the unit of work and of resume; None: 100 to 200 MB, or smaller ones, at least 16.
      drop: copies of the same recording that are not kept: nothing; across-splits (test keeps it before validation
        before train); or all but one.
      drop_near: near duplicates too: re-encoded, louder, resampled, shifted.
      split: shares where a corpus has no official split.
      folder: where the labels of a folder are.
      synthetic: the corpus made on the spot.
      fsdd: what FSDD is used for.
      esc10: which folds of ESC-10 test and validate.
      esc50: which folds of ESC-50 test and validate.
      speech_commands: which classes of Speech Commands.
      librispeech: which subset of LibriSpeech, and how it is split.
      nsynth: what NSynth is used for.
      crema_d: which split of CREMA-D.
      dcase2018_birds: which sets of the bird detection task, and what tests.
      urbansound8k: which folds of UrbanSound8K test and validate.
      magnatagatune: which tags of MagnaTagATune.
      audioset: AudioSet's lists and labels.
      audio_json: where the paths of lists of AST and PSLA begin.
      tfds: what is class and group in a data set of TensorFlow Datasets.
      webdataset: what is the class in tar files of WebDataset.
      hf_parquet: what is class and group in Parquet files of Hugging Face.
    """

    corpus: tyro.conf.Positional[CorpusName]
    source: Path | None = None
    root: Path = DEFAULT_ROOT
    workers: int = PrepareRequest.workers
    max_rejected_share: float = PrepareRequest.max_rejected_share
    max_missing_share: float | None = PrepareRequest.max_missing_share
    beam_options: tuple[str, ...] = ()
    sample_rate: int = PrepareConfig.sample_rate
    min_duration_ms: float = PrepareConfig.min_duration_ms
    silence_db: float = PrepareConfig.silence_db
    clips_per_shard: int | None = PrepareConfig.clips_per_shard
    drop: DropPolicy = PrepareConfig.drop
    drop_near: bool = PrepareConfig.drop_near
    split: SplitConfig = field(default_factory=SplitConfig)
    folder: FolderConfig = field(default_factory=FolderConfig)
    synthetic: SyntheticConfig = field(default_factory=SyntheticConfig)
    fsdd: FsddConfig = field(default_factory=FsddConfig)
    esc10: EscConfig = field(default_factory=EscConfig)
    esc50: EscConfig = field(default_factory=EscConfig)
    speech_commands: SpeechCommandsConfig = field(default_factory=SpeechCommandsConfig)
    librispeech: LibriSpeechConfig = field(default_factory=LibriSpeechConfig)
    nsynth: NSynthConfig = field(default_factory=NSynthConfig)
    crema_d: CremaDConfig = field(default_factory=CremaDConfig)
    dcase2018_birds: Dcase2018BirdsConfig = field(default_factory=Dcase2018BirdsConfig)
    urbansound8k: UrbanSound8KConfig = field(default_factory=UrbanSound8KConfig)
    magnatagatune: MagnaTagATuneConfig = field(default_factory=MagnaTagATuneConfig)
    audioset: AudioSetConfig = field(default_factory=AudioSetConfig)
    audio_json: AudioJsonConfig = field(default_factory=AudioJsonConfig)
    tfds: TfdsConfig = field(default_factory=TfdsConfig)
    webdataset: WebDatasetConfig = field(default_factory=WebDatasetConfig)
    hf_parquet: HfParquetConfig = field(default_factory=HfParquetConfig)

    def request(self) -> PrepareRequest:
        """What the stage is asked."""
        names = {f.name for f in dataclasses.fields(PrepareConfig)}
        return PrepareRequest(
            config=PrepareConfig(**{name: getattr(self, name) for name in names}),
            source=text(self.source),
            root=str(Places(self.root).snapshots),
            workers=self.workers,
            max_rejected_share=self.max_rejected_share,
            max_missing_share=self.max_missing_share,
            beam_options=self.beam_options,
        )


@dataclass(frozen=True, kw_only=True)
class Verify:
    """Reads every record of a snapshot again, with its checksums, and compares with ledger and card.

    Attributes:
      snapshot: the folder with the card.
      json: print JSON.
    """

    snapshot: tyro.conf.Positional[Path]
    json: bool = False


@dataclass(frozen=True, kw_only=True)
class Show:
    """Says what a snapshot holds: splits, hours, classes, findings, and the rejected clips with their reasons.

    Attributes:
      snapshot: the folder with the card.
      page: HTML file to write, one that needs no network: counts, reasons, histograms, hours per class, copies,
        spectrograms of kept clips.
      source: folder of the recordings, for spectrograms of rejected clips on the page.
      json: print JSON.
    """

    snapshot: tyro.conf.Positional[Path]
    page: Path | None = None
    source: Path | None = None
    json: bool = False


@dataclass(frozen=True, kw_only=True)
class Report:
    """Makes the table and the page of a workflow again, from its finished trials.

    Attributes:
      name: of the workflow.
      root: folder of all results.
      json: print JSON.
    """

    name: tyro.conf.Positional[str]
    root: Path = DEFAULT_ROOT
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
