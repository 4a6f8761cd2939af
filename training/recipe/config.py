"""What is done to examples and how weights change; every default leaves the plain recipe as it is. Stdlib only."""

from dataclasses import dataclass
from typing import Any, Literal


@dataclass(frozen=True, kw_only=True)
class LoudnessConfig:
    """Loudness normalisation of every window, in training and at evaluation.

    Attributes:
      rule: "none"; "reference", the original LEAF code's: 15 dB above an rms of 1; "target": `target_db`. The rms is
        taken without the mean, the gain is at most 30 dB.
      target_db: rms that "target" aims at, in dB of full scale.
    """

    rule: Literal["none", "reference", "target"] = "none"
    target_db: float = -20.0

    def __post_init__(self) -> None:
        _require(-100 <= self.target_db <= 30, "-100 dB <= target_db <= 30 dB", self.target_db)


@dataclass(frozen=True, kw_only=True)
class AugmentConfig:
    """What happens to training examples, in this order; nothing of it at evaluation.

    Attributes:
      snr_db: lowest and highest signal-to-noise ratio of the Gaussian noise that is added to a window, in dB,
        uniformly drawn; None: no noise. Loudness is normalised behind it.
      mixup_alpha: windows and targets are mixed in pairs, with a share drawn from Beta(alpha, alpha); 0: not.
      gain_db: lowest and highest gain, in dB, uniformly drawn.
      time_masks: SpecAugment: stretches of time of every example's features that are silenced.
      time_mask_ms: longest of them.
      frequency_masks: SpecAugment: bands of neighbouring filters that are silenced.
      frequency_mask_filters: most filters in one of them.
    """

    snr_db: tuple[float, float] | None = None
    mixup_alpha: float = 0.0
    gain_db: tuple[float, float] = (0.0, 0.0)
    time_masks: int = 0
    time_mask_ms: float = 640.0
    frequency_masks: int = 0
    frequency_mask_filters: int = 8

    def __post_init__(self) -> None:
        if self.snr_db is not None:
            _require(self.snr_db[0] <= self.snr_db[1], "snr_db is (lowest, highest)", self.snr_db)
        _require(self.gain_db[0] <= self.gain_db[1], "gain_db is (lowest, highest)", self.gain_db)
        _require(self.mixup_alpha >= 0, "mixup_alpha >= 0", self.mixup_alpha)
        _require(self.time_masks >= 0, "time_masks >= 0", self.time_masks)
        _require(self.time_mask_ms > 0, "time_mask_ms > 0 ms", self.time_mask_ms)
        _require(self.frequency_masks >= 0, "frequency_masks >= 0", self.frequency_masks)
        _require(self.frequency_mask_filters >= 1, "frequency_mask_filters >= 1", self.frequency_mask_filters)

    @property
    def masks(self) -> bool:
        """Whether features are masked at all."""
        return self.time_masks + self.frequency_masks > 0


@dataclass(frozen=True, kw_only=True)
class OptimizerConfig:
    """How weights follow gradients.

    Attributes:
      name: "adam" or "adamw".
      weight_decay: of "adamw", per unit of learning rate; not of the front end, biases and normalisations.
      clip_norm: highest norm of the gradient, over all weights and all workers together; None: not clipped.
      average: momentum of an exponential moving average of the weights (e.g. 0.999), which is then what is evaluated
        and saved; None: no average.
    """

    name: Literal["adam", "adamw"] = "adam"
    weight_decay: float = 0.0
    clip_norm: float | None = None
    average: float | None = None

    def __post_init__(self) -> None:
        _require(self.weight_decay >= 0, "weight_decay >= 0", self.weight_decay)
        _require(self.name == "adamw" or self.weight_decay == 0, "only adamw has a weight_decay", self.weight_decay)
        _require(self.clip_norm is None or self.clip_norm > 0, "clip_norm > 0, or None", self.clip_norm)
        _require(self.average is None or 0 < self.average < 1, "0 < average < 1, or None", self.average)


@dataclass(frozen=True, kw_only=True)
class ScheduleConfig:
    """How both learning rates go on from their value.

    Attributes:
      name: "cosine" lets them fall to 0 over the training, so that weights and statistics settle; "plateau" multiplies
        them by `plateau_factor` whenever the validation loss has not fallen for `plateau_patience` epochs; "constant".
      warmup_steps: over which they first rise in a line to their value.
      plateau_factor: of "plateau".
      plateau_patience: of "plateau", in epochs.
    """

    name: Literal["cosine", "constant", "plateau"] = "cosine"
    warmup_steps: int = 0
    plateau_factor: float = 0.1
    plateau_patience: int = 10

    def __post_init__(self) -> None:
        _require(self.warmup_steps >= 0, "warmup_steps >= 0", self.warmup_steps)
        _require(0 < self.plateau_factor < 1, "0 < plateau_factor < 1", self.plateau_factor)
        _require(self.plateau_patience >= 1, "plateau_patience >= 1", self.plateau_patience)


@dataclass(frozen=True, kw_only=True)
class FreezeConfig:
    """When the front end learns: after the first `first_epochs` epochs, and up to epoch `after_epoch` (None: the last).

    While it is frozen it has no gradients, and what it normalises by stays as it is.
    """

    first_epochs: int = 0
    after_epoch: int | None = None

    def __post_init__(self) -> None:
        _require(self.first_epochs >= 0, "first_epochs >= 0", self.first_epochs)
        _require(self.after_epoch is None or self.after_epoch >= 0, "after_epoch >= 0, or None", self.after_epoch)

    def frozen(self, epoch: int) -> bool:
        """Whether the front end is frozen in `epoch`, counted from 1."""
        return epoch <= self.first_epochs or (self.after_epoch is not None and epoch > self.after_epoch)


def _require(holds: bool, rule: str, received: Any) -> None:
    if not holds:
        raise ValueError(f"Rule: {rule}. Received: {received!r}.")
