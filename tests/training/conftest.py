"""A small prepared corpus for the training tests; preparation runs in a process of its own."""

import pytest

from infra.stage import run_stage
from pipelines.config import PrepareConfig, Prepared, PrepareRequest
from pipelines.corpora.config import SyntheticConfig
from training.records import Snapshot


@pytest.fixture(scope="session")
def snapshot(tmp_path_factory) -> Snapshot:
    """Eleven classes of ten clips each, of 1.5 s, in several shards."""
    request = PrepareRequest(
        config=PrepareConfig(
            corpus="synthetic",
            clips_per_shard=20,
            synthetic=SyntheticConfig(clips_per_class=10, duration_ms=1500.0),
        ),
        source=None,
        root=str(tmp_path_factory.mktemp("snapshots")),
    )
    return Snapshot(run_stage("pipelines.prepare", request, Prepared).snapshot)
