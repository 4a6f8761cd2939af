"""What is asked of the stages before a preparation and after it, and what they answer; stdlib only."""

import math
from dataclasses import dataclass

from pipelines.config import RejectedClip


@dataclass(frozen=True, kw_only=True)
class PreparationPlan:
    """What a preparation would do; hours, bytes to write and seconds are estimates from a decoded sample.

    Attributes:
      corpus: name of the corpus.
      snapshot: the folder `<root>/<corpus>/<key>`.
      finished: whether that folder has a card, and nothing is left to do.
      clips: split -> listed clips.
      clips_with_audio: those that have a file.
      classes: labels of the card.
      hours: of the waveforms that would be kept.
      source_bytes: of the listed files.
      output_bytes: of the whole snapshot.
      shards: over all splits; `shards_done` of them are on disk already.
      clips_per_shard: as given, or as chosen from the sizes.
      workers: as requested.
      seconds: that the workers would still take on this machine; None: nothing could be measured.
      sample: status -> clips of the sample.
      needed_bytes: that are still to be written, with 5 % to spare.
      free_bytes: on the disk of the root; `fits` says whether they suffice.
      notes: what else to know, a sentence each.
    """

    corpus: str
    snapshot: str
    finished: bool
    clips: dict[str, int]
    clips_with_audio: int
    classes: int
    hours: float
    source_bytes: int
    output_bytes: int
    shards: int
    shards_done: int
    clips_per_shard: int
    workers: int
    seconds: float | None
    sample: dict[str, int]
    needed_bytes: int
    free_bytes: int
    fits: bool
    notes: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class DuplicatesRequest:
    """Snapshots to be searched for copies, within and between them.

    Attributes:
      snapshots: their folders.
      near: look for near duplicates too, which reads every waveform.
      workers: threads.
    """

    snapshots: tuple[str, ...]
    near: bool = True
    workers: int = 2

    def __post_init__(self) -> None:
        if self.workers < 1:
            raise ValueError(f"Rule: workers >= 1. Received: {self.workers!r}.")


@dataclass(frozen=True, kw_only=True)
class Copy:
    """A clip that has copies; `snapshot` is the position of its snapshot in the request."""

    snapshot: int
    clip_id: str
    split: str
    labels: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Copies:
    """Clips of the same sound.

    Attributes:
      clips: two or more.
      exact: the stored samples are the same; otherwise some are near duplicates.
      correlation: the lowest between two of them that were found alike; 1 for exact copies.
      across_splits: a leak, if one of the splits is trained on.
      across_snapshots: in more than one of them.
      other_labels: their labels differ.
    """

    clips: tuple[Copy, ...]
    exact: bool
    correlation: float
    across_splits: bool
    across_snapshots: bool
    other_labels: bool


@dataclass(frozen=True, kw_only=True)
class Duplicates:
    """What the search found.

    Attributes:
      snapshots: folders in the request's order.
      clips: that were compared, all kept ones.
      near: whether near duplicates were looked for.
      copies: groups of the same sound; exact ones first.
    """

    snapshots: tuple[str, ...]
    clips: int
    near: bool
    copies: tuple[Copies, ...]


@dataclass(frozen=True, kw_only=True)
class DiffRequest:
    """Two snapshots to compare, by clip id; `common` receives the clips that are the same in both, as JSON."""

    before: str
    after: str
    common: str | None = None


@dataclass(frozen=True, kw_only=True)
class ChangedClip:
    """A clip of both snapshots that is not the same in them; `why` says each difference, "split: train, now test"."""

    clip_id: str
    why: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Difference:
    """Two snapshots compared.

    Attributes:
      before: the first folder; `before_id` is its snapshot id, empty without a card.
      before_id: as said.
      after: the second folder; `after_id` likewise.
      after_id: as said.
      only_before: ids of the clips that the second does not list under any name.
      only_after: ids of those that the first does not list.
      renamed: (id before, id after) of clips with the same samples that no other clip of both has.
      changed: clips of both with other samples, labels, split, group or status.
      same: listed clips that are the same in both, kept or not.
      common: kept in both with the same samples and labels: scores on these can be compared.
    """

    before: str
    before_id: str
    after: str
    after_id: str
    only_before: tuple[str, ...]
    only_after: tuple[str, ...]
    renamed: tuple[tuple[str, str], ...]
    changed: tuple[ChangedClip, ...]
    same: int
    common: int


