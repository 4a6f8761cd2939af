"""Renders the synthetic corpus: one kind of sound per class, everything else about it random.

Pitch, level (-30 to -6 dB), onset, length and the noise beneath (15 to 35 dB below) are drawn from a
generator seeded by (seed, clip id), so that a clip is the same alone and in any corpus.
"""

import hashlib
from collections.abc import Callable

import numpy as np

from pipelines.audio import Waveform
from pipelines.corpora.config import SyntheticConfig

_TOP_HZ = 8_000.0  # sounds lie below this, or below half the sample rate where that is lower

Signal = np.ndarray[tuple[int], np.dtype[np.float64]]


def render(clip_id: str, config: SyntheticConfig, *, sample_rate: int) -> Waveform:
    """The waveform of `<class>/<index>`: float32 [duration * sample_rate] within [-0.99, 0.99]."""
    digest = hashlib.sha256(f"{config.seed}:{clip_id}".encode()).digest()
    random = np.random.default_rng(np.frombuffer(digest, np.uint32))
    length = max(1, round(config.duration_ms * sample_rate / 1000.0))
    active = max(1, round(length * random.uniform(0.6, 0.95)))
    onset = int(random.integers(0, length - active + 1))
    times = np.arange(active) / sample_rate
    scale = min(1.0, sample_rate / 2.0 / _TOP_HZ)
    sound = SOUNDS[clip_id.partition("/")[0]](times, scale, random) * _fades(active)
    sound /= np.max(np.abs(sound)) + 1e-12
    level, snr_db = 10.0 ** (random.uniform(-30.0, -6.0) / 20.0), random.uniform(15.0, 35.0)
    noise = random.standard_normal(length)
    noise *= np.sqrt(np.mean(np.square(sound))) * 10.0 ** (-snr_db / 20.0)
    noise[onset : onset + active] += sound
    waveform: Waveform = np.clip(level * noise, -0.99, 0.99).astype(np.float32)
    return waveform


