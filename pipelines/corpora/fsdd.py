"""Free Spoken Digit Dataset: 3,000 recordings of the ten digits by six speakers."""

import re
from pathlib import Path

from pipelines.clip import Clip, Listed, Stamp, printable
from pipelines.config import PrepareConfig
from pipelines.corpora.config import FsddConfig
from pipelines.corpora.recordings import find_recordings

LICENCE = "CC BY-SA 4.0"
CITATION = "Z. Jackson et al., Free Spoken Digit Dataset, 2016, github.com/Jakobovski/free-spoken-digit-dataset"
SOURCE_PAGE = "the repository Jakobovski/free-spoken-digit-dataset on GitHub"

_NAME = re.compile(r"(?P<digit>\d)_(?P<speaker>[^_/]+)_(?P<take>\d+)\.wav", re.IGNORECASE)
_TEST_TAKES, _VALIDATION_TAKES = range(5), range(5, 10)


def list_clips(source: Path, config: PrepareConfig) -> Listed:
    """Takes 0-4 are the official test set; 5-9 of the official training set validate.

    Group: the speaker; where speakers are the labels (`fsdd.target`), the recording.
    """
    folder = source / "recordings" if (source / "recordings").is_dir() else source
    found, ignored = find_recordings(folder)
    matches = [(path, _NAME.fullmatch(path)) for path in found]
    clips = tuple(_clip(path, found[path], match, config.fsdd) for path, match in matches if match)
    if not clips:
        raise ValueError(
            "FSDD is a folder `recordings` of files named digit_speaker_take.wav, e.g. 7_george_12.wav. "
            f"Received: {source}, which holds none. Give its folder as `--source`."
        )
    others = [path for path, match in matches if not match]
    return Listed(clips=clips, folder=str(folder), ignored=tuple(sorted(map(printable, ignored + others))))


def _clip(path: str, stamp: Stamp | None, match: re.Match[str], choice: FsddConfig) -> Clip:
    take = int(match["take"])
    split = "test" if take in _TEST_TAKES else "validation" if take in _VALIDATION_TAKES else "train"
    return Clip(
        clip_id=printable(path),
        source=path,
        labels=(printable(match[choice.target]),),
        split=split,
        group=printable(match["speaker"] if choice.target == "digit" else path),
        stamp=stamp,
    )
