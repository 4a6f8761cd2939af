"""Small prepared corpora for the training tests; preparation runs in a process of its own."""

import numpy as np
import pytest
import soundfile

from infra.stage import run_stage
from pipelines.config import PrepareConfig, Prepared, PrepareRequest
from pipelines.corpora.config import FolderConfig, SyntheticConfig
from training.records import Snapshot

PITCHES_HZ = {"low": 300, "middle": 900, "high": 2700}
_SPLITS = ("train",) * 5 + ("validation", "test")


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


@pytest.fixture(scope="session")
def chords(tmp_path_factory) -> Snapshot:
    """Several labels a clip: 91 chords of one to three of the pitches, of 1.2 s; validation has 14, test 7."""
    source, random = tmp_path_factory.mktemp("chords"), np.random.default_rng(0)
    rows = ["path,label,split"]
    for index in range(91):
        names = [name for bit, name in enumerate(PITCHES_HZ) if (1 + index % 7) >> bit & 1]
        time_s = np.arange(19200) / 16000
        tones = sum(np.sin(2 * np.pi * PITCHES_HZ[name] * (time_s + random.random())) for name in names)
        noisy = 0.2 * tones + 0.01 * random.standard_normal(len(time_s))
        soundfile.write(source / f"{index:03}.wav", noisy, 16000)
        rows.append(f"{index:03}.wav,{';'.join(names)},{_SPLITS[index // 7 % 7]}")
    (source / "labels.csv").write_text("\n".join(rows) + "\n")
    request = PrepareRequest(
        config=PrepareConfig(corpus="folder", folder=FolderConfig(table="labels.csv")),
        source=str(source),
        root=str(tmp_path_factory.mktemp("snapshots")),
    )
    return Snapshot(run_stage("pipelines.prepare", request, Prepared).snapshot)
