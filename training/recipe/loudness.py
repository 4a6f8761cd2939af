"""Loudness of a window, in dB of full scale: one rms for all of them, or as in the original LEAF code."""

import numpy as np

from training.recipe.config import LoudnessConfig

REFERENCE_TARGET_DB, MAX_GAIN_DB = 15.0, 30.0


def normalise(waveform: np.ndarray, config: LoudnessConfig) -> np.ndarray:
    """Windows float32 [batch, samples] times gain = min(10^(30/20), 10^(target/20) / std), each its own.

    The original LEAF code's target is 15 dB, so that what it feeds has an rms of 5.6 unless it is quieter than 0.18.
    Silence stays silence.
    """
    if config.rule == "none":
        return waveform
    target_db = REFERENCE_TARGET_DB if config.rule == "reference" else config.target_db
    deviation = waveform.std(axis=1, keepdims=True, dtype=np.float64)
    quietest = amplitude(target_db - MAX_GAIN_DB)  # what is below it gets the highest gain
    gain = amplitude(target_db) / np.maximum(deviation, quietest)
    return (waveform * gain).astype(np.float32)


def amplitude(db: float) -> float:
    """10^(db / 20)."""
    return float(10.0 ** (db / 20.0))
