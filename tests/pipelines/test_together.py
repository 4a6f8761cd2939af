"""Clips that are decoded many at once: each comes out as if it had been alone."""

import io
import itertools
import random

import numpy as np

from pipelines import audio
from pipelines.clip import Clip, stamp_of
from pipelines.config import PrepareConfig
from pipelines.examples import decode
from pipelines.making import store_clips
from pipelines.shards import ShardWriter, read_shard


def _rows(tmp_path, clips):
    """Of clips that are stored together, the row and the record of each, by id."""
    stream = io.BytesIO()
    rows = store_clips(
        clips,
        ShardWriter(stream),
        shard="s",
        folder=str(tmp_path),
        labels=("a",),
        config=PrepareConfig(corpus="folder"),
    )
    records = {record.clip_id: record.samples.tobytes() for record in _records(stream.getvalue(), tmp_path)}
    return {row.clip_id: (row._replace(record=None, waveform_offset=None), records.get(row.clip_id)) for row in rows}


def _records(content, folder):
    (folder / "shard").write_bytes(content)
    return [decode(payload) for _, payload in read_shard(folder / "shard")]


def test_what_becomes_of_a_clip_does_not_depend_on_those_beside_it(tmp_path, write_audio, noise):
    """Short and long, of all rates and channels, good and bad: together in any order, and alone."""
    names = []
    for index, (rate, length) in enumerate(
        itertools.product((8_000, 16_000, 44_100), (30, 700, 5_000, 20_000, 90_000))
    ):
        sound = np.stack([noise(length, seed=index + n) for n in range(1 + index % 3)], axis=1)
        sound[length // 2 :] *= 1e-6 if index % 4 == 1 else 10.0 if index % 4 == 2 else 1.0  # still, clipped, neither
        names.append(write_audio(tmp_path / f"{index}.wav", sound, rate, subtype="FLOAT").name)
    bad = noise(3_000)
    bad[7] = np.nan
    names.append(write_audio(tmp_path / "nan.wav", bad, 8_000, subtype="FLOAT").name)
    names.append(write_audio(tmp_path / "hot.wav", 3.4e38 * np.sign(noise(9_000)), 44_100, subtype="FLOAT").name)
    names.append(write_audio(tmp_path / "silent.wav", np.zeros(6_000), 8_000).name)
    (tmp_path / "text.wav").write_text("no audio")
    clips = [
        Clip(clip_id=name, source=name, labels=("a",), split="train", group=name, stamp=stamp_of(str(tmp_path / name)))
        for name in (*names, "text.wav")
    ]
    alone = {}
    for clip in clips:
        alone |= _rows(tmp_path, [clip])
    assert {row.status for row, _ in alone.values()} == {"kept", "too_short", "non_finite", "silent", "unsupported"}
    for seed in range(5):
        assert _rows(tmp_path, random.Random(seed).sample(clips, len(clips))) == alone


def test_what_cannot_be_resampled_together_is_resampled_alone(tmp_path, write_audio, noise, monkeypatch):
    """And only the one that fails then is rejected, with its reason."""
    lengths = (3_000, 4_000, 5_000)
    names = [write_audio(tmp_path / f"{length}.wav", noise(length), 8_000).name for length in lengths]
    clips = [
        Clip(clip_id=name, source=name, labels=("a",), split="train", group=name, stamp=stamp_of(str(tmp_path / name)))
        for name in names
    ]
    expected = _rows(tmp_path, clips)
    resample = audio.resample

    def no_memory(*_, **__):
        raise MemoryError

    def no_memory_for_one(waveform, **rates):
        return no_memory() if len(waveform) == 4_000 else resample(waveform, **rates)

    monkeypatch.setattr(audio, "resample_together", no_memory)
    assert _rows(tmp_path, clips) == expected
    monkeypatch.setattr(audio, "resample", no_memory_for_one)
    found = _rows(tmp_path, clips)
    assert found["4000.wav"][0].status == "corrupt"
    assert "memory" in found["4000.wav"][0].reason
    assert {name: found[name] for name in ("3000.wav", "5000.wav")} == {
        name: expected[name] for name in ("3000.wav", "5000.wav")
    }
