"""What a trial leaves behind besides its metrics: learned parameters as Parquet, the model, figures."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from infra.files import atomic_writer

LEARNED_NAME = "learned_parameters.parquet"
UNITS = {
    "centre_hz": "Hz",
    "bandwidth_hz": "Hz",
    "pooling_ms": "ms",
    "pcen_alpha": "1",
    "pcen_delta": "1",
    "pcen_root": "1",
    "pcen_smooth": "1",
}


def write_learned(path: Path, learned: Mapping[str, np.ndarray]) -> None:
    """One row per epoch (0 is the start), filter (from 1) and parameter: epoch, filter, parameter, unit, value."""
    columns: dict[str, list[object]] = {"epoch": [], "filter": [], "parameter": [], "unit": [], "value": []}
    for parameter in sorted(learned):
        epochs, filters = learned[parameter].shape
        columns["epoch"] += np.repeat(np.arange(epochs), filters).tolist()
        columns["filter"] += np.tile(np.arange(1, filters + 1), epochs).tolist()
        columns["parameter"] += [parameter] * (epochs * filters)
        columns["unit"] += [UNITS[parameter]] * (epochs * filters)
        columns["value"] += learned[parameter].ravel().tolist()
    types = {"epoch": pa.int32(), "filter": pa.int32(), "value": pa.float64()}
    table = pa.table({name: pa.array(values, types.get(name, pa.string())) for name, values in columns.items()})
    with atomic_writer(path) as stream:
        pq.write_table(table, stream)
