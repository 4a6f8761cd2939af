"""The readers in the documentation read a snapshot without leafworks."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from infra.environment import stage_environment
from pipelines import examples
from pipelines.shards import read_shard

DOCS = Path(__file__).parents[2] / "docs"
READERS = ["read_a_snapshot.py", "read_with_tfrecord.py"]


@pytest.mark.parametrize("reader", READERS)
def test_the_page_quotes_the_file(reader):
    """Word for word, and it is short."""
    code = (DOCS / reader).read_text()
    assert f"```python\n{code}```" in (DOCS / "read_a_snapshot.md").read_text()
    assert sum(bool(line.strip()) for line in code.splitlines()) <= 15
    assert "leafworks" not in code
    assert "infra" not in code


@pytest.mark.parametrize("reader", READERS)
def test_it_reads_every_sample(pristine, tmp_path, reader):
    """Away from this repository, as many clips and the same sum of all samples."""
    done = subprocess.run(
        [sys.executable, "-I", str(DOCS / reader), str(pristine)],
        env={**stage_environment(), "CUDA_VISIBLE_DEVICES": "-1"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    records = [examples.decode(payload) for path in pristine.glob("*.tfrecord") for _, payload in read_shard(path)]
    assert json.loads(done.stdout) == {
        "clips": len(records),
        "sum_of_samples": sum(int(np.sum(record.samples, dtype=np.int64)) for record in records),
    }
