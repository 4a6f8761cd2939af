"""Speech Commands v1 and v2: one-second words by thousands of speakers, as all words or as 12 classes."""

import hashlib
import math
from pathlib import Path

from pipelines.clip import Clip, Listed
from pipelines.config import PrepareConfig
from pipelines.corpora.tables import read_lines
from pipelines.corpora.tree import Tree, locate

LICENCE = "CC BY 4.0"
CITATION = "P. Warden, Speech Commands: A Dataset for Limited-Vocabulary Speech Recognition, arXiv:1804.03209, 2018"
SOURCE_PAGE = "download.tensorflow.org/data: speech_commands_v0.02.tar.gz and speech_commands_test_set_v0.02.tar.gz"

COMMANDS = ("down", "go", "left", "no", "off", "on", "right", "stop", "up", "yes")
OTHER_WORDS = (
    *("backward", "bed", "bird", "cat", "dog", "eight", "five", "follow", "forward", "four", "happy", "house", "learn"),
    *("marvin", "nine", "one", "seven", "sheila", "six", "three", "tree", "two", "visual", "wow", "zero"),
)
SILENCE, UNKNOWN, NOISE = "_silence_", "_unknown_", "_background_noise_"

_LISTS = {"validation": "validation_list.txt", "test": "testing_list.txt"}
_NO_TEST_SET = (
    "The test-set archive of the 12 classes is not in the source folder: the clips of the testing list test, without "
    "silence, which is not what others report."
)
_VALIDATION_NOISE = "running_tap"
_HEADER_BYTES, _BYTES_PER_S = 44, 32_000  # of the six noise files: 16 kHz, mono, 16 bit
_PIECE_S, _HOP_S = 1.0, 0.5


def list_clips(source: Path, config: PrepareConfig) -> Listed:
    """The official lists say who validates and tests; where one is absent, the official hash of the speaker does.

    Group: the speaker. With 12 classes, silence is cut from the background noise as TensorFlow Datasets does: a
    second every half second, while it ends before the file does, its length taken from its size; `running_tap`
    validates, the others train. The separate test-set archive tests, and the clips of the testing list are ignored;
    without that archive the testing list tests, and there is no silence in the test split.
    """
    main = locate(source, *_LISTS.values(), NOISE, "bed")
    if main is None:
        raise ValueError(
            "Speech Commands is a folder of words, as its tar unpacks: `bed/`, ..., `zero/`, `_background_noise_/`, "
            "`validation_list.txt`, `testing_list.txt`; for 12 classes the test-set archive is unpacked into a folder "
            f"of its own beside it. Received: {source}, which holds none. Give the folder of both as `--source`."
        )
    tree = Tree(source)
    below = "" if main == source else f"{main.name}/"
    test_set = _test_set(source) if config.speech_commands.classes == "12" else None
    words = _Words(tree, below, main, twelve=config.speech_commands.classes == "12")
    clips = words.clips(without_test=test_set is not None)
    if config.speech_commands.classes == "words":
        return tree.listed(clips)
    clips += _silence(tree, below)
    if test_set is None:
        return tree.listed(clips, notes=[_NO_TEST_SET])
    return tree.listed(clips + _tested(tree, test_set))


def hashed_split(speaker: str) -> str:
    """The split of all clips of a speaker (the file's name before `_nohash_`) by the corpus's own rule."""
    number = int(hashlib.sha1(speaker.encode("utf-8", "surrogateescape")).hexdigest(), 16)  # noqa: S324 - their rule
    percent = (number % 2**27) * (100.0 / (2**27 - 1))
    return "validation" if percent < 10 else "test" if percent < 20 else "train"


class _Words:
    """The folders of words, and which split each of their files is in."""

    def __init__(self, tree: Tree, below: str, main: Path, *, twelve: bool) -> None:
        self._tree, self._below, self._twelve = tree, below, twelve
        self._listed: dict[str, str] = {}
        self._is_listed = {split: (main / name).is_file() for split, name in _LISTS.items()}
        for split, name in _LISTS.items():
            for path in read_lines(main / name) if self._is_listed[split] else ():
                self._add(path, split, name)
            tree.use(f"{below}{name}")

    def _add(self, path: str, split: str, name: str) -> None:
        if path.count("/") != 1 or path.split("/", maxsplit=1)[0] not in COMMANDS + OTHER_WORDS:
            raise ValueError(f"A line of `{name}` is word/file.wav with a word of the corpus. Received: {path!r}.")
        if self._listed.setdefault(path, split) != split:
            raise ValueError(f"A clip is in one list. Received: `{path}` in both {sorted(_LISTS.values())}.")

    def clips(self, *, without_test: bool) -> list[Clip]:
        there = {
            path.removeprefix(self._below)
            for word in COMMANDS + OTHER_WORDS
            for path in self._tree.recordings(f"{self._below}{word}/")
        }
        found = {self._tree.find(f"{self._below}{path}") for path in self._listed}
        unlisted = {path for path in there if f"{self._below}{path}" not in found}
        names = sorted(unlisted | self._listed.keys())
        return [self._clip(name) for name in names if not (without_test and self._split(name) == "test")]

    def _clip(self, name: str) -> Clip:
        word = name.split("/", maxsplit=1)[0]
        return self._tree.clip(
            f"{self._below}{name}",
            clip_id=name,
            labels=(UNKNOWN if self._twelve and word not in COMMANDS else word,),
            split=self._split(name),
            group=_speaker(name),
        )

    def _split(self, name: str) -> str:
        if name in self._listed:
            return self._listed[name]
        hashed = hashed_split(_speaker(name))
        return "train" if self._is_listed.get(hashed, False) else hashed


def _speaker(name: str) -> str:
    return name.rpartition("/")[2].partition("_nohash_")[0]


def _silence(tree: Tree, below: str) -> list[Clip]:
    pieces = []
    for path in tree.recordings(f"{below}{NOISE}/"):
        name = path.rpartition("/")[2].partition(".")[0]
        for index in range(_count_pieces(tree.num_bytes(path))):
            start = index * _HOP_S
            pieces.append(
                tree.clip(
                    path,
                    clip_id=f"{SILENCE}/{name}-{1000 * start:06.0f}ms",
                    labels=(SILENCE,),
                    split="validation" if name == _VALIDATION_NOISE else "train",
                    group=f"{NOISE}/{name}",
                    seconds=(start, start + _PIECE_S),
                )
            )
    return pieces


def _count_pieces(num_bytes: int) -> int:
    seconds = (num_bytes - _HEADER_BYTES) / _BYTES_PER_S
    return max(0, math.ceil((seconds - _PIECE_S) / _HOP_S))


def _test_set(source: Path) -> str | None:
    """The name of the folder that holds the unpacked test-set archive."""
    found = [
        folder.name for folder in sorted(source.iterdir()) if all((folder / n).is_dir() for n in (SILENCE, UNKNOWN))
    ]
    if len(found) > 1:
        raise ValueError(f"A source folder holds one test set. Received: {source} with {found}. Keep one.")
    return found[0] if found else None


def _tested(tree: Tree, test_set: str) -> list[Clip]:
    clips = []
    for label in (*COMMANDS, SILENCE, UNKNOWN):
        for path in tree.recordings(f"{test_set}/{label}/"):
            name = path.rpartition("/")[2]
            speaker = _speaker(name.partition("_")[2] if label == UNKNOWN else name)
            clips.append(
                tree.clip(
                    path,
                    clip_id=f"test_set/{path.partition('/')[2]}",
                    labels=(label,),
                    split="test",
                    group=f"test_set/{name}" if label == SILENCE else speaker,
                )
            )
    return clips
