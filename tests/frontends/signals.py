"""Signals that filterbanks find hard, (batch, samples) float32 of 0.1 rms or so."""

import numpy as np


def noise(rng: np.random.Generator, *, batch: int, samples: int, slope: float = 0.0) -> np.ndarray:
    """Gaussian noise whose power falls as f^-slope above 20 Hz (at 16 kHz): 0 white, 1 pink, 2 brown."""
    length = 2 * max(samples, 4096)
    frequency = np.fft.rfftfreq(length, 1 / 16000)
    spectrum = np.fft.rfft(rng.standard_normal((batch, length))) * np.maximum(frequency, 20.0) ** (-slope / 2)
    x = np.fft.irfft(spectrum)
    return np.float32(0.1 * x[:, :samples] / x.std())


def tones(*, samples: int, sample_rate: int = 16000) -> np.ndarray:
    """Four sines of amplitude 0.5, one a clip."""
    time = np.arange(samples) / sample_rate
    return np.float32(0.5 * np.sin(2 * np.pi * np.array([[94.0], [440.0], [3000.0], [7500.0]]) * time))


def click(*, batch: int, samples: int) -> np.ndarray:
    """One sample of 1 in silence."""
    x = np.zeros((batch, samples), "float32")
    x[:, samples // 2] = 1.0
    return x


def square(*, batch: int, samples: int) -> np.ndarray:
    """A full-scale square wave of 100 samples."""
    return np.float32(np.tile(np.sign(np.arange(samples) % 100 - 49.5), (batch, 1)))
