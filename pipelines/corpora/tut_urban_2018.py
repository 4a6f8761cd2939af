"""TUT Urban Acoustic Scenes 2018 (DCASE 2018, task 1A): ten scenes in six European cities."""

from pathlib import Path

from pipelines.clip import Listed
from pipelines.config import PrepareConfig
from pipelines.corpora.tables import read_table
from pipelines.corpora.tree import Tree, locate
from pipelines.splits import held_out

LICENCE = "academic and other non-commercial use, by the licence of Tampere University"
CITATION = (
    "A. Mesaros, T. Heittola, T. Virtanen, A multi-device dataset for urban acoustic scene classification, DCASE 2018"
)
SOURCE_PAGE = "zenodo.org/record/1228142: the audio zips and the meta zip"

SCENES = (
    *("airport", "bus", "metro", "metro_station", "park"),
    *("public_square", "shopping_mall", "street_pedestrian", "street_traffic", "tram"),
)

_META, _TRAIN, _TEST = "meta.csv", "evaluation_setup/fold1_train.txt", "evaluation_setup/fold1_test.txt"


def list_clips(source: Path, config: PrepareConfig) -> Listed:
    """The only official fold, which keeps locations apart: its test list tests, its training list trains.

    It has no validation list: of the locations that train, `split.validation_share` validate, by a stable hash.
    Group: the location, e.g. `barcelona-0`.
    """
    folder = locate(source, _TRAIN)
    if folder is None:
        raise ValueError(
            "TUT Urban Acoustic Scenes 2018 is the folder `TUT-urban-acoustic-scenes-2018-development` with `audio/`, "
            f"`{_META}` and `{_TRAIN}`, as its zips unpack into one place. Received: {source}, which holds none. "
            "Give its folder as `--source`."
        )
    tree = Tree(folder)
    tree.use(_META, *tree.files("evaluation_setup/.*"))
    rows = read_table(folder / _META, ("filename", "scene_label", "identifier"), delimiter="\t")
    meta = {row["filename"]: row for row in rows}
    train = [row["path"] for row in read_table(folder / _TRAIN, ("path", "label"), delimiter="\t", header=False)]
    test = [row["path"] for row in read_table(folder / _TEST, ("path",), delimiter="\t", header=False)]
    unknown = [path for path in train + test if path not in meta or meta[path]["scene_label"] not in SCENES]
    if unknown:
        raise ValueError(
            f"`{_META}` says the scene of every listed clip. Received: {unknown[:3]}, without one of {SCENES}."
        )
    in_test = set(test)
    clips = []
    for path in train + test:
        location = meta[path]["identifier"]
        validates = held_out(location, share=config.split.validation_share, seed=config.split.seed)
        clips.append(
            tree.clip(
                path,
                labels=(meta[path]["scene_label"],),
                split="test" if path in in_test else "validation" if validates else "train",
                group=location,
            )
        )
    return tree.listed(clips)
