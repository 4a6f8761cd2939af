"""The subcommands of `leafworks` before any training: a corpus is fetched, prepared, verified, shown."""

import dataclasses
from dataclasses import dataclass, field
from pathlib import Path

import tyro

from pipelines.config import DropPolicy, PrepareConfig, PrepareRequest, SplitConfig
from pipelines.corpora.config import (
    AudioJsonConfig,
    AudioSetConfig,
    CorpusName,
    CremaDConfig,
    Dcase2018BirdsConfig,
    EscConfig,
    FolderConfig,
    FsddConfig,
    HfParquetConfig,
    LibriSpeechConfig,
    MagnaTagATuneConfig,
    NSynthConfig,
    SpeechCommandsConfig,
    SyntheticConfig,
    TfdsConfig,
    UrbanSound8KConfig,
    WebDatasetConfig,
)
from pipelines.requests import FetchRequest
from workflows.commands import text
from workflows.places import Places
from workflows.workflow import DEFAULT_ROOT


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
      beam_options: the last flag; all behind it goes to Beam as it is, e.g. --runner=FlinkRunner --parallelism=2; the
        default is its local runner.
      sample_rate: of the stored waveforms, in Hz.
      min_duration_ms: shorter clips are rejected.
      silence_db: clips that stay below this peak level, in dB re full scale, are rejected.
      clips_per_shard: a shard is the unit of work and of resume; None: 100 to 200 MB, or smaller ones, at least 16.
      drop: copies of the same recording that are not kept: nothing; across-splits (test keeps it before validation
        before train); or all but one.
      drop_near: near duplicates too: re-encoded, louder, resampled, shifted.
      split: shares where a corpus has no official split.
      max_clips_per_split: so many clips of each split, chosen by a stable hash of their ids, to try something out.
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
    beam_options: tyro.conf.UseAppendAction[tuple[str, ...]] = ()
    sample_rate: int = PrepareConfig.sample_rate
    min_duration_ms: float = PrepareConfig.min_duration_ms
    silence_db: float = PrepareConfig.silence_db
    clips_per_shard: int | None = PrepareConfig.clips_per_shard
    drop: DropPolicy = PrepareConfig.drop
    drop_near: bool = PrepareConfig.drop_near
    split: SplitConfig = field(default_factory=SplitConfig)
    max_clips_per_split: int | None = PrepareConfig.max_clips_per_split
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
