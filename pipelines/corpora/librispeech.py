"""LibriSpeech: read books; here for identifying the speakers of one subset."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pipelines.clip import Clip, Listed
from pipelines.config import PrepareConfig, SplitConfig
from pipelines.corpora.tables import read_lines
from pipelines.corpora.tree import Tree, locate

LICENCE = "CC BY 4.0"
CITATION = "V. Panayotov et al., Librispeech: an ASR corpus based on public domain audio books, ICASSP 2015"
SOURCE_PAGE = "openslr.org/12: one of its seven archives, e.g. train-clean-100.tar.gz"

_SPEAKERS = "SPEAKERS.TXT"


@dataclass(frozen=True, kw_only=True)
class Speaker:
    """A row of `SPEAKERS.TXT`; `minutes` of the subset's recordings are theirs."""

    speaker_id: str
    sex: str
    subset: str
    minutes: float
    name: str


def list_clips(source: Path, config: PrepareConfig) -> Listed:
    """A split of our own inside one subset, because the official ones share no speaker. Label: the speaker's number.

    The groups of each speaker (`librispeech.group`) are put in the order of a stable hash and dealt: as many as
    `split.test_share` of them test, at least one if there are two, `split.validation_share` validate, at least one
    if there are three, the others train. The transcripts say which utterances there should be; one without its file
    is listed as missing. Speakers that `SPEAKERS.TXT` does not have in this subset are ignored.
    """
    subset = config.librispeech.subset
    folder = locate(source, subset) or source
    tree = Tree(folder)
    tree.use(*tree.files(r"[A-Z]+\.TXT"))
    speakers = read_speakers(folder / _SPEAKERS) if (folder / _SPEAKERS).is_file() else None
    known = None if speakers is None else {each.speaker_id for each in speakers if each.subset == subset}
    groups: dict[str, dict[str, list[str]]] = {}
    for path in _utterances(tree, subset):
        _, speaker, chapter, name = path.split("/")
        if known is None or speaker in known:
            group = f"{speaker}/{chapter}" + (f"/{name}" if config.librispeech.group == "utterance" else "")
            groups.setdefault(speaker, {}).setdefault(group, []).append(path)
    if not groups:
        raise ValueError(
            f"LibriSpeech is a folder `LibriSpeech/{subset}/SPEAKER/CHAPTER/SPEAKER-CHAPTER-0000.flac`, as an archive "
            f"unpacks; `--librispeech.subset` names another. Received: {source}, which holds none. Give its folder "
            "as `--source`."
        )
    return tree.listed([clip for speaker in groups for clip in _deal(tree, speaker, groups[speaker], config.split)])


def read_speakers(path: Path) -> list[Speaker]:
    """Reads `SPEAKERS.TXT`: `14   | F | train-clean-360  | 25.03 | Kristin LeMoine`, comments begin with `;`.

    A name may hold the separator: that of speaker 60 is `|CBW|Simon`.

    Raises:
      ValueError: a line of another form.
    """
    return [_speaker(line, path) for line in read_lines(path) if not line.startswith(";")]


def _speaker(line: str, path: Path) -> Speaker:
    try:
        number, sex, subset, minutes, name = (value.strip() for value in line.split("|", 4))
        return Speaker(speaker_id=number, sex=sex, subset=subset, minutes=float(minutes), name=name)
    except ValueError:
        raise ValueError(f"A line of {path} is `ID | SEX | SUBSET | MINUTES | NAME`. Received: {line!r}.") from None


def _utterances(tree: Tree, subset: str) -> list[str]:
    """Paths of the files that the transcripts name, and of those in chapters without a transcript."""
    transcripts = tree.files(rf"{subset}/\d+/\d+/\d+-\d+\.trans\.txt")
    tree.use(*transcripts)
    listed = {path for transcript in transcripts for path in _transcribed(tree.folder, transcript)}
    chapters = {path.rpartition("/")[0] for path in transcripts}
    there = {
        path
        for path in tree.recordings(f"{subset}/")
        if path.count("/") == 3 and path.rpartition("/")[0] not in chapters
    }
    return sorted(listed | there)


def _transcribed(folder: Path, transcript: str) -> Iterator[str]:
    chapter = transcript.rpartition("/")[0]
    for line in read_lines(folder / transcript):
        yield f"{chapter}/{line.split(maxsplit=1)[0]}.flac"


def _deal(tree: Tree, speaker: str, groups: dict[str, list[str]], config: SplitConfig) -> Iterator[Clip]:
    ordered = sorted(groups, key=lambda group: hashlib.sha256(f"{config.seed}:{group}".encode()).digest())
    test = _share(len(ordered), config.test_share, at_least_one=len(ordered) > 1)
    validation = _share(len(ordered), config.validation_share, at_least_one=len(ordered) > 2)
    for position, group in enumerate(ordered):
        split = "test" if position < test else "validation" if position < test + validation else "train"
        for path in groups[group]:
            yield tree.clip(path, labels=(speaker,), split=split, group=group)


def _share(count: int, share: float, *, at_least_one: bool) -> int:
    return max(round(count * share), 1 if at_least_one and share > 0.0 else 0)
