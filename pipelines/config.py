"""What a preparation is: everything that can change a byte of the snapshot, and nothing else."""

import math
from dataclasses import dataclass, field
from typing import Literal

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

DropPolicy = Literal["nothing", "across-splits", "all"]


@dataclass(frozen=True, kw_only=True)
class SplitConfig:
    """Shares of the splits that a corpus without official ones gets, by a stable hash of the group."""

    validation_share: float = 0.1
    test_share: float = 0.2
    seed: int = 0

    def __post_init__(self) -> None:
        shares = (self.validation_share, self.test_share)
        _require(min(shares) >= 0.0 and sum(shares) < 1.0, "shares >= 0, their sum < 1", shares)


@dataclass(frozen=True, kw_only=True)
class PrepareConfig:
    """One corpus to one snapshot.

    Attributes:
      corpus: which adapter lists the clips.
      sample_rate: of the stored waveforms, in Hz.
      min_duration_ms: shorter clips are rejected as too short (default: one 25 ms analysis window).
      silence_db: clips whose loudest sample, after removing the mean, lies below this level in dB
        re full scale are rejected as silent. -80 dB is about 3 steps of a 16-bit recording.
      clips_per_shard: target; a shard is the unit of work and of resume. None: shards of 100 to 200 MB, or
        smaller ones where that would be fewer than 16.
      drop: copies that are not kept: nothing; across-splits, so that no recording is in two splits, where test keeps
        it before validation before train; or all but one, the first id of the first of these splits.
      drop_near: near duplicates too, by fingerprint: re-encoded, louder, resampled, shifted.
      split: shares where the corpus has no official split.
      max_clips_per_split: so many clips of each split are listed, chosen by a stable hash of their ids, to try
        something out; None: all.

    The other fields are of the corpora they are named after.
    """

    corpus: CorpusName
    sample_rate: int = 16_000
    min_duration_ms: float = 25.0
    silence_db: float = -80.0
    clips_per_shard: int | None = None
    drop: DropPolicy = "nothing"
    drop_near: bool = False
    split: SplitConfig = field(default_factory=SplitConfig)
    max_clips_per_split: int | None = None
    synthetic: SyntheticConfig = field(default_factory=SyntheticConfig)
    folder: FolderConfig = field(default_factory=FolderConfig)
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

    def __post_init__(self) -> None:
        _require(1_000 <= self.sample_rate <= 384_000, "1000 <= sample_rate <= 384000 Hz", self.sample_rate)
        _require(0.0 < self.min_duration_ms < math.inf, "0 < min_duration_ms < inf", self.min_duration_ms)
        _require(-math.inf < self.silence_db < 0.0, "-inf < silence_db < 0", self.silence_db)
        _require(
            self.clips_per_shard is None or self.clips_per_shard >= 1, "clips_per_shard >= 1", self.clips_per_shard
        )
        most = self.max_clips_per_split
        _require(most is None or most >= 1, "max_clips_per_split >= 1, or None", most)
        _require(not self.drop_near or self.drop != "nothing", "drop_near with drop across-splits or all", self.drop)


@dataclass(frozen=True, kw_only=True)
class PrepareRequest:
    """A preparation and how to run it; nothing here but `config` and the recordings changes a byte.

    Attributes:
      config: what to prepare.
      source: folder of the corpus; None for a corpus that needs none.
      root: snapshots are written to `<root>/<corpus>/<key>/`.
      workers: threads of the local runner.
      max_rejected_share: a run with a larger share of rejected clips fails after finishing.
      max_missing_share: likewise of clips without a file, which are then counted apart from the rejected ones;
        None: as the corpus has it. AudioSet, which nobody has whole: 1; others: a missing clip is a rejected one.
      beam_options: passed to Beam untouched, e.g. ("--runner=FlinkRunner",).
    """

    config: PrepareConfig
    source: str | None
    root: str
    workers: int = 2
    max_rejected_share: float = 0.05
    max_missing_share: float | None = None
    beam_options: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _require(self.workers >= 1, "workers >= 1", self.workers)
        _require(0.0 <= self.max_rejected_share <= 1.0, "0 <= max_rejected_share <= 1", self.max_rejected_share)
        missing = self.max_missing_share
        _require(missing is None or 0.0 <= missing <= 1.0, "0 <= max_missing_share <= 1", missing)


@dataclass(frozen=True, kw_only=True)
class Listing:
    """What a corpus lists, counted; the answer of the listing stage.

    Attributes:
      key: hash of config and listed clips (ids, labels, splits, file sizes and times).
      snapshot: the folder `<root>/<corpus>/<key>`.
      finished: whether that folder has a card.
      clips: split -> listed clips.
      labels: class names in order.
      num_bytes: of the listed source files.
      num_shards: over all splits; `shards_done` of them are on disk already.
      ignored: names of files in the source that are not recordings, the first few.
    """

    key: str
    snapshot: str
    finished: bool
    clips: dict[str, int]
    labels: tuple[str, ...]
    num_bytes: int
    num_shards: int
    shards_done: int
    ignored: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """The answer of the preparation stage.

    Attributes:
      snapshot: the folder.
      snapshot_id: the card's.
      clips: status -> clips (kept, corrupt, silent, ...).
      shards_made: in this run; the others were there already.
      shards_found: on disk from an earlier run.
    """

    snapshot: str
    snapshot_id: str
    clips: dict[str, int]
    shards_made: int
    shards_found: int


@dataclass(frozen=True, kw_only=True)
class VerifyRequest:
    """A snapshot to read again, whole."""

    snapshot: str


@dataclass(frozen=True, kw_only=True)
class Verification:
    """What reading a snapshot again found.

    Attributes:
      snapshot: the folder.
      snapshot_id: the card's; empty where the card cannot be read.
      records: read from the shards, with both checksums of each.
      problems: a sentence each, naming the file; none means that the snapshot is what its card says.
    """

    snapshot: str
    snapshot_id: str
    records: int
    problems: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class ShowRequest:
    """A snapshot to sum up."""

    snapshot: str


@dataclass(frozen=True, kw_only=True)
class RejectedClip:
    """A listed clip without a record, and why."""

    clip_id: str
    status: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class SnapshotSummary:
    """A snapshot in numbers.

    Attributes:
      snapshot: the folder.
      snapshot_id: the card's; empty for a preparation that has not ended with a card.
      corpus: name of the corpus.
      key: hash of config and listing, the folder's name.
      sample_rate: in Hz; None without a card.
      num_bytes: of all files.
      clips: split -> kept clips.
      hours: split -> hours of stored waveforms; None without a card.
      statuses: status -> listed clips.
      labels: class names in order.
      classes: split -> label -> kept clips.
      rejected: the first of the clips that were not kept, those with a file before the missing ones.
      findings: sentences about the corpus as a whole, none where it is well.
      licence: of the corpus; empty without a card.
      note: what the reader should know first; empty for a whole snapshot.
    """

    snapshot: str
    snapshot_id: str
    corpus: str
    key: str
    sample_rate: int | None
    num_bytes: int
    clips: dict[str, int]
    hours: dict[str, float] | None
    statuses: dict[str, int]
    labels: tuple[str, ...]
    classes: dict[str, dict[str, int]]
    rejected: tuple[RejectedClip, ...]
    findings: tuple[str, ...]
    licence: str
    note: str


def _require(holds: bool, rule: str, received: object) -> None:
    if not holds:
        raise ValueError(f"Rule: {rule}. Received: {received!r}.")
