"""Gaussian noise at a given signal-to-noise ratio."""

import numpy as np

from training.recipe.draws import Purpose, normal, number_of, stream
from training.recipe.loudness import amplitude


def with_noise(window: np.ndarray, *, snr_db: float, generator: np.random.Generator) -> np.ndarray:
    """A window, float32 [samples], and white Gaussian noise whose power is the window's divided by 10^(snr_db / 10).

    Both powers are those of this window, to the digit: the noise is scaled to its share. Digital silence stays silent,
    since no noise has a ratio to it.
    """
    power = float(np.mean(np.square(window, dtype=np.float64)))
    noise = normal(generator, len(window))
    scale = np.sqrt(power / np.mean(np.square(noise))) / amplitude(snr_db)
    return (window + scale * noise).astype(np.float32)


def evaluation_noise(clip_id: str, start: int) -> np.random.Generator:
    """Where the noise of an evaluated window comes from: its clip and its first sample, and nothing else.

    So it is the same in every evaluation, at every ratio and for every model: curves over the ratio are of one noise.
    """
    return stream(Purpose.EVALUATION_NOISE, number_of(clip_id), start)
