"""Random numbers as pure functions of (seed, epoch, position): the same on any machine and any number of workers.

Only `Generator.random` is used, whose doubles are promised to stay the same from NumPy to NumPy; other distributions
are made of them by their inverse cumulative functions.
"""

import hashlib
from enum import IntEnum

import numpy as np
from scipy.special import ndtri

_SMALLEST = 2.0**-53


class Purpose(IntEnum):
    """What a number is for: each has a stream of its own, so that one augmentation never changes another's draws."""

    BALANCE = 1
    NOISE = 2
    MIXUP = 3
    GAIN = 4
    MASKS = 5
    EVALUATION_NOISE = 6


def stream(purpose: Purpose, *key: int) -> np.random.Generator:
    """The generator of that purpose and key, e.g. (seed, task, epoch, position)."""
    return np.random.Generator(np.random.PCG64([int(purpose), *key]))


def uniform(purpose: Purpose, *key: int, low: float, high: float) -> float:
    """One number in [low, high)."""
    return low + (high - low) * float(stream(purpose, *key).random())


def normal(generator: np.random.Generator, count: int) -> np.ndarray:
    """Standard normal numbers, float64 [count]."""
    return np.asarray(ndtri(np.maximum(generator.random(count), _SMALLEST)))


def number_of(text: str) -> int:
    """63 bits that identify a text, e.g. a clip id."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1
