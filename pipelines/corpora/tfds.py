"""Any audio data set that TensorFlow Datasets has prepared: its folder with `features.json`, read without TensorFlow.

The class of a clip is the ClassLabel feature, or the sequence of them (`tfds.label` where there are several). Its id
is a text feature `clip_id` or `id`, else its split and number; its group a feature `group`, `speaker_id` or `speaker`
(`tfds.group`), else the clip alone.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pipelines.clip import Clip, Listed, printable, stamp_of
from pipelines.config import PrepareConfig
from pipelines.corpora.packed import Ids, part_named, split_of
from pipelines.tfds_features import Features, read_features_of

LICENCE = "as dataset_info.json of the data set says"
CITATION = "as dataset_info.json of the data set says"
SOURCE_PAGE = "a folder that TensorFlow Datasets prepared, e.g. ~/tensorflow_datasets/crema_d/1.0.0"

_INFO_NAME = "dataset_info.json"
_TEMPLATE = "{DATASET}-{SPLIT}.{FILEFORMAT}-{SHARD_X_OF_Y}"
_IDS, _GROUPS = ("clip_id", "id"), ("group", "speaker_id", "speaker")


def list_clips(source: Path, config: PrepareConfig) -> Listed:
    """Every record of every split; the audio in it is passed over.

    Raises:
      ValueError: no such folder, a shard that is missing or cut off, or no class.
    """
    folder = _folder(source)
    info, features = _info(folder), read_features_of(folder)
    if features.audio.rate is None and features.audio.encoding != "file":
        raise ValueError(
            f"Samples have a rate. Received: {folder}/features.json, whose audio has no `sampleRate`. Write it there: "
            '`"sampleRate": "16000"` behind `"dtype"`, in Hz.'
        )
    label = _chosen(config.tfds.label, tuple(features.classes), "classes", "--tfds.label", folder)
    group = config.tfds.group or next((name for name in _GROUPS if name in features.names), None)
    parts = {part_named(split["name"]) for split in info["splits"]}
    ids = Ids()
    clips = []
    for split in info["splits"]:
        for number, (path, offset, values) in enumerate(_records(folder, info, split, features)):
            name = next((str(values[key][0]) for key in _IDS if values.get(key)), f"{split['name']}/{number:08d}")
            clip_id = ids.of(name, f"{path}/{offset}")
            clip_group = printable(str(values[group][0])) if group and values.get(group) else clip_id
            clips.append(
                Clip(
                    clip_id=clip_id,
                    source=path,
                    labels=_labels(values.get(label, ()), features.classes[label], f"{folder}/{path}"),
                    split=split_of(part_named(split["name"]), clip_group, parts=parts, shares=config.split),
                    group=clip_group,
                    stamp=stamp_of(f"{folder}/{path}"),
                    member=str(offset),
                )
            )
    labels = tuple(map(printable, features.classes[label]))
    return Listed(clips=tuple(clips), folder=str(folder), labels=labels, facts={"tfds": info["facts"]})


def _folder(source: Path) -> Path:
    found = sorted(path.parent for path in source.rglob(_INFO_NAME) if (path.parent / "features.json").is_file())
    if len(found) != 1:
        raise ValueError(
            f"A data set of TFDS is a folder with {_INFO_NAME}, features.json and TFRecord files. Received: {source}, "
            f"which holds none or several ({len(found)}). Give the folder of one version as `--source`."
        )
    return found[0]


def _info(folder: Path) -> dict[str, Any]:
    try:
        said = json.loads((folder / _INFO_NAME).read_text(encoding="utf-8"))
        splits = [
            {
                "name": split["name"],
                "template": split.get("filepathTemplate") or _TEMPLATE,
                "lengths": [int(length) for length in split.get("shardLengths", ())],
            }
            for split in said["splits"]
        ]
        kind = said.get("fileFormat") or "tfrecord"
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise ValueError(f"{folder}/{_INFO_NAME} lists splits, as TFDS 4 writes it. Received: {error!r}.") from error
    if kind != "tfrecord":
        raise ValueError(f"A data set of TFDS is read from TFRecord files. Received: {folder} with {kind!r}.")
    names = ("name", "version", "description", "citation", "redistributionInfo")
    return {
        "dataset": said.get("name", ""),
        "splits": splits,
        "facts": {name: said[name] for name in names if name in said},
    }


def _records(
    folder: Path, info: Mapping[str, Any], split: Mapping[str, Any], features: Features
) -> Iterator[tuple[str, int, dict[str, list[Any]]]]:
    from pipelines.example_files import read_values  # it loads tfrecord

    lengths = split["lengths"]
    for index, length in enumerate(lengths):
        path = _shard_name(info["dataset"], split, index, folder)
        records = list(read_values(folder / path, without=(features.audio.key,)))
        if len(records) != length:
            raise ValueError(
                f"A shard has as many records as {_INFO_NAME} says. Received: {folder}/{path} with {len(records)} "
                f"instead of {length}. It was cut off, or is of another version."
            )
        for offset, values in records:
            yield path, offset, values


def _shard_name(dataset: str, split: Mapping[str, Any], index: int, folder: Path) -> str:
    values = {
        "DATASET": dataset,
        "SPLIT": split["name"],
        "FILEFORMAT": "tfrecord",
        "SHARD_INDEX": f"{index:05d}",
        "NUM_SHARDS": f"{len(split['lengths']):05d}",
        "SHARD_X_OF_Y": f"{index:05d}-of-{len(split['lengths']):05d}",
    }
    name = str(split["template"])
    for key, value in values.items():
        name = name.replace(f"{{{key}}}", value)
    if "/" in name or not (folder / name).is_file():
        raise ValueError(f"Every shard of a data set is there. Received: {folder} without {name}.")
    return name


def _chosen(asked: str | None, there: tuple[str, ...], what: str, flag: str, folder: Path) -> str:
    preferred = [name for name in ("label", "labels") if name in there]
    found = asked or (there[0] if len(there) == 1 else preferred[0] if len(preferred) == 1 else "")
    if found not in there:
        raise ValueError(
            f"`{flag}` is one of the features with {what}: {sorted(there)}. Received: {asked!r} for {folder}."
        )
    return found


def _labels(values: "list[Any] | tuple[()]", names: tuple[str, ...], where: str) -> tuple[str, ...]:
    """Names of classes; -1 is how TFDS says that there is none."""
    if not all(isinstance(value, int) and -1 <= value < len(names) for value in values):
        raise ValueError(
            f"A class is a number below {len(names)}, as features.json says. Received: {values} in {where}."
        )
    return tuple(dict.fromkeys(printable(names[value]) for value in values if value >= 0))
