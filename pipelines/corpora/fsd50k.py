"""FSD50K: 51,197 sounds of Freesound with all of their labels out of 200 classes of the AudioSet ontology."""

import json
from pathlib import Path

from pipelines.clip import Clip, Listed
from pipelines.config import PrepareConfig
from pipelines.corpora.tables import read_table
from pipelines.corpora.tree import Tree, locate

LICENCE = "CC BY 4.0; single clips CC0, CC BY, CC BY-NC or Sampling+"
CITATION = "E. Fonseca et al., FSD50K: an Open Dataset of Human-Labeled Sound Events, IEEE/ACM TASLP 2022"
SOURCE_PAGE = "zenodo.org/record/4060432: the split zips (joined by `zip -s 0`) of dev and eval audio, and ground truth"

_TRUTH = "FSD50K.ground_truth"
_SPLITS = {"train": "train", "val": "validation"}


def list_clips(source: Path, _config: PrepareConfig) -> Listed:
    """The official splits: `train` and `val` of the development set, and the evaluation set tests.

    Every label of a clip, which has the ancestors in the ontology already. Group: the uploader, where the folder
    `FSD50K.metadata` says who, else the clip.
    """
    folder = locate(source, f"{_TRUTH}/vocabulary.csv")
    if folder is None:
        raise ValueError(
            f"FSD50K is a folder with `{_TRUTH}/` (dev.csv, eval.csv, vocabulary.csv), `FSD50K.dev_audio/` and "
            f"`FSD50K.eval_audio/`, as its zips unpack. Received: {source}, which holds none. Give its folder as "
            "`--source`."
        )
    tree = Tree(folder)
    tree.use(*tree.files(rf"{_TRUTH}/.*"), *tree.files(r"FSD50K\.(metadata|doc)/.*"))
    vocabulary = read_table(folder / _TRUTH / "vocabulary.csv", ("index", "label", "mid"), header=False)
    labels = tuple(row["label"] for row in vocabulary)
    dev = _clips(tree, "dev", ("fname", "labels", "split"), labels)
    return tree.listed(dev + _clips(tree, "eval", ("fname", "labels"), labels), labels=labels)


def _clips(tree: Tree, part: str, columns: tuple[str, ...], vocabulary: tuple[str, ...]) -> list[Clip]:
    uploaders, known, clips = _uploaders(tree.folder, part), set(vocabulary), []
    for row in read_table(tree.folder / _TRUTH / f"{part}.csv", columns):
        labels = tuple(sorted(set(row["labels"].split(","))))
        split = "test" if part == "eval" else _SPLITS.get(row["split"])
        if split is None or not known.issuperset(labels):
            raise ValueError(f"{part}.csv has splits train, val and labels of vocabulary.csv. Received: {row}.")
        clips.append(
            tree.clip(
                f"FSD50K.{part}_audio/{row['fname']}.wav",
                clip_id=f"{part}/{row['fname']}",
                labels=labels,
                split=split,
                group=uploaders.get(row["fname"], f"freesound:{row['fname']}"),
            )
        )
    return clips


def _uploaders(folder: Path, part: str) -> dict[str, str]:
    path = folder / "FSD50K.metadata" / f"{part}_clips_info_FSD50K.json"
    if not path.is_file():
        return {}
    try:
        return {name: f"uploader:{info['uploader']}" for name, info in json.loads(path.read_bytes()).items()}
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise ValueError(f"{path.name} says the uploader of each clip. Received: {path}: {error!r}.") from None
