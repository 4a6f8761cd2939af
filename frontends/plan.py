"""The plan of the sub-band algorithm: at which low rate each Gabor filter may be computed. NumPy only.

A filter's band is cut out of the clip's spectrum and taken back to time at 1 / h of the rate. What the cut
leaves outside is the error, so h is the largest divisor of the stride for which (a) h <= 0.5 sigma, where
|y|^2 at rate 1 / h has no aliasing above float noise, and (b) the truncated kernel's side lobes outside the cut
hold a negligible part of the filter's energy, for a white spectrum and for one that falls steeply (brown).
The rules are checked over a box of centres and widths around each filter; a plan holds inside its boxes.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from frontends import filters
from frontends.framing import Framing

RATIO = 0.5  # h / sigma at planning
RATIO_LIMIT = 0.56  # h / sigma at the narrow edge of a box
WIDER = 1.12  # the wide edge of a box, over sigma
SHIFT = 0.06  # half a box of centres, over the centre, and ...
SHIFT_RAD = 0.02  # ... added to that
WHITE_LEAKAGE = 2e-5
BROWN_LEAKAGE = 1e-4
SLICE_MARGIN = 1 / 16  # a cut is centred to within this part of half its width
_GRID = 4096


@dataclass(frozen=True)
class Plan:
    """One entry a filter.

    Attributes:
      decimations: h of each filter.
      center_box: lowest and highest mu [rad/sample] of each filter for which its h holds.
      sigma_box: lowest and highest sigma [samples].
    """

    decimations: tuple[int, ...]
    center_box: tuple[tuple[float, float], ...]
    sigma_box: tuple[tuple[float, float], ...]

    def groups(self) -> list[tuple[int, np.ndarray]]:
        """(h, indices of the filters with that h), h rising."""
        decimations = np.asarray(self.decimations)
        return [(int(h), np.flatnonzero(decimations == h)) for h in np.unique(decimations)]

    def holds(self, *, mu: np.ndarray, sigma: np.ndarray) -> bool:
        """Whether these parameters lie in their boxes."""
        return all(
            bool(((low <= values) & (values <= high)).all())
            for values, (low, high) in ((mu, np.transpose(self.center_box)), (sigma, np.transpose(self.sigma_box)))
        )


def make_plan(*, mu: np.ndarray, sigma: np.ndarray, framing: Framing) -> Plan:
    """The plan for centres mu [rad/sample] and widths sigma [samples], both (N,), clipped to their bounds."""
    lower, upper = filters.sigma_bounds(framing.window)
    mu, sigma = np.clip(np.float64(mu), 0.0, np.pi), np.clip(np.float64(sigma), lower, upper)
    boxes = [_plan_filter(m, s, framing) for m, s in zip(mu, sigma, strict=True)]
    return Plan(*(tuple(column) for column in zip(*boxes, strict=True)))


def divisors(number: int) -> list[int]:
    """All divisors, rising."""
    return [h for h in range(1, number + 1) if number % h == 0]


def _plan_filter(
    mu: float, sigma: float, framing: Framing
) -> tuple[int, tuple[float, float], tuple[float, float]]:
    lower, upper = filters.sigma_bounds(framing.window)
    shift = SHIFT * mu + SHIFT_RAD
    center_box = (float(mu - shift), float(mu + shift))
    wide = min(WIDER * sigma, upper)
    candidates = [h for h in divisors(framing.stride) if h <= RATIO * sigma * (1.0 + 1e-6)]
    for h in reversed(candidates[1:]):
        narrow = max(h / RATIO_LIMIT, lower)
        if _leaks_little(h, mus=(*center_box, mu), sigmas=(sigma, wide), window=framing.window):
            return h, center_box, (narrow, _at_bound(wide, upper))
    # h = 1 cuts nothing off and holds everywhere.
    return 1, (-np.inf, np.inf), (-np.inf, np.inf)


def _at_bound(value: float, upper: float) -> float:
    # float32 rounding of the bound itself must not leave the box.
    return value * (1.0 + 1e-5) if value >= upper else value


def _leaks_little(h: int, *, mus: tuple[float, ...], sigmas: tuple[float, ...], window: int) -> bool:
    omega = 2.0 * np.pi * np.fft.fftfreq(_GRID)
    brown = 1.0 / (omega**2 + 0.008**2)
    half_width = np.pi / h * (1.0 - SLICE_MARGIN)
    for mu in mus:
        outside = np.abs((omega - mu + np.pi) % (2.0 * np.pi) - np.pi) > half_width
        for sigma in sigmas:
            power = np.roll(_response_power(sigma, window), round(mu * _GRID / (2.0 * np.pi)))
            for spectrum, limit in ((1.0, WHITE_LEAKAGE), (brown, BROWN_LEAKAGE)):
                weighted = power * spectrum
                if weighted[outside].sum() > limit * weighted.sum():
                    return False
    return True


@lru_cache(maxsize=1024)
def _response_power(sigma: float, window: int) -> np.ndarray:
    kernel = filters.gabor_kernels(mu=np.zeros(1), sigma=np.array([sigma]), window=window)[0]
    return np.abs(np.fft.fft(kernel, _GRID)) ** 2
