"""Frozen dataclasses as configuration: to JSON and back, a content hash, a flat view.

A config is a frozen, keyword-only dataclass of numbers, strings, booleans, None, tuples, and other
such dataclasses. Its JSON form is canonical (sorted keys), so that equal configs have equal hashes on
every machine.
"""

import dataclasses
import hashlib
import itertools
import json
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

import dacite

Config = TypeVar("Config")

_PIECE = 10_000


def to_dict(config: Any) -> dict[str, Any]:
    """The config as nested dictionaries of JSON values."""
    if not dataclasses.is_dataclass(config) or isinstance(config, type):
        raise ValueError(f"A config must be a dataclass instance. Received: {config!r}")
    return dataclasses.asdict(config)


def to_json(config: Any) -> str:
    """Canonical JSON: sorted keys, two-space indent, a final newline."""
    return json.dumps(to_dict(config), sort_keys=True, indent=2, allow_nan=False) + "\n"


def from_dict(config_type: type[Config], values: Mapping[str, Any]) -> Config:
    """Builds a config from nested dictionaries.

    Raises:
      ValueError: an unknown or missing field, or a value of another type; the text names the field.
    """
    settings = dacite.Config(strict=True, cast=[tuple], type_hooks={float: _float_from_int})
    try:
        return dacite.from_dict(config_type, values, config=settings)
    except dacite.DaciteError as error:
        raise ValueError(f"Not a valid {config_type.__name__}: {error}") from error


def from_json(config_type: type[Config], text: str) -> Config:
    """The inverse of `to_json`."""
    return from_dict(config_type, json.loads(text))


def content_hash(*parts: Any) -> str:
    """16 hexadecimal digits that identify configs, strings and JSON values, in their order."""
    plain = [to_dict(part) if dataclasses.is_dataclass(part) else part for part in parts]
    text = json.dumps(plain, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def hash_of_list(items: Iterable[Any]) -> str:
    """The `content_hash` of the list of `items`, JSON values, without making the list."""
    digest, comma = hashlib.sha256(b"[["), b""
    items = iter(items)
    while piece := list(itertools.islice(items, _PIECE)):
        text = json.dumps(piece, sort_keys=True, separators=(",", ":"), allow_nan=False)
        digest.update(comma + text[1:-1].encode())
        comma = b","
    digest.update(b"]]")
    return digest.hexdigest()[:16]


def flatten(config: Any) -> dict[str, str | int | float | bool | None]:
    """The flat `a.b.c -> value` view of a config, e.g. `{"train.epochs": 10}`."""
    return dict(_leaves("", to_dict(config)))


def changed_fields(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Names of the flat fields whose values differ or exist on one side only, sorted."""
    before, after = dict(_leaves("", old)), dict(_leaves("", new))
    missing = object()
    return sorted(key for key in before.keys() | after.keys() if before.get(key, missing) != after.get(key, missing))


def _float_from_int(value: Any) -> Any:
    """JSON writers of other languages print 1.0 as 1; anything else is left for dacite to judge."""
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _leaves(prefix: str, value: Any) -> list[tuple[str, Any]]:
    if isinstance(value, Mapping):
        pairs = [(f"{prefix}.{key}" if prefix else str(key), item) for key, item in value.items()]
        return [leaf for name, item in pairs for leaf in _leaves(name, item)]
    return [(prefix, list(value) if isinstance(value, tuple) else value)]
