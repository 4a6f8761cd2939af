"""What is left behind as tables and arrays: learned parameters, inspections, features."""

import csv
import io
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from frontends.inspect import Inspection
from infra.files import atomic_writer, write_atomically
from training.requests import FeatureFormat

LEARNED_NAME, FEATURES_NAME = "learned_parameters.parquet", "features.parquet"
_UNITS = {"_hz": "Hz", "_ms": "ms", "_s": "s", "_db": "dB", "_erb": "ERB-rate steps", "_octaves": "octaves"}
_GROUP_FRAMES = 65_536


def unit(name: str) -> str:
    """The unit that the end of a quantity's name says, "1" for those without."""
    return next((unit for ending, unit in _UNITS.items() if name.endswith(ending)), "1")


def write_learned(path: Path, learned: Mapping[str, np.ndarray]) -> None:
    """One row per epoch (0 is the start), filter (from 1) and parameter: epoch, filter, parameter, unit, value."""
    columns: dict[str, list[object]] = {"epoch": [], "filter": [], "parameter": [], "unit": [], "value": []}
    for parameter in sorted(learned):
        epochs, filters = learned[parameter].shape
        columns["epoch"] += np.repeat(np.arange(epochs), filters).tolist()
        columns["filter"] += np.tile(np.arange(1, filters + 1), epochs).tolist()
        columns["parameter"] += [parameter] * (epochs * filters)
        columns["unit"] += [unit(parameter)] * (epochs * filters)
        columns["value"] += learned[parameter].ravel().tolist()
    types = {"epoch": pa.int32(), "filter": pa.int32(), "value": pa.float64()}
    table = pa.table({name: pa.array(values, types.get(name, pa.string())) for name, values in columns.items()})
    with atomic_writer(path) as stream:
        pq.write_table(table, stream)


def write_filters(path: Path, columns: Mapping[str, np.ndarray]) -> None:
    """CSV with a row per filter (from 1) and a column per quantity, whose name ends with its unit."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["filter", *columns])
    writer.writerows((index, *row) for index, row in enumerate(zip(*columns.values(), strict=True), start=1))
    write_atomically(path, text.getvalue())


def write_curves(path: Path, inspection: Inspection) -> None:
    """NumPy archive of every curve and its positions, those that the front end has."""
    named = {
        ("frequency_hz", "responses"): inspection.responses,
        ("impulse_time_ms", "impulse_responses"): inspection.impulses,
        ("window_time_ms", "pooling_windows"): inspection.windows,
        ("energy_level_db", "compression"): inspection.compression,
    }
    arrays = {}
    for (positions, values), curves in named.items():
        if curves is not None:
            arrays |= {positions: curves.x, values: curves.y}
    with atomic_writer(path) as stream:
        np.savez(stream, **arrays)


@dataclass(frozen=True, kw_only=True)
class Features:
    """The features of one recording.

    Attributes:
      clip: the recording's name among the outputs.
      source: its path.
      values: float32 [frames, N], or of a Wavegram [frames, bins, maps].
      time_s: centres of the frames [frames].
    """

    clip: str
    source: str
    values: np.ndarray
    time_s: np.ndarray


WriteFeatures = Callable[[Features], Path]


@contextmanager
def feature_writer(folder: Path, kind: FeatureFormat, common: Mapping[str, Any]) -> Iterator[WriteFeatures]:
    """A function that writes the features of one recording below `folder` and returns the path of their file.

    "npz": `<clip>.npz` with features, time_s, source, and `common`, what is the same for all of them. "parquet": one
    `features.parquet` with a row per frame, clip, time_s, feature_000, ...; `common` as JSON in its metadata.
    """
    if kind == "npz":
        yield lambda features: _write_npz(folder, features, common)
        return
    metadata = {name: json.dumps(np.asarray(value).tolist()) for name, value in common.items()}
    with ExitStack() as opened:
        writer: Any = None

        def write(features: Features) -> Path:
            nonlocal writer
            path = folder / FEATURES_NAME
            table = _table(features).replace_schema_metadata(metadata)
            if writer is None:
                stream = opened.enter_context(atomic_writer(path))
                writer = opened.enter_context(pq.ParquetWriter(stream, table.schema))
            writer.write_table(table, row_group_size=_GROUP_FRAMES)
            return path

        yield write


def _write_npz(folder: Path, features: Features, common: Mapping[str, Any]) -> Path:
    path = folder / f"{features.clip}.npz"
    with atomic_writer(path) as stream:
        np.savez(stream, features=features.values, time_s=features.time_s, source=features.source, **common)
    return path


def _table(features: Features) -> Any:
    clip = pa.DictionaryArray.from_arrays(np.zeros(len(features.values), np.int32), [features.clip])
    flat = features.values.reshape(len(features.values), -1)
    columns = {f"feature_{index:03d}": pa.array(values) for index, values in enumerate(flat.T)}
    return pa.table({"clip": clip, "time_s": pa.array(features.time_s), **columns})
