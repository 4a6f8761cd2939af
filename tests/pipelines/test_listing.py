"""The listing stage: counts and a key, quick and light."""

import dataclasses
import math
import os
from pathlib import Path

import pytest

from infra.stage import run_stage
from pipelines.config import Listing, PrepareConfig, SplitConfig
from pipelines.corpora.config import FolderConfig, SyntheticConfig
from pipelines.listing import list_request
from pipelines.plan import make_plan


def fill(folder: Path) -> Path:
    """Thirty small files in three classes."""
    for label in "abc":
        (folder / label).mkdir(parents=True)
        for number in range(10):
            (folder / label / f"{number}.wav").write_bytes(b"12345")
    return folder


def test_the_stage_counts_clips_bytes_and_shards(tmp_path, request_for):
    """In a process of its own, as the command line asks it."""
    request = request_for("folder", source=fill(tmp_path / "source"), clips_per_shard=4)
    listing = run_stage("pipelines.listing", request, Listing)
    assert sum(listing.clips.values()) == 30
    assert listing.labels == ("a", "b", "c")
    assert listing.num_bytes == 150
    assert listing.num_shards == sum(-(-count // 4) for count in listing.clips.values())
    assert (listing.finished, listing.shards_done) == (False, 0)
    assert Path(listing.snapshot) == tmp_path / "root/folder" / listing.key


def test_every_clip_has_one_shard_of_its_split(tmp_path, request_for):
    """Shards partition the clips, are named in order, and differ in size by one at most."""
    plan = make_plan(request_for("folder", source=fill(tmp_path / "source"), clips_per_shard=4))
    dealt = [clip for shard in plan.shards for clip in shard.clips]
    assert sorted(clip.clip_id for clip in dealt) == [clip.clip_id for clip in plan.listed.clips]
    assert all(clip.split == shard.split for shard in plan.shards for clip in shard.clips)
    train = [shard for shard in plan.shards if shard.split == "train"]
    assert [shard.name for shard in train][:2] == [
        f"train-{index:05d}-of-{len(train):05d}.tfrecord" for index in range(2)
    ]
    sizes = [len(shard.clips) for shard in train]
    assert max(sizes) - min(sizes) <= 1


def test_the_key_follows_what_changes_a_byte_and_nothing_else(tmp_path, request_for):
    """Config, labels, file size and time; not workers, root, budget, or the config of another corpus."""
    source = fill(tmp_path / "source")
    key = list_request(request_for("folder", source=source)).key
    same = [
        request_for("folder", source=source, workers=7, root=tmp_path / "other", max_rejected_share=1.0),
        request_for("folder", source=source, synthetic=SyntheticConfig(seed=5)),
    ]
    assert [list_request(request).key for request in same] == [key, key]
    other = [
        request_for("folder", source=source, sample_rate=8_000),
        request_for("folder", source=source, silence_db=-60.0),
        request_for("folder", source=source, clips_per_shard=3),
        request_for("folder", source=source, split=SplitConfig(seed=1)),
    ]
    assert len({key, *(list_request(request).key for request in other)}) == 5
    os.utime(source / "a/3.wav", ns=(1, 1))
    changed = list_request(request_for("folder", source=source)).key
    (source / "a/3.wav").rename(source / "b/33.wav")
    assert len({key, changed, list_request(request_for("folder", source=source)).key}) == 3


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan])
@pytest.mark.parametrize("field", ["min_duration_ms", "silence_db"])
def test_a_number_without_end_is_refused_by_name(field, value):
    """Not later, by the JSON of the request."""
    with pytest.raises(ValueError, match=field):
        PrepareConfig(corpus="folder", **{field: value})
    with pytest.raises(ValueError, match="duration_ms"):
        SyntheticConfig(duration_ms=value)


def test_the_config_of_another_corpus_is_not_in_the_key(request_for):
    """A synthetic corpus has neither folder nor shares."""
    plain = PrepareConfig(corpus="synthetic")
    other = dataclasses.replace(plain, folder=FolderConfig(table="t.csv"), split=SplitConfig(seed=9))
    request = request_for("synthetic")
    assert make_plan(request).key == make_plan(dataclasses.replace(request, config=other)).key
