"""How many clips a shard has: from the sizes of the recordings, never from who makes it."""

import itertools

import numpy as np
import pytest

from pipelines.clip import Clip, Listed, Stamp, stamp_of
from pipelines.config import PrepareConfig
from pipelines.corpora.config import SyntheticConfig
from pipelines.listing import list_request
from pipelines.plan import clips_per_shard, make_plan, shard_name
from pipelines.sizes import Weights, estimate_sizes, sample

CONFIG = PrepareConfig(corpus="folder")


def clip(name, **fields):
    """A clip of the training set."""
    return Clip(clip_id=name, source=fields.pop("source", name), labels=("a",), split="train", group=name, **fields)


def listed_in(folder, **fields):
    """Every file of the folder as a clip."""
    clips = [clip(path.name, stamp=stamp_of(str(path)), **fields) for path in sorted(folder.iterdir())]
    return Listed(clips=tuple(clips), folder=str(folder))


@pytest.mark.parametrize(
    ("suffix", "rate", "kind"),
    [("wav", 44_100, {"subtype": "PCM_24"}), ("wav", 8_000, {}), ("flac", 48_000, {}), ("flac", 16_000, {})],
)
def test_wav_and_flac_say_how_long_they_are(tmp_path, noise, write_audio, suffix, rate, kind):
    """Within a hundredth, whatever the rate and the depth: 30 recordings of 1 to 3 s."""
    seconds = np.linspace(1.0, 3.0, 30)
    for number, length in enumerate(seconds):
        stereo = np.stack([noise(int(length * rate))] * 2, 1)
        write_audio(tmp_path / f"{number}.{suffix}", stereo, rate, **kind)
    sizes = estimate_sizes(listed_in(tmp_path), CONFIG)
    assert sizes.seconds == pytest.approx(seconds.sum(), rel=0.01)
    assert sizes.output_bytes == pytest.approx(32_000 * seconds.sum(), rel=0.02)
    assert sizes.source_bytes == sum(path.stat().st_size for path in tmp_path.iterdir())


def test_other_formats_are_taken_at_their_usual_rates(tmp_path, noise, write_audio):
    """Within a factor of three: enough for a number of shards."""
    for suffix in ("mp3", "ogg"):
        folder = tmp_path / suffix
        for number in range(5):
            write_audio(folder / f"{number}.{suffix}", noise(5 * 44_100), 44_100)
        assert 25 / 3 < estimate_sizes(listed_in(folder), CONFIG).seconds < 25 * 3


@pytest.mark.parametrize("head", [b"", b"<html>", b"RIFF\xff\xff\xff\xffWAVEfmt " + bytes(60), b"fLaC" + b"\xff" * 60])
def test_headers_that_lie_do_not_count(tmp_path, write_audio, noise, head):
    """Rates of zero and billions of samples: the others are taken for what is there."""
    write_audio(tmp_path / "good.wav", noise(160_000))
    (tmp_path / "bad.wav").write_bytes(head + bytes(1000 if head else 0))
    assert estimate_sizes(listed_in(tmp_path), CONFIG).seconds == pytest.approx(10.0, rel=0.01)


def test_segments_and_members_share_their_file(tmp_path):
    """Spans say how long they are; an archive's bytes count once; clips without a file count nothing."""
    stamp = Stamp(1000, 1)
    spans = [clip(f"s{n}", source="long.wav", start=2.0 * n, end=2.0 * n + 2.0, stamp=stamp) for n in range(4)]
    members = [clip(f"m{n}", source="a.tar", member=f"{n}.wav", stamp=stamp) for n in range(10)]
    listed = Listed(clips=(*spans, *members, clip("missing")), folder=str(tmp_path))
    sizes = estimate_sizes(listed, CONFIG)
    assert (sizes.with_audio, sizes.source_bytes) == (14, 2000)
    assert sizes.seconds == pytest.approx(8.0, abs=0.1)
    assert Weights(listed.clips).of(members[0]) == 100.0


def test_the_sample_is_chosen_by_the_ids(tmp_path):
    """The same in any order; of clips with a file only."""
    clips = [clip(f"{n}", stamp=Stamp(1, 1) if n % 2 else None) for n in range(100)]
    chosen = sample(clips, 10)
    assert chosen == sample(clips[::-1], 10)
    assert all(int(one.clip_id) % 2 for one in chosen)
    assert chosen != sample(clips[1::2][:10], 10)