def _fades(length: int) -> Signal:
    """Raised-cosine edges of a twentieth of the sound each, against clicks."""
    edge = max(1, length // 20)
    ramp = 0.5 - 0.5 * np.cos(np.pi * (np.arange(edge) + 0.5) / edge)
    window = np.ones(length)
    window[:edge] *= ramp
    window[length - edge :] *= ramp[::-1]
    return window


def _log_uniform(random: np.random.Generator, low: float, high: float) -> float:
    return float(np.exp(random.uniform(np.log(low), np.log(high))))


def _glide(times: Signal, hz: Signal) -> Signal:
    """A sine that follows the frequencies `hz` [samples]."""
    step = times[1] - times[0] if len(times) > 1 else 0.0
    return np.sin(2.0 * np.pi * np.cumsum(hz) * step)


def _pure_tone(times: Signal, scale: float, random: np.random.Generator) -> Signal:
    return np.sin(2.0 * np.pi * _log_uniform(random, 300.0, 4000.0) * scale * times)


def _two_tone(times: Signal, scale: float, random: np.random.Generator) -> Signal:
    low = _log_uniform(random, 300.0, 1200.0) * scale
    high = low * random.uniform(2.2, 3.8)
    return np.sin(2.0 * np.pi * low * times) + random.uniform(0.7, 1.0) * np.sin(2.0 * np.pi * high * times)


def _harmonic_stack(times: Signal, scale: float, random: np.random.Generator) -> Signal:
    partials = np.arange(1, 13)[:, None]
    phases = random.uniform(0.0, 2.0 * np.pi, partials.shape)
    fundamental = _log_uniform(random, 150.0, 400.0) * scale
    stack = np.sin(2.0 * np.pi * fundamental * partials * times + phases) / np.sqrt(partials)
    return np.asarray(stack.sum(axis=0))


def _chirp(times: Signal, low_hz: float, high_hz: float, *, up: bool) -> Signal:
    course = np.linspace(0.0, 1.0, len(times))
    return _glide(times, low_hz * (high_hz / low_hz) ** (course if up else 1.0 - course))


def _chirp_up(times: Signal, scale: float, random: np.random.Generator) -> Signal:
    low = _log_uniform(random, 200.0, 800.0) * scale
    return _chirp(times, low, low * 2.0 ** random.uniform(1.5, 3.0), up=True)


def _chirp_down(times: Signal, scale: float, random: np.random.Generator) -> Signal:
    low = _log_uniform(random, 200.0, 800.0) * scale
    return _chirp(times, low, low * 2.0 ** random.uniform(1.5, 3.0), up=False)


def _band_noise(times: Signal, low_hz: float, high_hz: float, random: np.random.Generator) -> Signal:
    if len(times) < 2:
        return np.ones(len(times))
    spectrum = np.fft.rfft(random.standard_normal(len(times)))
    hz = np.fft.rfftfreq(len(times), times[1] - times[0])
    # One bin more on each side, so that a band between two bins of a short clip is not empty.
    band = (hz > 0.0) & (hz >= low_hz - hz[1]) & (hz <= high_hz + hz[1])
    return np.fft.irfft(spectrum * band, len(times))


def _low_noise(times: Signal, scale: float, random: np.random.Generator) -> Signal:
    low, width = random.uniform(80.0, 250.0), random.uniform(300.0, 600.0)
    return _band_noise(times, low * scale, (low + width) * scale, random)


def _high_noise(times: Signal, scale: float, random: np.random.Generator) -> Signal:
    low, width = random.uniform(2800.0, 4500.0), random.uniform(1500.0, 3000.0)
    return _band_noise(times, low * scale, (low + width) * scale, random)


def _noise_bursts(times: Signal, _scale: float, random: np.random.Generator) -> Signal:
    phase = times * random.uniform(3.0, 7.0) + random.uniform(0.0, 0.25)
    return random.standard_normal(len(times)) * (phase % 1.0 < random.uniform(0.3, 0.5))


def _clicks(times: Signal, _scale: float, random: np.random.Generator) -> Signal:
    """Decays of about a millisecond, 10 to 25 a second, the first in the first half of the sound."""
    rate = random.uniform(10.0, 25.0)
    first = random.uniform() * min(1.0 / rate, 0.5 * times[-1])
    since = (times - first) % (1.0 / rate)
    decays: Signal = np.exp(-since / random.uniform(0.5e-3, 1.5e-3))
    return decays * random.standard_normal(len(times))


def _am_tone(times: Signal, scale: float, random: np.random.Generator) -> Signal:
    depth, rate, phase = random.uniform(0.85, 1.0), random.uniform(5.0, 12.0), random.uniform(0.0, 6.28)
    envelope = 1.0 + depth * np.sin(2.0 * np.pi * rate * times + phase)
    return envelope * _pure_tone(times, scale, random)


def _fm_tone(times: Signal, scale: float, random: np.random.Generator) -> Signal:
    """Vibrato of 0.3 to 0.6 octaves each way."""
    depth, rate, phase = random.uniform(0.3, 0.6), random.uniform(4.0, 9.0), random.uniform(0.0, 6.28)
    centre = _log_uniform(random, 500.0, 3000.0) * scale
    return _glide(times, centre * 2.0 ** (depth * np.sin(2.0 * np.pi * rate * times + phase)))


SOUNDS: dict[str, Callable[[Signal, float, np.random.Generator], Signal]] = {
    "am_tone": _am_tone,
    "chirp_down": _chirp_down,
    "chirp_up": _chirp_up,
    "clicks": _clicks,
    "fm_tone": _fm_tone,
    "harmonic_stack": _harmonic_stack,
    "high_noise": _high_noise,
    "low_noise": _low_noise,
    "noise_bursts": _noise_bursts,
    "pure_tone": _pure_tone,
    "two_tone": _two_tone,
}
