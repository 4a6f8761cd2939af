"""What can be chosen about single corpora: fields of `PrepareConfig`. Stdlib only."""

import math
from dataclasses import dataclass
from typing import Literal

CorpusName = Literal[
    "synthetic",
    "folder",
    "fsdd",
    "esc10",
    "esc50",
    "speech_commands",
    "voxceleb1",
    "librispeech",
    "nsynth",
    "crema_d",
    "voxforge",
    "tut_urban_2018",
    "dcase2018_birds",
    "urbansound8k",
    "magnatagatune",
    "fsd50k",
    "audioset",
    "panns_hdf5",
    "audio_json",
    "tfds",
    "webdataset",
    "hf_parquet",
]
AudioSetList = Literal["balanced_train", "unbalanced_train", "eval"]
LibriSpeechSubset = Literal[
    "train-clean-100",
    "train-clean-360",
    "train-other-500",
    "dev-clean",
    "dev-other",
    "test-clean",
    "test-other",
]
BirdSet = Literal["ff1010bird", "warblrb10k", "BirdVox-DCASE-20k"]


@dataclass(frozen=True, kw_only=True)
class SyntheticConfig:
    """The corpus that is made from a seed, without any file."""

    clips_per_class: int = 80
    duration_ms: float = 1000.0
    seed: int = 0

    def __post_init__(self) -> None:
        if self.clips_per_class < 1:
            raise ValueError(f"Rule: clips_per_class >= 1. Received: {self.clips_per_class!r}.")
        if not 25.0 <= self.duration_ms < math.inf:
            raise ValueError(f"Rule: 25 <= duration_ms < inf. Received: {self.duration_ms!r}.")


@dataclass(frozen=True, kw_only=True)
class FolderConfig:
    """Any folder of recordings: a class per sub-folder, or a table.

    `table` is the path of a CSV file with a header and the columns `path` (relative to the source
    folder), `label` (several are separated by `;`), and optionally `split` (train, validation, test) and
    `group`. Relative to the source folder; None: a class per sub-folder.
    """

    table: str | None = None


@dataclass(frozen=True, kw_only=True)
class AudioSetConfig:
    """AudioSet's lists and labels.

    Attributes:
      lists: which of the published lists; empty: those that are there.
      labels: classes by their display names, or by their ids ("mids").
      propagate: give clips the ancestors of their labels in the ontology, too.
    """

    lists: tuple[AudioSetList, ...] = ()
    labels: Literal["names", "mids"] = "names"
    propagate: bool = False


@dataclass(frozen=True, kw_only=True)
class FsddConfig:
    """Free Spoken Digit Dataset.

    Attributes:
      target: what the labels are: the ten digits, or the six speakers (the same takes train and test).
    """

    target: Literal["digit", "speaker"] = "digit"


@dataclass(frozen=True, kw_only=True)
class EscConfig:
    """The folds of ESC-10 and ESC-50, 1 to 5; those that neither test nor validate train.

    Attributes:
      test_fold: the fold that tests, 1 to 5.
      validation_fold: the fold that validates, 1 to 5, not the one that tests; None: no clip validates.
    """

    test_fold: int = 5
    validation_fold: int | None = 4

    def __post_init__(self) -> None:
        _check_folds(self.test_fold, self.validation_fold, count=5)


@dataclass(frozen=True, kw_only=True)
class UrbanSound8KConfig:
    """The folds of UrbanSound8K, 1 to 10; those that neither test nor validate train.

    Attributes:
      test_fold: the fold that tests, 1 to 10.
      validation_fold: the fold that validates, 1 to 10, not the one that tests; None: no clip validates.
    """

    test_fold: int = 10
    validation_fold: int | None = 9

    def __post_init__(self) -> None:
        _check_folds(self.test_fold, self.validation_fold, count=10)


@dataclass(frozen=True, kw_only=True)
class SpeechCommandsConfig:
    """Speech Commands v1 or v2, whichever the source folder holds.

    Attributes:
      classes: "words": every word is a class, 35 in v2 and 30 in v1; "12": ten commands, `_unknown_` for the other
        words, and `_silence_` for pieces of the background noise, tested on the separate test-set archive.
    """

    classes: Literal["words", "12"] = "words"


@dataclass(frozen=True, kw_only=True)
class LibriSpeechConfig:
    """LibriSpeech for speaker identification inside one subset, whose speakers are in no other.

    Attributes:
      subset: the folder that is used.
      group: what is never divided over splits. "chapter": a reading session, so that a speaker is tested on a
        session that was not trained on; a speaker with one chapter only trains. "utterance": every speaker is in
        every split, and so are their sessions, which makes the task easier.
    """

    subset: LibriSpeechSubset = "train-clean-100"
    group: Literal["chapter", "utterance"] = "chapter"


