"""Tables of Hugging Face: its metadata, and one that is empty."""

import json
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from infra.stage import run_stage
from pipelines.config import PrepareConfig, Prepared, PrepareRequest
from pipelines.corpora.catalog import list_corpus
from pipelines.corpora.config import HfParquetConfig
from pipelines.ledger import read_ledger
from pipelines.prepare import prepare


def test_numbers_of_hugging_face_become_names(tmp_path):
    """Of the metadata that its library writes; groups are a column."""
    said = {"info": {"features": {"label": {"names": ["cat", "dog"], "_type": "ClassLabel"}}}}
    audio = [{"bytes": b"audio", "path": f"{number}.wav"} for number in range(2)]
    table = pa.table({"audio": audio, "label": [1, 0], "speaker": ["x", "y"]})
    parquet.write_table(table.replace_schema_metadata({"huggingface": json.dumps(said)}), tmp_path / "0.parquet")
    config = PrepareConfig(corpus="hf_parquet", hf_parquet=HfParquetConfig(group="speaker"))
    clips = list_corpus(config, str(tmp_path)).clips
    assert [(clip.clip_id, clip.labels, clip.group) for clip in clips] == [
        ("0.wav", ("dog",), "x"),
        ("1.wav", ("cat",), "y"),
    ]


def test_a_group_may_be_a_time_in_nanoseconds(tmp_path, write_audio):
    """Which Python's times have not; pandas has, and a stage is without it."""
    audio = [{"bytes": write_audio(tmp_path / f"{n}.wav").read_bytes(), "path": f"{n}.wav"} for n in range(3)]
    times = pa.array([1_000_000_001, 1_000_000_001, 2_000_000_000], pa.timestamp("ns"))
    (tmp_path / "source").mkdir()
    parquet.write_table(pa.table({"audio": audio, "label": ["a"] * 3, "at": times}), tmp_path / "source/0.parquet")
    config = PrepareConfig(corpus="hf_parquet", hf_parquet=HfParquetConfig(group="at"))
    request = PrepareRequest(config=config, source=str(tmp_path / "source"), root=str(tmp_path / "root"))
    snapshot = run_stage("pipelines.prepare", request, Prepared).snapshot
    groups = [row.group for row in read_ledger(Path(snapshot, "clips.parquet"))]
    assert groups == ["1970-01-01 00:00:01.000000001"] * 2 + ["1970-01-01 00:00:02.000000000"]


def test_a_table_without_a_row(tmp_path):
    """Is refused in the words of the rule."""
    (tmp_path / "source").mkdir()
    columns = {"audio": [{"bytes": b"audio", "path": "a.wav"}], "label": ["a"]}
    parquet.write_table(pa.table(columns).slice(0, 0), tmp_path / "source/00.parquet")
    request = PrepareRequest(
        config=PrepareConfig(corpus="hf_parquet"), source=str(tmp_path / "source"), root=str(tmp_path)
    )
    with pytest.raises(ValueError, match="A snapshot has at least one clip"):
        prepare(request)
