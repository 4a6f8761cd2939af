"""What `features.json` of TensorFlow Datasets says of a record, as far as audio, classes and texts go."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FEATURES_NAME = "features.json"
_RULE = f"A TFDS folder has a `{FEATURES_NAME}` of TFDS 4 or later with one audio feature."


@dataclass(frozen=True, kw_only=True)
class AudioFeature:
    """The audio of a record.

    Attributes:
      key: its name in the Example.
      rate: in Hz; None: TFDS was not told.
      dtype: of a sample, as NumPy calls it.
      encoding: "none", a list of numbers; "bytes", or "zlib" of them; "file", the bytes of a file.
      channels: interleaved.
    """

    key: str
    rate: int | None
    dtype: str
    encoding: str
    channels: int


@dataclass(frozen=True, kw_only=True)
class Features:
    """A record: its audio, its classes by name of the feature (in order; none: TFDS has no names), and all names."""

    audio: AudioFeature
    classes: dict[str, tuple[str, ...]]
    names: tuple[str, ...]


def read_features_of(folder: Path) -> Features:
    """Reads `features.json` of a folder that TFDS wrote, from version 4 on.

    Raises:
      ValueError: there is none, or not one audio feature in it.
    """
    path = folder / FEATURES_NAME
    try:
        plain = _flat(json.loads(path.read_text(encoding="utf-8")), "")
        audio = [_audio(key, value["audio"]) for key, value in plain.items() if "audio" in value]
        classes = {
            key: tuple(_class_names(folder, key, value))
            for key, value in plain.items()
            if "classLabel" in value or "classLabel" in value.get("sequence", {}).get("feature", {})
        }
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise ValueError(f"{_RULE} Received: {path}: {error!r}.") from error
    if len(audio) != 1:
        raise ValueError(f"{_RULE} Received: {path} with {len(audio)}.")
    return Features(audio=audio[0], classes=classes, names=tuple(sorted(plain)))


def _flat(feature: dict[str, Any], key: str) -> dict[str, dict[str, Any]]:
    """Features by their keys in an Example, where those of a nested dictionary are `outer/inner`."""
    if "featuresDict" not in feature:
        return {key: feature}
    inner = feature["featuresDict"]["features"]
    found = (_flat(value, f"{key}/{name}" if key else name) for name, value in inner.items())
    return {name: value for several in found for name, value in several.items()}


def _audio(key: str, said: dict[str, Any]) -> AudioFeature:
    dimensions = [int(size) for size in said.get("shape", {}).get("dimensions", ["-1"])]
    rate = int(said.get("sampleRate") or 0)
    return AudioFeature(
        key=key,
        rate=rate or None,
        dtype=said.get("dtype") or "int64",
        encoding="file" if said.get("lazyDecode") else str(said.get("encoding") or "none").lower(),
        channels=dimensions[1] if len(dimensions) > 1 else 1,
    )


def _class_names(folder: Path, key: str, said: dict[str, Any]) -> list[str]:
    label = said.get("classLabel") or said["sequence"]["feature"]["classLabel"]
    path = folder / f"{key.replace('/', '-')}.labels.txt"
    numbers = [str(number) for number in range(int(label["numClasses"]))]
    if not path.is_file():
        return numbers
    names = [name.strip() for name in path.read_text(encoding="utf-8").split("\n") if name.strip()]
    if len(set(names)) != len(numbers):
        raise ValueError(f"{path.name} has {len(set(names))} names for {len(numbers)} classes")
    return names
