"""Quality: each measure on signals whose answer is known, whatever the blocks, and what a corpus has as a rule."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr

from pipelines import sndfile
from pipelines.audio import mono
from pipelines.ledger import LedgerRows, read_ledger
from pipelines.plan import make_plan
from pipelines.prepare import prepare
from pipelines.quality import Quality, QualityMeter, add_waveforms, qualities, silent_shares
from pipelines.statistics import statistics

CORPORA = Path(__file__).parents[3] / "shared/corpora"


def quality_of(path: Path) -> Quality:
    """Of a file, as preparation measures it."""
    recording = sndfile.open_recording(os.fsencode(path))
    meter = QualityMeter(recording.rate)
    for block in recording.blocks:
        meter.add_channels(block)
        add_waveforms([meter], [mono(block)])
    (quality,) = qualities([meter])
    assert quality is not None
    return quality


def measure(waveform: np.ndarray, *, rate: int) -> Quality | None:
    """Of a mono waveform."""
    meter = QualityMeter(rate)
    if len(waveform):
        meter.add_channels(waveform[:, None])
        add_waveforms([meter], [waveform])
    return qualities([meter])[0]


def stored(path: Path, waveform: np.ndarray, rate: int, subtype: str = "PCM_16") -> Path:
    """Writes a WAV file."""
    soundfile.write(path, waveform, rate, subtype=subtype)
    return path


@pytest.mark.parametrize("rate", [16_000, 44_100, 48_000])
@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "FLOAT"])
def test_an_upsampled_recording_shows_its_old_band(tmp_path, rate, subtype):
    """8 kHz noise in a file of another rate: 4 kHz, to one band of 64."""
    narrow = 0.1 * np.random.default_rng(0).standard_normal(24_000)
    path = stored(tmp_path / "a.wav", soxr.resample(narrow, 8_000, rate), rate, subtype)
    assert quality_of(path).bandwidth_hz == pytest.approx(4_000, abs=1.5 * rate / 2 / 64)


def test_real_speech_that_was_upsampled(tmp_path):
    """Digits recorded at 8 kHz, resampled to 44.1 kHz and rounded to 16 bits: about 4 kHz, for every one."""
    recordings = sorted(CORPORA.glob("fsdd/recordings/*.wav"))[::150]
    if not recordings:
        pytest.skip("needs ../shared/corpora/fsdd")
    for recording in recordings:
        waveform, rate = soundfile.read(recording)
        path = stored(tmp_path / "a.wav", np.clip(soxr.resample(waveform, rate, 44_100), -1, 1), 44_100)
        assert 3_300 < quality_of(path).bandwidth_hz < 4_500


@pytest.mark.parametrize("rate", [8_000, 16_000, 96_000])
def test_white_noise_fills_its_band(tmp_path, rate):
    """The bandwidth is half the rate; a whistle above a narrow band does not count."""
    noise = 0.1 * np.random.default_rng(1).standard_normal(2 * rate)
    assert quality_of(stored(tmp_path / "a.wav", noise, rate)).bandwidth_hz == rate / 2
    narrow = soxr.resample(noise, rate, rate // 4)
    whistle = 0.05 * np.sin(2 * np.pi * 0.45 * np.arange(2 * rate))
    path = stored(tmp_path / "b.wav", soxr.resample(narrow, rate // 4, rate)[: 2 * rate] + whistle, rate)
    assert quality_of(path).bandwidth_hz == pytest.approx(rate / 8, abs=1.5 * rate / 2 / 64)


def test_levels_of_the_source(tmp_path):
    """A sine of 0.5 upon 0.1, of which the loudest channel counts; a square wave at full scale is clipped always."""
    sine = 0.5 * np.sin(2 * np.pi * 440 * np.arange(16_000) / 16_000)
    quality = quality_of(stored(tmp_path / "a.wav", np.stack([0.1 + sine, 0.1 + sine / 2], 1), 16_000))
    assert quality.peak_db == pytest.approx(20 * np.log10(0.6), abs=0.01)
    assert quality.dc_offset == pytest.approx(0.1, abs=1e-4)
    assert quality.swing_db == pytest.approx(20 * np.log10(0.375), abs=0.01)
    assert (quality.full_scale_share, quality.dead_channels, quality.scaling_lost) == (0.0, 0, False)
    square = np.sign(sine) * np.where(np.arange(16_000) < 4_000, 1.0, 0.5)
    clipped = quality_of(stored(tmp_path / "b.wav", square, 16_000)).full_scale_share
    assert clipped == pytest.approx(0.25, abs=0.01)


@pytest.mark.parametrize("silence", [0.0, 0.3])
def test_a_dead_channel(tmp_path, noise, silence):
    """Silent or constant beside others; none where all sound, or where nothing does."""
    dead = np.full(8_000, silence, np.float32)
    assert quality_of(stored(tmp_path / "a.wav", np.stack([noise(), dead], 1), 16_000)).dead_channels == 1
    assert quality_of(stored(tmp_path / "b.wav", np.stack([dead, noise(), dead], 1), 16_000)).dead_channels == 2
    assert quality_of(stored(tmp_path / "c.wav", np.stack([noise(), noise(seed=1)], 1), 16_000)).dead_channels == 0
    assert quality_of(stored(tmp_path / "d.wav", np.stack([dead, dead], 1), 16_000)).dead_channels == 0


def test_a_channel_that_wakes_late(tmp_path, noise):
    """It is not dead, however many blocks it was silent for."""
    late = np.concatenate([np.zeros(200_000, np.float32), noise(4_000)])
    path = stored(tmp_path / "a.wav", np.stack([noise(204_000), late], 1), 16_000)
    assert quality_of(path).dead_channels == 0


@pytest.mark.parametrize("steps", [1, 4])
def test_a_lost_scale(tmp_path, noise, steps):
    """Whole steps of 16 bits, few of them; or integers as floats. A quiet recording in finer steps is only quiet."""
    tiny = np.rint(noise() / np.abs(noise()).max() * steps) / 32_768
    assert quality_of(stored(tmp_path / "a.wav", tiny, 16_000)).scaling_lost
    assert quality_of(stored(tmp_path / "b.wav", np.rint(noise() * 32_768), 16_000, "FLOAT")).scaling_lost
    assert not quality_of(stored(tmp_path / "c.wav", noise() * 1e-4, 16_000, "FLOAT")).scaling_lost
    assert not quality_of(stored(tmp_path / "d.wav", noise() * 1.5e-2, 16_000)).scaling_lost
    assert not quality_of(stored(tmp_path / "e.wav", np.zeros(8_000), 16_000)).scaling_lost


@pytest.mark.parametrize("size", [1_000, 65_536, 100_000])
def test_blocks_do_not_matter(noise, size):
    """But for the place of the windows, which is within a band."""
    block = np.stack([noise(150_000), np.zeros(150_000, np.float32)], 1)
    whole, parts = measure(block.mean(1), rate=16_000), QualityMeter(16_000)
    for begin in range(0, len(block), size):
        part = block[begin : begin + size]
        parts.add_channels(part)
        add_waveforms([parts], [part.mean(1)])
    (found,) = qualities([parts])
    assert found.dead_channels == 1
    assert (found.swing_db, found.bandwidth_hz) == (pytest.approx(whole.swing_db), whole.bandwidth_hz)
    assert found.dc_offset == pytest.approx(whole.dc_offset, abs=1e-7)


def test_no_quality_without_finite_samples(noise):
    """Nor without any."""
    assert measure(np.zeros(0, np.float32), rate=16_000) is None
    for bad in (np.nan, np.inf, -np.inf):
        waveform = noise()
        waveform[5_000] = bad
        assert measure(waveform, rate=16_000) is None


def test_silent_frames(noise):
    """A quarter of the time is digital silence, another is a constant; the rest is not."""
    samples = np.rint(noise(16_000) * 32_768).astype("<i2")
    samples[4_000:8_000], samples[12_000:] = 0, -32_768
    assert silent_shares([samples], rate=16_000) == [pytest.approx(0.5, abs=0.03)]
    assert silent_shares([np.array([-32_768, 32_767], "<i2")], rate=16_000) == [0.0]


def test_one_sample_ends_the_silence_of_its_frame_alone():
    """Wherever in the frame it is: 320 samples at 16 kHz, and two steps are silent still."""
    for place in range(320):
        samples = np.zeros(3_200, "<i2")
        samples[320 + place], samples[640 + place] = 3, 2
        assert silent_shares([samples], rate=16_000) == [0.9]


def test_the_ledger_and_the_statistics_say_it(tmp_path, noise, request_for):
    """A stereo clip with a dead channel and an offset is kept, measured, and named among the defects."""
    source = tmp_path / "source/a"
    source.mkdir(parents=True)
    stored(source / "dead.wav", np.stack([noise() + 0.05, np.zeros(8_000)], 1), 44_100)
    for name in "bcd":
        stored(source / f"{name}.wav", noise(seed=ord(name)), 44_100)
    folder = Path(prepare(request_for("folder", source=source.parent)).snapshot)
    row = {row.clip_id: row for row in read_ledger(folder / "clips.parquet")}["a/dead.wav"]
    assert (row.status, row.dead_channels, row.scaling_lost) == ("kept", 1, False)
    assert row.dc_offset == pytest.approx(0.025, abs=1e-3)
    assert row.bandwidth_hz == 22_050
    summary = json.loads((folder / "stats.json").read_text())
    assert summary["defects"]["dead_channel"]["clips"] == ["a/dead.wav"]
    assert summary["defects"]["dc_offset"]["clips"] == ["a/dead.wav"]
    assert summary["findings"] == []


def test_a_corpus_that_lost_its_scale_is_said_to_have(tmp_path, noise, request_for):
    """Every clip has a peak of one step: all are silent, and the error says what the corpus is, not only the clips."""
    source = tmp_path / "source/a"
    source.mkdir(parents=True)
    for seed in range(6):
        stored(source / f"{seed}.wav", np.sign(np.rint(noise(seed=seed) * 8)) / 32_768, 16_000)
    request = request_for("folder", source=source.parent)
    with pytest.raises(ValueError, match="1 of 32768 steps: the scale was lost") as refused:
        prepare(request)
    assert "100% of the clips have lost their scale" in str(refused.value)
    rows = LedgerRows(make_plan(request).folder / "clips.parquet")
    assert {row.status for row in rows} == {"silent"}
    assert all(row.scaling_lost for row in rows)
    assert len(statistics(rows, sample_rate=16_000, ignored=())["findings"]) == 1


def test_a_corpus_that_is_nearly_silent_is_said_to_be(tmp_path, noise, request_for):
    """Kept, 24 bits deep, 70 dB below full scale: no clip has lost its scale, and the corpus is not well."""
    source = tmp_path / "source/a"
    source.mkdir(parents=True)
    for seed in range(6):
        waveform = noise(seed=seed)
        stored(source / f"{seed}.wav", waveform / np.abs(waveform).max() * 10**-3.5, 16_000, "PCM_24")
    folder = Path(prepare(request_for("folder", source=source.parent)).snapshot)
    summary = json.loads((folder / "stats.json").read_text())
    assert summary["findings"] == ["The corpus is nearly silent: half of its clips peak below -70.0 dB."]
    assert summary["defects"]["scaling_lost"]["count"] == 0
