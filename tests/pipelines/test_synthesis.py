"""The synthetic sounds are what their names say, and the same everywhere."""

import hashlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from pipelines.corpora.config import SyntheticConfig
from pipelines.corpora.synthetic import CLASSES
from pipelines.synthesis import SOUNDS, render

CONFIG = SyntheticConfig()
RATE = 16_000


def power(label: str, index: int) -> np.ndarray:
    """Power spectrum [8001], one bin per Hz."""
    return np.abs(np.fft.rfft(render(f"{label}/{index:05d}", CONFIG, sample_rate=RATE))) ** 2


def pitch_course(label: str, index: int) -> np.ndarray:
    """The loudest frequency in Hz of frames that hold the sound."""
    frames = render(f"{label}/{index:05d}", CONFIG, sample_rate=RATE)[: 15 * 1024].reshape(15, 1024)
    spectra = np.abs(np.fft.rfft(frames * np.hanning(1024)))
    loud = spectra.max(axis=1) > 0.3 * spectra.max()
    return spectra.argmax(axis=1)[loud] * RATE / 1024


def envelope_power(label: str, index: int) -> float:
    """Variance of the level over 10 ms frames within the sound, relative to its square."""
    frames = render(f"{label}/{index:05d}", CONFIG, sample_rate=RATE).reshape(100, 160)
    level = np.sqrt(np.mean(frames**2, axis=1))
    loud = np.flatnonzero(level > 0.5 * level.max())
    inner = level[loud[0] + 5 : loud[-1] - 4]
    return float(np.var(inner) / np.mean(inner) ** 2)


def test_names_and_sounds_agree():
    """Every listed class can be rendered, and no other."""
    assert tuple(sorted(SOUNDS)) == CLASSES
    assert len(CLASSES) >= 10


def test_a_clip_is_the_same_in_every_process():
    """From the seed and the id alone."""
    code = (
        "import hashlib; from pipelines.synthesis import render; "
        "from pipelines.corpora.config import SyntheticConfig; "
        "from pipelines.corpora.synthetic import CLASSES; print(hashlib.sha256(b''.join("
        "render(f'{c}/00003', SyntheticConfig(), sample_rate=16000).tobytes() "
        "for c in CLASSES)).hexdigest())"
    )
    here = hashlib.sha256(
        b"".join(render(f"{label}/00003", CONFIG, sample_rate=RATE).tobytes() for label in CLASSES)
    ).hexdigest()
    there = subprocess.run(
        [sys.executable, "-c", code],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
    )
    assert there.stdout.strip() == here


@pytest.mark.parametrize("label", CLASSES)
def test_level_noise_and_seed_vary(label):
    """No two clips alike, peaks from -30 dB to full scale, another seed another sound."""
    clips = np.stack([render(f"{label}/{index:05d}", CONFIG, sample_rate=RATE) for index in range(24)])
    peaks = 20 * np.log10(np.max(np.abs(clips), axis=1))
    assert -31.0 < peaks.min() < -20.0 < -14.0 < peaks.max() <= 0.0
    assert len({clip.tobytes() for clip in clips}) == 24
    other = render(f"{label}/00000", SyntheticConfig(seed=1), sample_rate=RATE)
    assert not np.array_equal(other, clips[0])


@pytest.mark.parametrize("duration_ms", [25.0, 40.0, 3000.0])
@pytest.mark.parametrize("rate", [1_000, 8_000, 44_100])
@pytest.mark.parametrize("label", CLASSES)
def test_any_rate_and_duration(label, rate, duration_ms):
    """As long as asked, finite, and not silent."""
    config = SyntheticConfig(duration_ms=duration_ms)
    clip = render(f"{label}/00000", config, sample_rate=rate)
    assert clip.shape == (round(duration_ms * rate / 1000),)
    assert np.isfinite(clip).all()
    assert 1e-3 < np.max(np.abs(clip)) < 1.0


@pytest.mark.parametrize("index", range(8))
def test_sounds_are_what_they_are_called(index):
    """Band energies, courses of pitch and envelopes tell the classes apart."""
    assert power("low_noise", index)[:1000].sum() > 0.8 * power("low_noise", index).sum()
    assert power("high_noise", index)[2500:].sum() > 0.8 * power("high_noise", index).sum()
    up, down = pitch_course("chirp_up", index), pitch_course("chirp_down", index)
    assert up[-1] > 1.8 * up[0]
    assert down[-1] < down[0] / 1.8
    assert np.ptp(pitch_course("pure_tone", index)) < 32.0
    vibrato = pitch_course("fm_tone", index)
    assert vibrato.max() > 1.2 * vibrato.min()
    assert envelope_power("am_tone", index) > 0.08
    assert envelope_power("pure_tone", index) < 0.02
    tone, pair = power("pure_tone", index), power("two_tone", index)
    assert np.sort(tone)[-20:].sum() > 0.85 * tone.sum()
    first = pair.argmax()
    pair[max(first - 60, 0) : first + 60] = 0.0
    assert pair.max() > 0.2 * power("two_tone", index).max()
    for label in ("clicks", "noise_bursts"):
        assert envelope_power(label, index) > 0.1
