"""What workers are told: files with the clips of a shard, so that nothing large goes through the runner."""

import os

import pytest

from pipelines.clip import Clip, Stamp
from pipelines.plan import make_plan
from pipelines.tasks import read_clips, write_clips, write_tasks

CLIPS = (
    Clip(
        clip_id="a", source=os.fsdecode(b"latin\xe9 \xf0\x9f\x8e\xb5.wav"), labels=("x", "y"), split="train", group="g"
    ),
    Clip(
        clip_id="b",
        source="b.tar",
        labels=(),
        split="test",
        group="b",
        start=0.1,
        end=1e-3 + 2,
        stamp=Stamp(2**40, 1_700_000_000_123_456_789),
        member="x/y.wav",
    ),
)


@pytest.mark.parametrize("clips", [CLIPS, (), CLIPS[:1]])
def test_clips_come_back_as_they_were(tmp_path, clips):
    """Names that are no text, times to the nanosecond, no label; the same bytes every time."""
    write_clips(tmp_path / "1", clips)
    write_clips(tmp_path / "2", iter(clips))
    assert read_clips(tmp_path / "1") == clips
    assert (tmp_path / "1").read_bytes() == (tmp_path / "2").read_bytes()


def test_a_plan_gives_its_clips_away(small):
    """The files have them, and what is left of the plan has names only."""
    plan = make_plan(small())
    tasks = write_tasks(plan, plan.shards)
    assert tuple(read_clips(plan.folder / "tasks" / f"{shard.name}.json") for shard in plan.shards) == tuple(
        shard.clips for shard in plan.shards
    )
    assert [task.part_path for task in tasks] == [str(plan.part_path(shard)) for shard in plan.shards]
    light = plan.without_clips()
    assert light.listed.clips == ()
    assert not any(shard.clips for shard in light.shards)
    assert [shard.name for shard in light.shards] == [shard.name for shard in plan.shards]
    assert (light.key, light.labels, light.folder) == (plan.key, plan.labels, plan.folder)
