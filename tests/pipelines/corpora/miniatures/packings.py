"""Packings that people hold, in miniature, each made by the library that is known for it where it is installed."""

import io
import json
import tarfile

import h5py
import numpy as np
import pyarrow as pa
from pyarrow import parquet

from tests.pipelines.corpora.miniatures.miniature import Miniature, recording, table

_CLASSES = (("/m/09x0r", "Speech"), ("/m/05zppz", "Male speech, man speaking"), ("/m/04rlf", "Music"))
_NAMES = frozenset(name for _, name in _CLASSES)
_TABLE = table("index,mid,display_name", *(f'{index},{mid},"{name}"' for index, (mid, name) in enumerate(_CLASSES)))
_TRAIN, _EVAL = 24, 6


def _video(part: str, number: int) -> str:
    return f"-{part[:3]:_<3}{number:07d}"


def _mids(number: int) -> list[str]:
    return [_CLASSES[number % 3][0], *([_CLASSES[2][0]] if number % 3 < 2 else [])]


def panns_hdf5() -> Miniature:
    """Waveforms of one length, names in 20 bytes, a target of all classes for each row."""
    files = {"class_labels_indices.csv": _TABLE}
    for part, path, rows in (("train", "balanced_train.h5", _TRAIN), ("eval", "eval.h5", _EVAL)):
        stream = io.BytesIO()
        with h5py.File(stream, "w") as packed:
            packed.create_dataset(
                "audio_name", data=[f"Y{_video(part, row)}.wav".encode() for row in range(rows)], dtype="S20"
            )
            noise = np.random.default_rng(rows).integers(-3_000, 3_000, (rows, 4_800))
            packed.create_dataset("waveform", data=noise.astype(np.int16))
            mids = [mid for mid, _ in _CLASSES]
            packed.create_dataset("target", data=[[mid in _mids(row) for mid in mids] for row in range(rows)])
            packed.attrs.create("sample_rate", data=32_000, dtype=np.int32)
        files[f"hdf5s/waveforms/{path}"] = stream.getvalue()
    return Miniature(files=files, labels=_NAMES)


def audio_json() -> Miniature:
    """Paths of another machine; a balanced list that is part of the full one; one file that is not there."""
    audio, lists = [], {"balanced": [], "full": [], "eval": []}
    for part, rows in (("train", _TRAIN), ("eval", _EVAL)):
        for row in range(rows):
            path = f"audio/{part}/{_video(part, row)}.flac"
            entry = {"wav": f"/data/sls/audioset/{path}", "labels": ",".join(_mids(row))}
            for name in ("eval",) if part == "eval" else ("balanced", "full") if row % 2 else ("full",):
                lists[name].append(entry)
            if (part, row) != ("train", 3):
                audio.append(path)
    files = {f"datafiles/{name}_data.json": json.dumps({"data": entries}).encode() for name, entries in lists.items()}
    files |= {"class_labels_indices.csv": _TABLE, "ontology.json": b"[]"}
    return Miniature(audio=tuple(audio), files=files, labels=_NAMES, missing=(_video("train", 3),))


def webdataset() -> Miniature:
    """Samples with JSON, with numbers of classes, and with a text; a folder for each split."""
    files = {"classes.txt": b"Speech\nMusic\n"}
    for part, rows in (("train", _TRAIN), ("val", 3), ("test", 3)):
        members = {}
        for row in range(rows):
            name = f"{part}{row:06d}"
            members[f"{name}.flac"] = recording(f"{name}.flac")
            suffix, said = [
                (
                    "json",
                    json.dumps({"labels": ["Music", "Speech"][: row % 2 + 1], "group": f"song {part} {row // 2}"}),
                ),
                ("cls", str(row % 2)),
                ("txt", "Speech\n"),
            ][row % 3]
            members[f"{name}.{suffix}"] = said.encode()
        files[f"{part}/000000.tar"] = _tar(members)
    return Miniature(files=files, labels=frozenset({"Speech", "Music"}))


def hf_parquet() -> Miniature:
    """AudioSet as agkphysics keeps it, and a column of numbers with names in the metadata would do as well."""
    files = {}
    for part, path, rows in (("train", "data/bal_train/00.parquet", _TRAIN), ("eval", "data/eval/00.parquet", _EVAL)):
        columns = {
            "video_id": [_video(part, row) for row in range(rows)],
            "audio": [{"bytes": recording(f"{part}{row}.flac"), "path": f"{row}.flac"} for row in range(rows)],
            "labels": [_mids(row) for row in range(rows)],
            "human_labels": [[dict(_CLASSES)[mid] for mid in _mids(row)] for row in range(rows)],
        }
        stream = io.BytesIO()
        parquet.write_table(pa.table(columns), stream, row_group_size=5)
        files[path] = stream.getvalue()
    return Miniature(files=files, labels=_NAMES)


def tfds() -> Miniature:
    """Sixteen-bit bytes, classes with names, speakers; only a training split, as many small data sets have."""
    module = "tensorflow_datasets.core.features"
    label = {"pythonClassName": f"{module}.class_label_feature.ClassLabel", "classLabel": {"numClasses": "2"}}
    audio = {"dtype": "int16", "encoding": "BYTES", "sampleRate": "16000", "shape": {"dimensions": ["-1"]}}
    features = {
        "audio": {"pythonClassName": f"{module}.audio_feature.Audio", "audio": audio},
        "label": label,
        "speaker_id": {"pythonClassName": f"{module}.text_feature.Text", "text": {}},
    }
    info = {
        "name": "mini",
        "version": "1.0.0",
        "splits": [{"name": "train", "shardLengths": ["20", "20"], "numBytes": "1"}],
    }
    random = np.random.default_rng(0)
    records = {
        f"mini/1.0.0/mini-train.tfrecord-{shard:05d}-of-00002": [
            {
                "audio": (random.integers(-3_000, 3_000, 4_800).astype("<i2").tobytes(), "byte"),
                "label": (row % 2, "int"),
                "speaker_id": (f"speaker {row}/{shard}".encode(), "byte"),
            }
            for row in range(20)
        ]
        for shard in range(2)
    }
    files = {
        "mini/1.0.0/dataset_info.json": json.dumps(info).encode(),
        "mini/1.0.0/features.json": json.dumps({"featuresDict": {"features": features}}).encode(),
        "mini/1.0.0/label.labels.txt": b"cat\ndog\n",
    }
    return Miniature(files=files, records=records, labels=frozenset({"cat", "dog"}))


def _tar(members: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return stream.getvalue()
