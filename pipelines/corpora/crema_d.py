"""CREMA-D: twelve sentences that 91 actors speak in six emotions."""

import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np

from pipelines.clip import Listed
from pipelines.config import PrepareConfig
from pipelines.corpora.tree import Tree, locate

LICENCE = "ODbL 1.0, its contents DbCL 1.0"
CITATION = (
    "H. Cao et al., CREMA-D: Crowd-Sourced Emotional Multimodal Actors Dataset, IEEE Trans. Affective Computing 2014"
)
SOURCE_PAGE = "the repository CheyneyComputerScience/CREMA-D on GitHub, cloned with Git LFS"

EMOTIONS = ("ANG", "DIS", "FEA", "HAP", "NEU", "SAD")
ACTORS = tuple(str(number) for number in range(1001, 1092))

_FOLDER = "AudioWAV"
_NAME = re.compile(rf"(?P<actor>\d{{4}})_[A-Z]{{3}}_(?P<emotion>{'|'.join(EMOTIONS)})_(LO|MD|HI|XX|X)\.\w+")
_TRAIN, _VALIDATION = 63, 9  # actors; the other 19 test
# Thought to be missing when TensorFlow Datasets and EVAR made their lists; both splits are without them.
_LEFT_OUT = ("1006_TIE_NEU", "1013_WSI_DIS", "1017_IWW_FEA", "1040_ITH_SAD")
_EVAR_VALIDATION = ("1009", "1011", "1022", "1034", "1039", "1047", "1066", "1070", "1082")
_EVAR_TEST = (
    *("1001", "1004", "1017", "1019", "1020", "1025", "1026", "1029", "1033", "1035"),
    *("1042", "1044", "1050", "1053", "1056", "1058", "1060", "1069", "1083"),
)


def list_clips(source: Path, config: PrepareConfig) -> Listed:
    """Label: the emotion that was acted, which the name says; what listeners heard differs often. Group: the actor.

    There is no official split; `crema_d.split` names one of the two in use. Clones without Git LFS hold pointers of
    130 bytes, which decoding rejects by their content.
    """
    folder = locate(source, _FOLDER) or source
    below = f"{_FOLDER}/" if (folder / _FOLDER).is_dir() else ""
    tree = Tree(folder)
    matches = [(path, _NAME.fullmatch(path.removeprefix(below))) for path in tree.recordings(below)]
    split_of = _tfds() if config.crema_d.split == "tfds" else _evar()
    clips = [
        tree.clip(
            path,
            clip_id=path.removeprefix(below),
            labels=(match["emotion"],),
            split=split_of[match["actor"]],
            group=match["actor"],
        )
        for path, match in matches
        if match and match["actor"] in split_of and not match[0].startswith(_LEFT_OUT)
    ]
    if not clips:
        raise ValueError(
            "CREMA-D is a folder `AudioWAV` of files named actor_sentence_emotion_level.wav, e.g. 1001_DFA_ANG_XX.wav. "
            f"Received: {source}, which holds none. Give its folder as `--source`."
        )
    return tree.listed(clips)


@cache
def _tfds() -> dict[str, str]:
    """Shuffled as TensorFlow Datasets does: over all 91 actors, so that a part of the corpus is split alike."""
    actors = list(ACTORS)
    np.random.RandomState(0).shuffle(actors)
    return _split(actors[_TRAIN : _TRAIN + _VALIDATION], actors[_TRAIN + _VALIDATION :])


@cache
def _evar() -> dict[str, str]:
    return _split(_EVAR_VALIDATION, _EVAR_TEST)


def _split(validation: Sequence[str], test: Sequence[str]) -> dict[str, str]:
    named = dict.fromkeys(validation, "validation") | dict.fromkeys(test, "test")
    return {actor: named.get(actor, "train") for actor in ACTORS}
