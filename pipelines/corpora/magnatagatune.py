"""MagnaTagATune: 25,863 clips of music, each half a minute, with the tags that players of a game agreed on."""

import collections
import re
from pathlib import Path

from pipelines.clip import Listed
from pipelines.config import PrepareConfig
from pipelines.corpora.config import MagnaTagATuneConfig
from pipelines.corpora.tables import Row, read_table
from pipelines.corpora.tree import Tree, locate

LICENCE = "CC BY-NC-SA 3.0"
CITATION = "E. Law et al., Evaluation of Algorithms Using Games: The Case of Music Tagging, ISMIR 2009"
SOURCE_PAGE = (
    "mirg.city.ac.uk/codeapps/the-magnatagatune-dataset: mp3.zip.001 to .003 (joined) and annotations_final.csv"
)

_TABLE = "annotations_final.csv"
_SPLITS = {**dict.fromkeys("0123456789ab", "train"), "c": "validation", **dict.fromkeys("def", "test")}
_PATH = re.compile(r"(?P<folder>[0-9a-f])/(?P<song>.+)-\d+-\d+\.mp3")
# The grouping that tagging papers share; the first tag of a line stands for the others.
_SYNONYMS = (
    ("beat", "beats"),
    ("chant", "chanting"),
    ("choir", "choral"),
    ("classical", "clasical", "classic"),
    ("drum", "drums"),
    ("electro", "electronic", "electronica", "electric"),
    ("fast", "fast beat", "quick"),
    ("female", "female singer", "female singing", "female vocals", "female vocal", "female voice"),
    ("female", "woman", "woman singing", "women"),
    ("flute", "flutes"),
    ("guitar", "guitars"),
    ("hard", "hard rock"),
    ("harpsichord", "harpsicord"),
    ("heavy", "heavy metal", "metal"),
    ("horn", "horns"),
    ("india", "indian"),
    ("jazz", "jazzy"),
    ("male", "male singer", "male vocal", "male vocals", "male voice", "man", "man singing", "men"),
    ("no beat", "no drums"),
    ("no singer", "no singing", "no vocal", "no vocals", "no voice", "no voices", "instrumental"),
    ("opera", "operatic"),
    ("orchestra", "orchestral"),
    ("quiet", "silence"),
    ("singer", "singing"),
    ("space", "spacey"),
    ("strange", "weird"),
    ("string", "strings"),
    ("synth", "synthesizer"),
    ("violin", "violins"),
    ("vocal", "vocals", "voice", "voices"),
)


def list_clips(source: Path, config: PrepareConfig) -> Listed:
    """The protocol in use: folders 0 to b train, c validates, d to f test; the 50 most frequent tags are the classes.

    Tags are counted over the whole table, equals in the order of the table. Clips with none of the classes are left
    out or kept (`magnatagatune.untagged`). Group: the song, whose clips share a folder.
    """
    folder = locate(source, _TABLE)
    if folder is None:
        raise ValueError(
            f"MagnaTagATune is a folder with `{_TABLE}` and `mp3/0/` to `mp3/f/`, as its joined zip unpacks. "
            f"Received: {source}, which holds none. Give its folder as `--source`."
        )
    tree, choice = Tree(folder), config.magnatagatune
    tree.use(*tree.files(r"(annotations|clip_info|comparisons)_final\.csv"))
    rows = read_table(folder / _TABLE, ("clip_id", "mp3_path"), delimiter="\t")
    tags = [(row, _tags(row, choice)) for row in rows]
    classes = _classes(tags, choice)
    below = "mp3/" if (folder / "mp3").is_dir() else ""
    clips, untagged = [], 0
    for row, found in tags:
        match = _PATH.fullmatch(row["mp3_path"])
        if not match:
            raise ValueError(
                f"An mp3_path of `{_TABLE}` is f/artist-album-01-track-0-29.mp3. Received: {row['mp3_path']!r}."
            )
        labels = tuple(tag for tag in classes if tag in found)
        untagged += not labels
        if labels or choice.untagged == "keep":
            clips.append(
                tree.clip(
                    f"{below}{row['mp3_path']}",
                    clip_id=row["mp3_path"],
                    labels=labels,
                    split=_SPLITS[match["folder"]],
                    group=f"{match['folder']}/{match['song']}",
                )
            )
    note = f"{untagged} clips have none of the {len(classes)} tags; magnatagatune.untagged: {choice.untagged}."
    return tree.listed(clips, labels=classes, notes=[note])


def _tags(row: Row, choice: MagnaTagATuneConfig) -> dict[str, None]:
    """The tags of a clip in the order of the table."""
    stands_for = {tag: group[0] for group in _SYNONYMS for tag in group} if choice.merge_synonyms else {}
    return {stands_for.get(tag, tag): None for tag, value in row.items() if value == "1" and tag != "clip_id"}


def _classes(tags: list[tuple[Row, dict[str, None]]], choice: MagnaTagATuneConfig) -> tuple[str, ...]:
    counts = collections.Counter(tag for _, found in tags for tag in found)
    position = {tag: index for index, tag in enumerate(tags[0][0])} if tags else {}
    ordered = sorted(counts, key=lambda tag: (-counts[tag], position.get(tag, len(position))))
    return tuple(sorted(ordered[: choice.num_tags]))
