"""Training examples as the recipe wants them: noise, loudness, mixup, gain, and masks for their features.

Everything is a function of (seed, task, epoch, position of the example in the epoch): a worker that has a part of a
batch makes that part of it, whatever the others do.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from scipy.special import betaincinv

from training.recipe.config import AugmentConfig, LoudnessConfig
from training.recipe.draws import Purpose, stream, uniform
from training.recipe.loudness import amplitude, normalise
from training.recipe.noise import with_noise
from training.recipe.spec_augment import feature_masks


@dataclass(frozen=True, kw_only=True)
class Examples:
    """Windows as they are read.

    Attributes:
      waveform: float32 [batch, samples].
      targets: float32 [batch, classes].
      present: samples that the clip fills, the others are zeros behind its end; int64 [batch].
    """

    waveform: np.ndarray
    targets: np.ndarray
    present: np.ndarray


Read = Callable[[np.ndarray], Examples]  # of positions in an epoch


@dataclass(frozen=True, kw_only=True)
class Augment:
    """What happens to the examples of one task between the disk and the model.

    Attributes:
      config: what, and how much.
      loudness: of every window, behind the noise.
      seed: of the trial.
      task: position of the task.
      window_ms: length of a window.
      features: frames and filters of its features, which are masked.
    """

    config: AugmentConfig = field(default_factory=AugmentConfig)
    loudness: LoudnessConfig = field(default_factory=LoudnessConfig)
    seed: int
    task: int = 0
    window_ms: float = 1000.0
    features: tuple[int, int] = (0, 0)

    def examples(self, read: Read, rows: np.ndarray, *, epoch: int, batch_size: int) -> tuple[np.ndarray, np.ndarray]:
        """Windows and targets of the examples at the positions `rows` of an epoch.

        An example is mixed with another one of its global batch, which every example is once; a worker reads the
        partners of its own examples too.
        """
        waveform, targets = self._single(read, rows, epoch)
        if self.config.mixup_alpha:
            partners, shares = self._mixing(rows, epoch, batch_size)
            other_waveform, other_targets = self._single(read, partners, epoch)
            waveform = shares * waveform + (1 - shares) * other_waveform
            targets = shares * targets + (1 - shares) * other_targets
        low, high = self.config.gain_db
        if (low, high) != (0.0, 0.0):
            gains_db = [uniform(Purpose.GAIN, *self._key(epoch, row), low=low, high=high) for row in rows]
            waveform = waveform * np.array([[amplitude(gain_db)] for gain_db in gains_db], np.float32)
        return waveform, targets

    def masks(self, rows: np.ndarray, *, epoch: int) -> np.ndarray | None:
        """Where the features of these examples are silenced, bool [batch, frames, filters]; None: nowhere."""
        if not self.config.masks:
            return None
        settings = {"features": self.features, "window_ms": self.window_ms}
        return np.stack([feature_masks(self.config, **settings, key=self._key(epoch, row)) for row in rows])

    def _single(self, read: Read, rows: np.ndarray, epoch: int) -> tuple[np.ndarray, np.ndarray]:
        """As `examples`, before anything is mixed."""
        found = read(rows)
        waveform = found.waveform
        if self.config.snr_db is not None:
            triples = zip(waveform, found.present, rows, strict=True)
            waveform = np.stack([self._noisy(window, int(present), epoch, row) for window, present, row in triples])
        return normalise(waveform, self.loudness), found.targets

    def _noisy(self, window: np.ndarray, present: int, epoch: int, row: int) -> np.ndarray:
        generator = stream(Purpose.NOISE, *self._key(epoch, row))
        low, high = self.config.snr_db or (0.0, 0.0)
        snr_db = low + (high - low) * float(generator.random())
        return with_noise(window, present=present, snr_db=snr_db, generator=generator)

    def _mixing(self, rows: np.ndarray, epoch: int, batch_size: int) -> tuple[np.ndarray, np.ndarray]:
        """The partner of each example, int64 [batch], and the share of the example itself, float32 [batch, 1]."""
        firsts = rows // batch_size * batch_size
        # One rotation a batch: nobody is mixed with itself, and everybody is somebody's partner.
        shifts = np.array(
            [int(uniform(Purpose.MIXUP, *self._key(epoch, first), low=1, high=max(2, batch_size))) for first in firsts]
        )
        draws = np.array([stream(Purpose.MIXUP, *self._key(epoch, row)).random(2)[1] for row in rows])
        alpha = self.config.mixup_alpha
        shares = betaincinv(alpha, alpha, draws).astype(np.float32)[:, None]
        return firsts + (rows - firsts + shifts) % batch_size, shares

    def _key(self, epoch: int, row: int) -> tuple[int, ...]:
        return self.seed, self.task, epoch, int(row)
