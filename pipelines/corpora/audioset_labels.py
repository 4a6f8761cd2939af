"""The classes of AudioSet: ids ("mids") in the lists, display names for people, one order for all.

The order is that of `class_labels_indices.csv`, for all 527, whether or not a clip has the class: a position in the
card's labels is the index that everybody's 527 scores have. Card and ledger call a class by its display name, or by its
mid with `labels="mids"`; `stats.json` has both, with the counts of the quality assessment. A mid that the file does not
know comes after the 527, so that no index moves. Without the file the order is that of the mids.

Propagation (`propagate`) adds to a clip's labels their ancestors in the ontology, which is no tree: all parents of a
class, and theirs. Only classes of the file are added, and none that the ontology calls abstract (never a label) or
blacklisted (taken from the raters as misleading); the way up leads through them. Labels that a list gives always stay.
"""

import functools
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pipelines.clip import printable
from pipelines.corpora.config import AudioSetConfig
from pipelines.corpora.tables import read_table

_FOLDERS = ("", "metadata", "csv", "qa", "ontology")
CLASSES, ONTOLOGY, QUALITY = "class_labels_indices.csv", "ontology.json", "qa_true_counts.csv"


def find_table(source: Path, name: str) -> Path | None:
    """The file called `name` in the source folder or one of the folders where lists are kept."""
    return next((path for folder in _FOLDERS if (path := source / folder / name).is_file()), None)


class Classes:
    """What is known about the classes, and the labels of a clip by their name here.

    Attributes:
      paths: the files that were read.
      notes: what a reader should know about them, a sentence each.
    """

    def __init__(self, names: dict[str, str], *, by_mid: bool) -> None:
        self.paths: list[Path] = []
        self.notes: list[str] = []
        self.quality: dict[str, tuple[int, int]] = {}
        self.ancestors: dict[str, tuple[str, ...]] = {}
        self.other_names: dict[str, str] = {}
        self._names = names
        self._by_mid = by_mid
        self._placed = {mid: (index, self._called(mid)) for index, mid in enumerate(names)}
        self._unknown: set[str] = set()
        self.labels_of = functools.lru_cache(2**16)(self._labels_of)

    @property
    def labels(self) -> tuple[str, ...]:
        """All classes in order."""
        return tuple(map(self._called, self._order()))

    def table(self) -> list[dict[str, Any]]:
        """Index, mid, name and quality counts of every class; None where no one rated it."""
        rows = []
        for index, mid in enumerate(self._order()):
            rated, true = self.quality.get(mid, (None, None))
            name = self._names.get(mid) or self.other_names.get(mid)
            rows.append({"index": index, "mid": mid, "name": name, "num_rated": rated, "num_true": true})
        return rows

    def _order(self) -> list[str]:
        return [*self._names, *sorted(self._unknown)]

    def _called(self, mid: str) -> str:
        return printable(mid if self._by_mid else self._names.get(mid) or self.other_names.get(mid, mid))

    def _labels_of(self, written: str) -> tuple[str, ...]:
        """The labels of a clip, in the order of the classes, from the field of a list."""
        mids = {mid for part in written.split(",") if (mid := part.strip(" \t\"'"))}
        if self.ancestors:
            mids |= {ancestor for mid in mids for ancestor in self.ancestors.get(mid, ())}
        try:
            placed = [self._placed[mid] for mid in mids]
        except KeyError:
            placed = [self._placed.get(mid) or self._place_unknown(mid) for mid in mids]
        return tuple([name for _, name in sorted(placed)])

    def _place_unknown(self, mid: str) -> tuple[int, str]:
        self._unknown.add(mid)
        return len(self._names), self._called(mid)


def read_classes(source: Path, config: AudioSetConfig) -> Classes:
    """Reads the class file, the ontology and the quality counts, those that are there.

    Raises:
      ValueError: a file that is not what its name says, or propagation without ontology and classes.
    """
    class_path, ontology_path, quality_path = (find_table(source, name) for name in (CLASSES, ONTOLOGY, QUALITY))
    if config.propagate and not (class_path and ontology_path):
        raise ValueError(
            f"Propagation needs `{ONTOLOGY}` and `{CLASSES}`. Received: {source}, which lacks one of them. "
            "Put them beside the lists."
        )
    names = _column(class_path, "mid", "display_name") if class_path else {}
    classes = Classes({mid: name for mid, (name,) in names.items()}, by_mid=config.labels == "mids")
    classes.paths = [path for path in (class_path, ontology_path, quality_path) if path]
    if not names:
        classes.notes.append(f"there is no {CLASSES}: the labels are in the order of their mids")
    if ontology_path:
        nodes = _nodes(ontology_path)
        classes.other_names = {mid: node["name"] for mid, node in nodes.items()}
        if config.propagate:
            classes.ancestors = _ancestors(nodes, names.keys())
    if quality_path:
        counts = _column(quality_path, "label_id", "num_rated", "num_true")
        classes.quality = {mid: (int(rated), int(true)) for mid, (rated, true) in counts.items()}
    return classes


def _column(path: Path, key: str, *names: str) -> dict[str, tuple[str, ...]]:
    return {row[key]: tuple(row[name] for name in names) for row in read_table(path, (key, *names))}


def _nodes(path: Path) -> dict[str, dict[str, Any]]:
    try:
        return {
            node["id"]: {"name": node["name"], "children": node["child_ids"], "restricted": bool(node["restrictions"])}
            for node in json.loads(path.read_text(encoding="utf-8"))
        }
    except (ValueError, LookupError, TypeError) as error:
        raise ValueError(f"{path}: it is the ontology as published. Received: {error!r}.") from None


def _ancestors(nodes: dict[str, dict[str, Any]], classes: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Of every node, the classes above it that may be labels."""
    may_be_added = {mid for mid in classes if mid in nodes and not nodes[mid]["restricted"]}
    parents: dict[str, set[str]] = {}
    for mid, node in nodes.items():
        for child in node["children"]:
            parents.setdefault(child, set()).add(mid)
    found: dict[str, tuple[str, ...]] = {}
    for mid in nodes:
        above: set[str] = set()
        waiting = list(parents.get(mid, ()))
        while waiting:
            parent = waiting.pop()
            if parent not in above:
                above.add(parent)
                waiting += parents.get(parent, ())
        found[mid] = tuple(sorted(above & may_be_added))
    return found
