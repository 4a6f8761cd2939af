"""Near duplicates: what is the same is found, what is not is not, on real recordings."""

import io
import itertools
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr

from pipelines import audio
from pipelines.fingerprint import SAME, SKETCH, Sketch, at_low_rate, candidates, correlation, sketch

CORPORA = Path(__file__).parents[3] / "shared/corpora"
RATE = 16_000


def recordings(pattern: str, step: int) -> list[tuple[np.ndarray, int]]:
    """Every so manieth real recording: mono waveform and rate."""
    paths = sorted(CORPORA.glob(pattern))[::step]
    if not paths:
        pytest.skip("needs ../shared/corpora")
    found = []
    for path in paths:
        waveform, rate = soundfile.read(path, dtype="float32", always_2d=True)
        found.append((waveform.mean(axis=1), rate))
    return found


def stored(waveform: np.ndarray, rate: int) -> np.ndarray:
    """As a snapshot has it."""
    resampled = audio.resample(waveform.astype(np.float32), source_rate=rate, target_rate=RATE)
    return audio.quantise(resampled)


def found_alike(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether both steps say so."""
    if not candidates([sketch(samples, rate=RATE) for samples in (one, other)]):
        return False
    return correlation(at_low_rate(one, RATE), at_low_rate(other, RATE)) >= SAME


def mp3(waveform: np.ndarray, rate: int) -> tuple[np.ndarray, int]:
    """Encoded at the constant rate nearest to 64 kb/s, and decoded."""
    coded = []
    for level in (0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9):
        stream = io.BytesIO()
        soundfile.write(stream, waveform, rate, format="MP3", bitrate_mode="CONSTANT", compression_level=level)
        coded.append(stream)
    nearest = min(coded, key=lambda stream: abs(8 * len(stream.getvalue()) * rate / len(waveform) - 64_000))
    nearest.seek(0)
    return soundfile.read(nearest, dtype="float32")


def noisy(waveform: np.ndarray, rate: int) -> tuple[np.ndarray, int]:
    """White noise 30 dB below the recording."""
    noise = np.random.default_rng(0).standard_normal(len(waveform))
    return waveform + np.sqrt(np.mean(waveform**2)) * 10**-1.5 * noise, rate


def later(milliseconds: float) -> Callable[[np.ndarray, int], tuple[np.ndarray, int]]:
    """Without the beginning."""
    return lambda waveform, rate: (waveform[round(milliseconds * rate / 1000) :], rate)


CHANGES = {
    "mp3": mp3,
    "quieter": lambda waveform, rate: (0.2 * waveform, rate),
    "inverted": lambda waveform, rate: (-waveform, rate),
    "at 22050": lambda waveform, rate: (soxr.resample(waveform, rate, 22_050), 22_050),
    "at 8000": lambda waveform, rate: (soxr.resample(waveform, rate, 8_000), 8_000),
    "noisy": noisy,
    "10 ms": later(10),
    "37 ms": later(37),
    "padded": lambda waveform, rate: (np.pad(waveform, (rate // 4 + 7, rate // 3)), rate),
}


@pytest.mark.parametrize("change", [*CHANGES, "100 ms", "500 ms"])
@pytest.mark.parametrize(("pattern", "step"), [("esc10/*/*.ogg", 16), ("voices_cc0/*/*/*", 5)])
def test_sounds_of_seconds_are_found_again(pattern, step, change):
    """Of 20 to 25 each, at most one in ten is missed."""
    clips = recordings(pattern, step)
    alter = CHANGES.get(change) or later(float(change.split()[0]))
    missed = [not found_alike(stored(*clip), stored(*alter(*clip))) for clip in clips]
    assert len(missed) >= 20
    assert np.mean(missed) <= 0.1


@pytest.mark.parametrize("change", CHANGES)
def test_words_of_less_than_half_a_second_are_found_again(change):
    """Of 50 digits at most one is missed."""
    clips = recordings("fsdd/recordings/*.wav", 60)
    assert sum(not found_alike(stored(*clip), stored(*CHANGES[change](*clip))) for clip in clips) <= 1


@pytest.mark.parametrize(
    "pattern", ["fsdd/recordings/[37]_*.wav", "esc10/*Rain/*.ogg", "esc10/*Dog bark/*.ogg", "voices_cc0/*/*/*"]
)
def test_different_recordings_of_one_class_are_not_alike(pattern):
    """The same digit by the same speaker, rain and rain: none of up to 180,000 pairs."""
    samples = [stored(*clip) for clip in recordings(pattern, 1)]
    pairs = candidates([sketch(one, rate=RATE) for one in samples])
    low = [at_low_rate(one, RATE) for one in samples]
    assert [pair for pair in pairs if correlation(low[pair[0]], low[pair[1]]) >= SAME] == []


def test_a_copy_is_found_among_many():
    """At the other end of a corpus, and only it; whatever the order."""
    clips = [stored(*clip) for clip in recordings("fsdd/recordings/*.wav", 10)]
    sketches = [sketch(one, rate=RATE) for one in clips]
    copy = sketch(stored(*mp3(clips[7] / np.float32(32_768), RATE)), rate=RATE)
    low = [at_low_rate(one, RATE) for one in clips]
    found = [pair for pair in candidates([*sketches, copy]) if len(clips) in pair]
    assert (7, len(clips)) in found
    assert [one for one, _ in found if correlation(low[one], low[7]) >= SAME] == [7]
    assert (0, 8) in candidates([copy, *sketches])


def test_a_sketch_is_small_and_sorted(noise):
    """Of a second or of a minute; silence has none."""
    for length in (RATE, 60 * RATE):
        hashes, times = sketch(stored(noise(length), RATE), rate=RATE)
        assert len(hashes) == len(times) == SKETCH
        assert np.all(np.diff(hashes.astype(np.int64)) > 0)
    for length in (RATE, 1, 0):
        assert len(sketch(np.zeros(length, "<i2"), rate=RATE)[0]) == 0


def test_a_hash_of_many_clips_says_nothing():
    """A hum that all clips share makes no pair of them; sketches without a hash are no clips' copies."""
    shared = (np.arange(20, dtype=np.uint32), np.zeros(20, np.int32))
    assert len(candidates([shared] * 64)) == 64 * 63 // 2
    assert candidates([shared] * 65) == []
    empty: Sketch = (np.zeros(0, np.uint32), np.zeros(0, np.int32))
    assert candidates([]) == candidates([empty] * 3) == []


def test_hashes_must_agree_at_one_shift():
    """Four at the same or the next frame make a candidate; four at times of their own do not."""
    hashes = np.arange(4, dtype=np.uint32)
    times = [np.array(at, np.int32) for at in ([10, 20, 30, 40], [110, 121, 130, 141], [10, 25, 60, 90])]
    pairs = candidates([(hashes, at) for at in times])
    assert pairs == [(0, 1)]


def test_correlation_is_that_of_numpy(noise):
    """At every whole lag that keeps half of the shorter, or a little more between two; of silence it is 0."""
    one, other = noise(300, seed=1), noise(200, seed=2)
    other[50:150] += one[100:200]
    best = 0.0
    for lag in range(-100, 201):
        begin, end = max(lag, 0), min(300, 200 + lag)
        first, second = one[begin:end], other[begin - lag : end - lag]
        best = max(best, abs(first @ second) / np.sqrt((first @ first) * (second @ second)))
    assert best - 1e-5 < correlation(one, other) < best + 0.05
    for left, right in itertools.product((one, np.zeros(100, np.float32)), repeat=2):
        assert correlation(left, right) == pytest.approx(float(left is one and right is one), abs=1e-6)
