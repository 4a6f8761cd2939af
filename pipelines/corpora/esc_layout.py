"""The two layouts of ESC: a table beside `audio/`, and the older one with a folder per class."""

import re
from pathlib import Path

from pipelines.clip import Clip, Listed
from pipelines.corpora.config import EscConfig
from pipelines.corpora.tables import read_table
from pipelines.corpora.tree import Tree, locate

TABLE = "meta/esc50.csv"

_PATH = re.compile(r"\d+ - (?P<name>[^/]+)/(?P<fold>[1-5])-(?P<recording>\d+)-(?P<take>[A-Z]+)(-\d+)?\.(ogg|wav)")


def list_esc(source: Path, folds: EscConfig, *, only_esc10: bool) -> Listed:
    """All clips, or those of ESC-10; none where the folder has neither layout.

    Group: the Freesound recording, all of whose clips share a fold.
    """
    folder = locate(source, TABLE)
    return _from_table(folder, folds, only_esc10=only_esc10) if folder else _from_tree(source, folds)


def _from_tree(source: Path, folds: EscConfig) -> Listed:
    tree = Tree(source)
    matches = [(path, _PATH.fullmatch(path)) for path in tree.recordings()]
    return tree.listed(
        [
            _clip(tree, path, folds, label=match["name"], fold=match["fold"], recording=match["recording"])
            for path, match in matches
            if match
        ]
    )


def _from_table(folder: Path, folds: EscConfig, *, only_esc10: bool) -> Listed:
    tree = Tree(folder)
    tree.use(TABLE)
    rows = read_table(folder / TABLE, ("filename", "fold", "category", "esc10", "src_file"))
    return tree.listed(
        [
            _clip(
                tree,
                f"audio/{row['filename']}",
                folds,
                label=row["category"],
                fold=row["fold"],
                recording=row["src_file"],
            )
            for row in rows
            if not only_esc10 or row["esc10"] == "True"
        ]
    )


def _clip(tree: Tree, path: str, folds: EscConfig, *, label: str, fold: str, recording: str) -> Clip:
    if fold not in ("1", "2", "3", "4", "5"):
        raise ValueError(f"ESC has the folds 1 to 5. Received: fold {fold!r} of {path} in {tree.folder}.")
    roles = {str(folds.validation_fold): "validation", str(folds.test_fold): "test"}
    return tree.clip(
        path,
        labels=(re.sub(r"\W+", "_", label.strip().lower()),),
        split=roles.get(fold, "train"),
        group=f"freesound:{recording}",
    )
