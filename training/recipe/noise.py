"""Gaussian noise at a given signal-to-noise ratio."""

import numpy as np

from training.recipe.draws import Purpose, normal, number_of, stream
from training.recipe.loudness import amplitude


def with_noise(window: np.ndarray, *, present: int, snr_db: float, generator: np.random.Generator) -> np.ndarray:
    """A window and white Gaussian noise whose power is the window's divided by 10^(snr_db / 10).

    Both powers are those of this window, to the digit: the noise is scaled to its share. Digital silence stays silent,
    since no noise has a ratio to it, and so do the zeros that fill a window behind the end of a clip.

    Args:
      window: float32 [samples].
      present: samples that the clip fills, from the first one on; at least one.
      snr_db: signal-to-noise ratio.
      generator: of the noise.
    """
    signal = window[:present].astype(np.float64)
    noise = normal(generator, present)
    scale = np.sqrt(np.mean(np.square(signal)) / np.mean(np.square(noise))) / amplitude(snr_db)
    noisy = window.copy()
    noisy[:present] = signal + scale * noise
    return noisy


def evaluation_noise(clip_id: str, start: int) -> np.random.Generator:
    """Where the noise of an evaluated window comes from: its clip and its first sample, and nothing else.

    So it is the same in every evaluation, at every ratio and for every model: curves over the ratio are of one noise.
    """
    return stream(Purpose.EVALUATION_NOISE, number_of(clip_id), start)
