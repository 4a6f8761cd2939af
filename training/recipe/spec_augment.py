"""SpecAugment: which frames and filters of an example are silenced. What silence is, the model says."""

import numpy as np

from training.recipe.config import AugmentConfig
from training.recipe.draws import Purpose, stream


def feature_masks(
    config: AugmentConfig, *, features: tuple[int, int], window_ms: float, key: tuple[int, ...]
) -> np.ndarray:
    """Where one example is masked, bool [frames, filters]: whole frames and whole filters.

    A mask is 0 to `time_mask_ms` (or `frequency_mask_filters`) wide and lies anywhere it fits, both uniform.

    Args:
      config: how many masks, and how wide.
      features: frames and filters.
      window_ms: that the frames cover.
      key: of the random numbers: seed, task, epoch, position.

    Source: Park et al., SpecAugment, Interspeech 2019, without warping.
    """
    uniform = stream(Purpose.MASKS, *key).random((config.time_masks + config.frequency_masks, 2))
    frames, filters = features
    longest = round(config.time_mask_ms / window_ms * frames)
    silent_frames = _stripes(uniform[: config.time_masks], widest=longest, size=frames)
    silent_filters = _stripes(uniform[config.time_masks :], widest=config.frequency_mask_filters, size=filters)
    return silent_frames[:, None] | silent_filters[None, :]


def _stripes(uniform: np.ndarray, *, widest: int, size: int) -> np.ndarray:
    """Where stripes lie, bool [size]: one for each row (width, start) of `uniform`, both in [0, 1)."""
    masked = np.zeros(size, bool)
    for for_width, for_start in uniform:
        width = int(for_width * (min(widest, size) + 1))
        start = int(for_start * (size - width + 1))
        masked[start : start + width] = True
    return masked
