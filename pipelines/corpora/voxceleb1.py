"""VoxCeleb1: 153,516 utterances of 1,251 celebrities from videos, for speaker identification."""

import re
from pathlib import Path

from pipelines.clip import Listed
from pipelines.config import PrepareConfig
from pipelines.corpora.tables import read_lines
from pipelines.corpora.tree import Tree

LICENCE = "metadata CC BY 4.0; the rights in the recordings stay with the owners of the videos"
CITATION = (
    "A. Nagrani, J. S. Chung, A. Zisserman, VoxCeleb: a large-scale speaker identification dataset, Interspeech 2017"
)
SOURCE_PAGE = "www.robots.ox.ac.uk/~vgg/data/voxceleb (after registration): both wav zips, and meta/iden_split.txt"

_LIST = "iden_split.txt"
_SPLITS = {"1": "train", "2": "validation", "3": "test"}
_LINE = re.compile(r"(?P<split>[123])\s+(?P<path>(?P<speaker>id\d{5})/(?P<video>[^/]+)/[^/]+)")


def list_clips(source: Path, _config: PrepareConfig) -> Listed:
    """The identification split of `iden_split.txt`. Label: the speaker. Group: the video.

    It needs both zips: the 40 speakers that test verification are in the smaller one alone. A listed file that is
    not there is listed as missing.
    """
    tree = Tree(source, tail=3)
    lists = tree.files(rf"(.*/)?{re.escape(_LIST)}")
    recordings = tree.recordings()
    if len(lists) != 1 or not recordings:
        raise ValueError(
            f"VoxCeleb1 is a folder with one `{_LIST}` and, at any depth, the unpacked `vox1_dev_wav.zip` and "
            "`vox1_test_wav.zip`: `wav/id10001/1zcIwhmdeo4/00001.wav`. "
            f"Received: {source}, which holds {len(lists)} lists and {len(recordings)} recordings. Give its folder "
            "as `--source`."
        )
    tree.use(*lists)
    clips = []
    for line in read_lines(source / lists[0]):
        match = _LINE.fullmatch(line)
        if not match:
            raise ValueError(f"A line of `{_LIST}` is `1 id10006/nLEBBc9oIFs/00003.wav`. Received: {line!r}.")
        clips.append(
            tree.clip(
                match["path"],
                labels=(match["speaker"],),
                split=_SPLITS[match["split"]],
                group=f"{match['speaker']}/{match['video']}",
            )
        )
    return tree.listed(clips)
