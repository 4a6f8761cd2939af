"""The files that let TensorFlow Datasets read a snapshot: `tfds.builder_from_directory(snapshot)`.

They say what the card says, in the words of TFDS 4, and are a function of the card alone: `verify` makes them again.
The records stay as they are. Nothing of TFDS is needed here.
"""

import json
from pathlib import Path
from typing import Any

from infra.card import DatasetCard
from infra.files import write_atomically

INFO_NAME, FEATURES_NAME, LABELS_NAME = "dataset_info.json", "features.json", "labels.labels.txt"

_MODULE = "tensorflow_datasets.core.features"
_INT64 = {"dtype": "int64", "encoding": "none", "shape": {}}


def tfds_files(card: DatasetCard) -> dict[str, str]:
    """File name -> content: what the snapshot is, what a record has, and the names of the classes."""
    files = {INFO_NAME: _text(_info(card)), FEATURES_NAME: _text(_features(card))}
    if all(label == label.strip() for label in card.labels):  # TFDS strips them, and wants no two the same
        files[LABELS_NAME] = "".join(f"{label}\n" for label in card.labels)
    return files


def write_tfds_files(folder: Path, card: DatasetCard) -> None:
    """Writes them beside the card that is about to be written."""
    for name, content in tfds_files(card).items():
        write_atomically(folder / name, content)


def _info(card: DatasetCard) -> dict[str, Any]:
    return {
        "name": card.corpus,
        "version": "1.0.0",  # TFDS wants one; `snapshot_id` is what identifies the data
        "description": f"Snapshot {card.snapshot_id} of {card.corpus}, {card.kept} clips, made by leafworks.",
        "citation": card.citation,
        "redistributionInfo": {"license": card.licence},
        "fileFormat": "tfrecord",
        "splits": [
            {
                "name": split.name,
                "filepathTemplate": "{SPLIT}-{SHARD_X_OF_Y}.{FILEFORMAT}",
                "shardLengths": [str(shard.records) for shard in split.shards],
                "numBytes": str(sum(shard.num_bytes for shard in split.shards)),
            }
            for split in card.splits
        ],
    }


def _features(card: DatasetCard) -> dict[str, Any]:
    """As `FeaturesDict.to_json` of TFDS has it; its `Audio` with encoding BYTES is `waveform` as it is."""
    class_label = {
        "pythonClassName": f"{_MODULE}.class_label_feature.ClassLabel",
        "classLabel": {"numClasses": str(len(card.labels))},
    }
    audio = {
        "dtype": "int16",
        "encoding": "BYTES",
        "sampleRate": str(card.sample_rate),
        "shape": {"dimensions": ["-1"]},
    }
    text = {"pythonClassName": f"{_MODULE}.text_feature.Text", "text": {}}
    scalar = {"pythonClassName": f"{_MODULE}.scalar.Scalar", "tensor": _INT64}
    features = {
        "clip_id": text,
        "group": text,
        "labels": {
            "pythonClassName": f"{_MODULE}.sequence_feature.Sequence",
            "sequence": {"feature": class_label, "length": "-1"},
        },
        "num_samples": scalar,
        "sample_rate": scalar,
        "waveform": {"pythonClassName": f"{_MODULE}.audio_feature.Audio", "audio": audio},
    }
    return {
        "pythonClassName": f"{_MODULE}.features_dict.FeaturesDict",
        "featuresDict": {"features": features},
    }


def _text(value: dict[str, Any]) -> str:
    return json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
