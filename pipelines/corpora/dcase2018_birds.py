"""Bird audio detection (DCASE 2018, task 3): is there a bird in these ten seconds, in three very different sets."""

from pathlib import Path

from pipelines.clip import Listed
from pipelines.config import PrepareConfig
from pipelines.corpora.config import Dcase2018BirdsConfig
from pipelines.corpora.tables import Row, read_table
from pipelines.corpora.tree import Tree
from pipelines.splits import held_out

LICENCE = "CC BY 4.0"
CITATION = "D. Stowell et al., Automatic acoustic detection of birds through deep learning, Methods Ecol. Evol. 2019"
SOURCE_PAGE = "dcase.community/challenge2018/task-bird-audio-detection: three audio zips and their CSV files"

LABELS = {"0": "no_bird", "1": "bird"}

_COLUMNS = ("itemid", "datasetid", "hasbird")
_TEST_SHARE = 0.1


def list_clips(source: Path, config: PrepareConfig) -> Listed:
    """A tenth of the clips tests and, of the others, `split.validation_share` validate, by stable hashes of their ids.

    There is no official split, and nothing says which clips are from one recorder; a tenth is what the LEAF paper
    appears to have used. With `dcase2018_birds.test_set` a whole set tests. Group: the set.
    """
    choice = config.dcase2018_birds
    tree = Tree(source, tail=1)
    rows = [row for path in tree.files(r".*\.csv") for row in _rows(tree, path)]
    found = {row["datasetid"] for row in rows}
    missing = [name for name in choice.sets if name not in found]
    if missing:
        raise ValueError(
            "Bird audio detection is a folder with three CSV files (itemid,datasetid,hasbird) and, at any depth, what "
            "`ff1010bird_wav.zip`, `warblrb10k_public_wav.zip` and `BirdVox-DCASE-20k.zip` unpack to. "
            f"Received: {source}, which holds none of {missing}. Give its folder as `--source`, or name the sets that "
            "are there with `--dcase2018-birds.sets`."
        )
    clips = [
        tree.clip(
            f"{row['itemid']}.wav",
            clip_id=f"{row['datasetid']}/{row['itemid']}",
            labels=(LABELS[row["hasbird"]],),
            split=_split(row, choice, config),
            group=row["datasetid"],
        )
        for row in rows
        if row["datasetid"] in choice.sets
    ]
    return tree.listed(clips)


def _rows(tree: Tree, path: str) -> list[Row]:
    with (tree.folder / path).open(encoding="utf-8-sig", errors="replace") as stream:
        if not stream.readline().startswith(_COLUMNS[0]):
            return []
    tree.use(path)
    rows = read_table(tree.folder / path, _COLUMNS)
    for row in rows:
        if row["hasbird"] not in LABELS:
            raise ValueError(f"In {path}, hasbird is 0 or 1. Received: {row}.")
    return rows


def _split(row: Row, choice: Dcase2018BirdsConfig, config: PrepareConfig) -> str:
    clip_id, share, seed = f"{row['datasetid']}/{row['itemid']}", config.split.validation_share, config.split.seed
    tests = row["datasetid"] == choice.test_set if choice.test_set else held_out(clip_id, share=_TEST_SHARE, seed=seed)
    if tests:
        return "test"
    return "validation" if held_out(f"validation:{clip_id}", share=share, seed=seed) else "train"