@pytest.mark.parametrize(
    ("clips", "mean_bytes", "least", "most"),
    [
        (2_000_000, 320_000, 100e6, 200e6),  # AudioSet
        (22_160, 320_000, 100e6, 200e6),
        (281_241, 384_000, 100e6, 200e6),  # LibriSpeech, 12 s
        (2_000, 160_000, 10e6, 40e6),  # ESC-50: 16 shards rather than two large ones
        (100, 5_000, 0, 32 * 5_000),
    ],
)
def test_shards_have_100_to_200_mb(clips, mean_bytes, least, most):
    """Or there are sixteen, if every one of them has something to do."""
    assert least <= clips_per_shard(clips, clips * mean_bytes) * mean_bytes <= most


def test_a_shard_is_never_without_end():
    """Nor without a clip: two million missing clips, and one recording of a day."""
    assert 1_000 <= clips_per_shard(2_000_000, 0.0) <= 20_000
    assert clips_per_shard(3, 3 * 2.7e9) == 1
    assert clips_per_shard(0, 0.0) >= 1


def test_the_number_of_clips_is_in_the_plan_and_its_key(small):
    """Chosen or given: the same number is the same snapshot; workers change neither."""
    chosen = make_plan(small(clips_per_shard=None))
    given = make_plan(small(clips_per_shard=chosen.config.clips_per_shard))
    assert chosen.config.clips_per_shard is not None
    assert (chosen.key, chosen.shards) == (given.key, given.shards)
    assert make_plan(small(clips_per_shard=None, workers=7)).key == chosen.key
    assert list_request(small(clips_per_shard=None)).num_shards == len(chosen.shards)


@pytest.fixture
def small(request_for):
    """A request for 22 clips of a second."""

    def make(**options):
        return request_for("synthetic", synthetic=SyntheticConfig(clips_per_class=2), **options)

    return make


@pytest.mark.parametrize("count", [1, 16, 99_999, 100_000, 100_001, 1_234_567])
def test_names_of_shards_sort_as_their_numbers(count):
    """Five digits, and as many as the count has beyond 99,999, in both places."""
    indices = [index for index in (0, 1, 9, 99_999, 100_000, count - 1) if index < count]
    names = [shard_name("train", index, count) for index in sorted(set(indices))]
    assert names == sorted(names)
    assert len({len(name) for name in names}) == 1
    digits = {len(part) for name in names for part in name.removesuffix(".tfrecord").split("-")[1::2]}
    assert digits == {max(5, len(str(count)))}
    assert [int(name.split("-")[1]) for name in names] == sorted(set(indices))


def test_a_million_shards_are_named_once(tmp_path, request_for, monkeypatch):
    """More than 99,999 of them: one for each clip of a made-up corpus."""
    clips = tuple(clip(f"{number:06d}") for number in range(100_100))
    listed = Listed(clips=clips, folder="")
    monkeypatch.setattr("pipelines.plan.list_corpus", lambda *_: listed)
    plan = make_plan(request_for("folder", source=tmp_path, clips_per_shard=1))
    names = [shard.name for shard in plan.shards]
    assert len(set(names)) == 100_100
    assert names == sorted(names)
    assert names[0] == "train-000000-of-100100.tfrecord"
    assert all(len(shard.clips) == 1 for shard in plan.shards)


def test_rows_of_a_table_are_taken_in_their_order(tmp_path, request_for, monkeypatch):
    """Tables are read in blocks; which rows a shard has is chance still, and it has all of its own."""
    clips = tuple(
        clip(f"{n:04d}", source=f"{n % 2}.parquet", member=str(n // 2), stamp=Stamp(9, 9)) for n in range(400)
    )
    monkeypatch.setattr("pipelines.plan.list_corpus", lambda *_: Listed(clips=clips, folder=str(tmp_path)))
    plan = make_plan(request_for("folder", source=tmp_path, clips_per_shard=100))
    assert {one for shard in plan.shards for one in shard.clips} == set(clips)
    for shard in plan.shards:
        assert len(shard.clips) == 100
        for one, other in itertools.pairwise(shard.clips):
            assert (one.source, int(one.member)) < (other.source, int(other.member))
        assert 30 < sum(int(one.member) < 100 for one in shard.clips) < 70


def test_two_clips_of_one_id_are_refused(tmp_path, request_for, monkeypatch):
    """Whatever corpus lists them."""
    monkeypatch.setattr("pipelines.plan.list_corpus", lambda *_: Listed(clips=(clip("a"), clip("a")), folder=""))
    with pytest.raises(ValueError, match="`a` twice"):
        make_plan(request_for("folder", source=tmp_path))