@dataclass(frozen=True, kw_only=True)
class NSynthConfig:
    """NSynth.

    Attributes:
      target: what the labels are: the 11 families of instruments, or the pitch as a MIDI note number.
      pitches: the classes of the pitch task: "midi", all 128 note numbers 0 to 127; "piano", the 88 from 21 to 108,
        without the notes beyond them.
    """

    target: Literal["instrument", "pitch"] = "instrument"
    pitches: Literal["midi", "piano"] = "midi"


@dataclass(frozen=True, kw_only=True)
class CremaDConfig:
    """CREMA-D, which has no official split.

    Attributes:
      split: which of the two in use, both by actor: "tfds", of TensorFlow Datasets 1.0.0 (63, 9 and 19 actors;
        5,144, 738 and 1,556 clips); "evar", of the EVAR benchmark (63, 9, 19; 5,155, 732, 1,551). Both leave out
        the same four clips.
    """

    split: Literal["tfds", "evar"] = "tfds"


@dataclass(frozen=True, kw_only=True)
class Dcase2018BirdsConfig:
    """Bird audio detection, DCASE 2018 task 3.

    Attributes:
      sets: which of the three development sets are used.
      test_set: the set that tests as a whole, while the others train; None: a tenth of the clips tests, chosen by a
        stable hash of each clip's id.
    """

    sets: tuple[BirdSet, ...] = ("ff1010bird", "warblrb10k", "BirdVox-DCASE-20k")
    test_set: BirdSet | None = None

    def __post_init__(self) -> None:
        if not self.sets or len(set(self.sets)) != len(self.sets):
            raise ValueError(f"Rule: one to three sets, each once. Received: {self.sets!r}.")
        if self.test_set is not None and (self.test_set not in self.sets or len(self.sets) == 1):
            raise ValueError(f"Rule: test_set is one of several sets {self.sets!r}. Received: {self.test_set!r}.")


@dataclass(frozen=True, kw_only=True)
class MagnaTagATuneConfig:
    """The tags of MagnaTagATune that are classes.

    Attributes:
      num_tags: as many of the most frequent tags are classes, 1 to 188.
      merge_synonyms: count and use tags that mean the same (e.g. `no vocal` and `no vocals`) as one. Papers differ:
        the 50 most frequent are other tags with it than without.
      untagged: clips that have none of these tags. "leave_out": they are not listed, and about 15,247, 1,529 and
        4,332 clips are; "keep": they are clips without a label, for training with several labels only, and about
        18,706, 1,825 and 5,329 are listed.
    """

    num_tags: int = 50
    merge_synonyms: bool = False
    untagged: Literal["leave_out", "keep"] = "leave_out"

    def __post_init__(self) -> None:
        if not 1 <= self.num_tags <= 188:
            raise ValueError(f"Rule: 1 <= num_tags <= 188. Received: {self.num_tags!r}.")


@dataclass(frozen=True, kw_only=True)
class AudioJsonConfig:
    """Lists of AST and PSLA.

    Attributes:
      root: the folder on the machine of the lists that is the source folder here; None: paths are found by their end.
    """

    root: str | None = None


@dataclass(frozen=True, kw_only=True)
class TfdsConfig:
    """A data set of TensorFlow Datasets.

    Attributes:
      label: the feature with the class, or the sequence of classes; None: the only one, or `label`.
      group: the feature whose clips belong in one split; None: `group`, `speaker_id` or `speaker`, if there is one.
    """

    label: str | None = None
    group: str | None = None


@dataclass(frozen=True, kw_only=True)
class WebDatasetConfig:
    """Tar files of WebDataset.

    Attributes:
      label: the key of a sample's JSON that has its labels; None: labels, label, tags, tag, classes or class.
    """

    label: str | None = None


@dataclass(frozen=True, kw_only=True)
class HfParquetConfig:
    """Parquet files of Hugging Face.

    Attributes:
      label: the column with the classes; None: human_labels, labels or label.
      group: the column whose clips belong in one split; None: each clip is its own.
    """

    label: str | None = None
    group: str | None = None


def _check_folds(test_fold: int, validation_fold: int | None, *, count: int) -> None:
    for name, fold in (("test_fold", test_fold), ("validation_fold", validation_fold)):
        if fold is not None and not 1 <= fold <= count:
            raise ValueError(f"Rule: 1 <= {name} <= {count}. Received: {fold!r}.")
    if test_fold == validation_fold:
        raise ValueError(f"Rule: one fold tests and another validates. Received: {test_fold!r} for both.")