@dataclass(frozen=True, kw_only=True)
class PageRequest:
    """A snapshot to be shown on one self-contained page.

    Attributes:
      snapshot: its folder.
      page: the HTML file to write.
      source: folder of the recordings, for pictures of rejected ones; None: of kept ones only.
    """

    snapshot: str
    page: str
    source: str | None = None


@dataclass(frozen=True, kw_only=True)
class Page:
    """The page that was written; `pictures` counts its spectrograms."""

    page: str
    pictures: int


@dataclass(frozen=True, kw_only=True)
class FetchRequest:
    """A corpus to download.

    Attributes:
      corpus: its name.
      folder: receives the recordings.
      only: names of files or archives, or patterns of them; none: all but the optional ones.
      mirror: address of a folder with the same files; None: where their owners publish them.
      unpack: whether archives are unpacked.
      retries: failures in a row after which it gives up.
      pause_s: seconds before the first retry; the next wait twice as long each.
      max_files: that one archive may hold.
      max_ratio: bytes that an archive may hold for each byte of its own.
    """

    corpus: str
    folder: str
    only: tuple[str, ...] = ()
    mirror: str | None = None
    unpack: bool = True
    retries: int = 5
    pause_s: float = 1.0
    max_files: int = 2_000_000
    max_ratio: float = 100.0

    def __post_init__(self) -> None:
        if self.mirror is not None and not self.mirror.startswith(("http://", "https://")):
            raise ValueError(f"Rule: mirror is an http or https address. Received: {self.mirror!r}.")
        if self.retries < 0 or not 0.0 <= self.pause_s < math.inf:
            raise ValueError(f"Rule: retries, pause_s >= 0. Received: {(self.retries, self.pause_s)!r}.")
        if self.max_files < 1 or not self.max_ratio >= 1.0:
            raise ValueError(f"Rule: max_files, max_ratio >= 1. Received: {(self.max_files, self.max_ratio)!r}.")


@dataclass(frozen=True, kw_only=True)
class FetchedFile:
    """A file that was fetched: its size in bytes and SHA-256.

    `checked` says whether its owner publishes a checksum, `found` whether it was there from an earlier call.
    """

    name: str
    num_bytes: int
    sha256: str
    checked: bool
    found: bool = False


@dataclass(frozen=True, kw_only=True)
class Fetched:
    """What was fetched of a corpus.

    Attributes:
      corpus: its name.
      folder: where it is.
      source: what `leafworks prepare --source` takes.
      files: in order.
      by_hand: what a program cannot fetch, and where it is; empty: nothing.
    """

    corpus: str
    folder: str
    source: str
    files: tuple[FetchedFile, ...]
    by_hand: str


@dataclass(frozen=True, kw_only=True)
class WaveformsRequest:
    """Recordings to be decoded.

    Attributes:
      recordings: files, and folders whose recordings at any depth are meant.
      sample_rate: of the waveforms, in Hz.
      folder: receives them.
    """

    recordings: tuple[str, ...]
    sample_rate: int
    folder: str


@dataclass(frozen=True, kw_only=True)
class Waveform:
    """A decoded recording.

    Attributes:
      name: its path below the folder that was given, or its file name; unique and printable.
      path: of the waveform, float32 [samples] in a `.npy` file.
      source: the recording's path as it was given, printable.
      seconds: of the waveform.
      described: what the file is, e.g. "WAV/PCM_16, 44100 Hz, 2 channels".
      note: what the user should know; empty: nothing.
    """

    name: str
    path: str
    source: str
    seconds: float
    described: str
    note: str


@dataclass(frozen=True, kw_only=True)
class Waveforms:
    """What became of the recordings; `ignored` counts other files in the folders."""

    decoded: tuple[Waveform, ...]
    rejected: tuple[RejectedClip, ...]
    ignored: int
