"""UrbanSound8K: 8,732 excerpts of at most four seconds in ten classes and ten folds, in every WAV format there is."""

from pathlib import Path

from pipelines.clip import Listed
from pipelines.config import PrepareConfig
from pipelines.corpora.tables import read_table
from pipelines.corpora.tree import Tree, locate

LICENCE = "CC BY-NC 4.0 (its README: 3.0)"
CITATION = "J. Salamon, C. Jacoby, J. P. Bello, A Dataset and Taxonomy for Urban Sound Research, ACM Multimedia 2014"
SOURCE_PAGE = "zenodo.org/record/1203745: UrbanSound8K.tar.gz"

CLASSES = (
    *("air_conditioner", "car_horn", "children_playing", "dog_bark", "drilling"),
    *("engine_idling", "gun_shot", "jackhammer", "siren", "street_music"),
)

_TABLE = "metadata/UrbanSound8K.csv"
_FOLDS = tuple(str(fold) for fold in range(1, 11))


def list_clips(source: Path, config: PrepareConfig) -> Listed:
    """The ten official folds: `urbansound8k.test_fold` tests, `urbansound8k.validation_fold` validates.

    Group: the Freesound recording, whose slices share a fold.
    """
    folder = locate(source, _TABLE)
    if folder is None:
        raise ValueError(
            f"UrbanSound8K is a folder with `{_TABLE}` and `audio/fold1/` to `audio/fold10/`, as its tar unpacks. "
            f"Received: {source}, which holds none. Give its folder as `--source`."
        )
    folds = config.urbansound8k
    roles = {str(folds.validation_fold): "validation", str(folds.test_fold): "test"}
    tree = Tree(folder)
    tree.use(_TABLE)
    clips = []
    for row in read_table(folder / _TABLE, ("slice_file_name", "fsID", "fold", "class")):
        if row["fold"] not in _FOLDS or row["class"] not in CLASSES:
            raise ValueError(f"`{_TABLE}` has folds 1 to 10 and the classes {CLASSES}. Received: {row}.")
        clips.append(
            tree.clip(
                f"audio/fold{row['fold']}/{row['slice_file_name']}",
                labels=(row["class"],),
                split=roles.get(row["fold"], "train"),
                group=f"freesound:{row['fsID']}",
            )
        )
    return tree.listed(clips)
