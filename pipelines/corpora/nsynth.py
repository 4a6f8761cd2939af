"""NSynth: 305,979 four-second notes of 1,006 instruments, as WAV files with JSON or as TFRecords."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines.clip import Clip, Listed
from pipelines.config import PrepareConfig
from pipelines.corpora.tree import Tree, locate

LICENCE = "CC BY 4.0"
CITATION = "J. Engel et al., Neural Audio Synthesis of Musical Notes with WaveNet Autoencoders, ICML 2017"
SOURCE_PAGE = "magenta.tensorflow.org/datasets/nsynth: nsynth-{train,valid,test}.jsonwav.tar.gz or .tfrecord"

FAMILIES = (
    *("bass", "brass", "flute", "guitar", "keyboard", "mallet"),
    *("organ", "reed", "string", "synth_lead", "vocal"),
)

_SPLITS = {"train": "train", "valid": "validation", "test": "test"}
_NAME = re.compile(r"(?P<instrument>.+_\d{3})-\d{3}-\d{3}")


@dataclass(frozen=True, kw_only=True, slots=True)
class _Note:
    name: str
    family: str
    pitch: int
    path: str
    member: str | None = None


def list_clips(source: Path, config: PrepareConfig) -> Listed:
    """The official splits; no instrument that trains validates or tests, but those two share instruments.

    Group: the instrument. A split in both forms is read from its WAV files. In TFRecords the notes are found without
    reading their audio.
    """
    folder = locate(source, *(f"nsynth-{part}{form}" for part in _SPLITS for form in ("", ".tfrecord"))) or source
    tree, choice = Tree(folder), config.nsynth
    notes = [(note, part) for part in _SPLITS for note in _notes(tree, part)]
    if not notes:
        raise ValueError(
            "NSynth is a folder with `nsynth-train/`, `nsynth-valid/`, `nsynth-test/`, each with `examples.json` and "
            "`audio/`, as its jsonwav archives unpack, or with `nsynth-train.tfrecord` and so on. "
            f"Received: {source}, which holds none. Give its folder as `--source`."
        )
    if choice.target == "instrument":
        return tree.listed([_clip(tree, note, part, note.family) for note, part in notes], labels=FAMILIES)
    pitches = range(128) if choice.pitches == "midi" else range(21, 109)
    clips = [_clip(tree, note, part, str(note.pitch)) for note, part in notes if note.pitch in pitches]
    beyond = len(notes) - len(clips)
    said = [f"{beyond} notes beyond the {len(pitches)} pitches are left out."] if beyond else []
    return tree.listed(clips, labels=tuple(map(str, pitches)), notes=said)


def _clip(tree: Tree, note: _Note, part: str, label: str) -> Clip:
    return tree.clip(
        note.path,
        clip_id=f"{part}/{note.name}",
        labels=(label,),
        split=_SPLITS[part],
        group=note.name.rpartition("-")[0].rpartition("-")[0],
        member=note.member,
    )


def _notes(tree: Tree, part: str) -> Iterator[_Note]:
    table = f"nsynth-{part}/examples.json"
    if (tree.folder / table).is_file():
        tree.use(table)
        for name, values in _read_json(tree.folder / table).items():
            path = f"nsynth-{part}/audio/{name}.wav"
            yield _note(name, values, path=path, where=table)
        return
    from pipelines.example_files import read_features  # tfrecord is for this form only

    for path in tree.files(rf"nsynth-{part}\.tfrecord(-\d{{5}}-of-\d{{5}})?"):
        for offset, values in read_features(tree.folder / path, without=("audio",)):
            name = str(values.get("note_str"))
            yield _note(name, values, path=path, where=path, member=str(offset))


def _note(name: str, values: dict[str, Any], *, path: str, where: str, member: str | None = None) -> _Note:
    family, pitch = values.get("instrument_family_str"), values.get("pitch")
    if not _NAME.fullmatch(name) or family not in FAMILIES or pitch not in range(128):
        raise ValueError(
            f"A note in {where} has a note_str like bass_synthetic_033-022-050, an instrument_family_str of {FAMILIES} "
            f"and a pitch from 0 to 127. Received: {name!r}, {family!r}, {pitch!r}."
        )
    return _Note(name=name, family=str(family), pitch=int(str(pitch)), path=path, member=member)


def _read_json(path: Path) -> dict[str, dict[str, Any]]:
    try:
        with path.open(encoding="utf-8") as stream:
            notes = json.load(stream, object_hook=_slim)
    except ValueError as error:
        raise ValueError(f"`examples.json` of NSynth is one JSON object. Received: {path}: {error}.") from None
    if not isinstance(notes, dict) or not all(isinstance(values, dict) for values in notes.values()):
        raise ValueError(f"`examples.json` of NSynth has an object for each note. Received: {path}.")
    return notes


def _slim(values: dict[str, Any]) -> dict[str, Any]:
    """Of a note, what is needed: the training set has 289,205 with a dozen fields each."""
    return {name: values.get(name) for name in ("instrument_family_str", "pitch")} if "note_str" in values else values
