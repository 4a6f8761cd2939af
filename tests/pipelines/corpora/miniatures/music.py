"""The corpora of music in miniature, with the peculiarities of their files."""

import json

import numpy as np

from tests.pipelines.corpora.miniatures.miniature import Miniature, table


def _notes(part: str) -> list[tuple[str, str, int]]:
    family, number = {"train": ("bass", 33), "valid": ("guitar", 7), "test": ("guitar", 7)}[part]
    pitches = {"train": (22, 60, 9), "valid": (60,), "test": (61,)}[part]
    return [(f"{family}_synthetic_{number:03d}-{pitch:03d}-050", family, pitch) for pitch in pitches]


def nsynth() -> Miniature:
    """WAV files with JSON; valid and test share instruments; one listed note is absent."""
    audio, files = [], {}
    for part in ("train", "valid", "test"):
        notes = _notes(part) + [("guitar_acoustic_001-070-100", "guitar", 70)] * (part == "test")
        audio += [f"nsynth-{part}/audio/{name}.wav" for name, _, _ in _notes(part)]
        values = {
            name: {"note_str": name, "pitch": pitch, "instrument_family_str": family, "qualities": [0, 1]}
            for name, family, pitch in notes
        }
        files[f"nsynth-{part}/examples.json"] = json.dumps(values).encode()
    labels = frozenset({"bass", "guitar", *map(str, range(128))})
    missing = ("test/guitar_acoustic_001-070-100",)
    return Miniature(audio=tuple(audio), files=files, missing=missing, labels=labels, shared_groups=True)


def nsynth_records() -> Miniature:
    """The same notes as TFRecords."""
    random = np.random.default_rng(0)
    records = {}
    for part in ("train", "valid", "test"):
        records[f"nsynth-{part}.tfrecord"] = [
            {
                "note_str": (name.encode(), "byte"),
                "audio": (random.uniform(-0.2, 0.2, 4_000).tolist(), "float"),
                "pitch": (pitch, "int"),
                "instrument_family_str": (family.encode(), "byte"),
            }
            for name, family, pitch in _notes(part)
        ]
    return Miniature(records=records, labels=nsynth().labels, shared_groups=True)


def magnatagatune() -> Miniature:
    """A quoted table of tabs; a clip without a tag is left out."""
    paths = [f"{name}/artist-album-01-song_{name}-{start}-{start + 29}.mp3" for name in "0bcdf" for start in (0, 29)]
    tags = ["no voice", "guitar", "no vocal", "rare"]
    rows = [f"{index}\t1\t{index % 2}\t1\t0\t{path}" for index, path in enumerate(paths)]
    rows.append("99\t0\t0\t0\t0\t0/artist-album-02-untagged-0-29.mp3")
    quoted = ["\t".join(f'"{value}"' for value in row.split("\t")) for row in rows]
    head = "\t".join(f'"{name}"' for name in ["clip_id", *tags, "mp3_path"])
    return Miniature(
        audio=(*(f"mp3/{path}" for path in paths), "mp3/0/artist-album-02-untagged-0-29.mp3"),
        files={"annotations_final.csv": table(head, *quoted), "comparisons_final.csv": b""},
        labels=frozenset({*tags, "no singer"}),  # which `no voice` and `no vocal` merge to
    )
