"""The plan of the sub-band algorithm: at which low rate each Gabor filter may be computed. NumPy only.

A filter's band is cut out of the clip's spectrum and taken back to time at 1 / h of the rate. What the cut
leaves outside is the error, so h is the largest divisor of the stride for which (a) h <= 0.5 sigma, where
|y|^2 at rate 1 / h has no aliasing above float noise, (b) the truncated kernel's side lobes outside the cut are
negligible: at any one frequency, and together, for a white spectrum and for one that falls steeply (brown), and
(c) the pooling window is wide enough to be interpolated. The rules are checked over a box of parameters
around each filter, as wide as they allow; a plan holds inside its boxes.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from frontends import filters
from frontends.framing import Framing

RATIO = 0.5  # h / sigma at planning
RATIO_LIMIT = 0.56  # h / sigma at the narrow edge of a box
WIDER = (1.06, 1.2, 1.5, 2.0)  # the wide edge of a box over sigma: the first is asked for, the others are tried
SHIFT = (1.0, 2.0, 4.0)  # likewise half a box of centres, in units of 0.06 of the centre and 0.02 rad/sample
SIDE_LOBE = 2e-8  # a full-scale tone outside the cut then has a tenth of the floor of 1e-5 of LEAF at most
WHITE_LEAKAGE = 2e-5
BROWN_LEAKAGE = 1e-4
SLICE_MARGIN = 1 / 16  # a cut is centred to within this part of half its width
POOLING_LIMIT = 1.0  # h over the standard deviation of the pooling window
_GRID = 4096

Box = tuple[float, float]
_ANYWHERE = (-np.inf, np.inf)


@dataclass(frozen=True)
class Plan:
    """One entry a filter.

    Attributes:
      decimations: h of each filter.
      center: lowest and highest mu [rad/sample] of each filter for which its h holds.
      sigma: lowest and highest sigma [samples].
      width: lowest and highest pooling width s.
    """

    decimations: tuple[int, ...]
    center: tuple[Box, ...]
    sigma: tuple[Box, ...]
    width: tuple[Box, ...]

    def groups(self) -> list[tuple[int, np.ndarray]]:
        """(h, indices of the filters with that h), h rising."""
        decimations = np.asarray(self.decimations)
        return [(int(h), np.flatnonzero(decimations == h)) for h in np.unique(decimations)]

    def holds(self, *, mu: np.ndarray, sigma: np.ndarray, width: np.ndarray) -> bool:
        """Whether these parameters lie in their boxes."""
        boxes = ((mu, self.center), (sigma, self.sigma), (width, self.width))
        edges = [(values, *np.transpose(box)) for values, box in boxes]
        return all(bool(((low <= values) & (values <= high)).all()) for values, low, high in edges)


def make_plan(*, mu: np.ndarray, sigma: np.ndarray, width: np.ndarray, framing: Framing) -> Plan:
    """The plan for centres mu [rad/sample], widths sigma [samples] and pooling widths s, (N,), in their bounds."""
    parameters = zip(*(np.float64(values).tolist() for values in (mu, sigma, width)), strict=True)
    filters_planned = [_plan_filter(*values, framing=framing) for values in parameters]
    return Plan(*(tuple(column) for column in zip(*filters_planned, strict=True)))


def divisors(number: int) -> list[int]:
    """All divisors, rising."""
    return [h for h in range(1, number + 1) if number % h == 0]


def _plan_filter(mu: float, sigma: float, width: float, *, framing: Framing) -> tuple[int, Box, Box, Box]:
    pooling_std = width * (framing.window - 1) / 2.0
    limit = min(RATIO * sigma * (1.0 + 1e-6), 0.8 * POOLING_LIMIT * pooling_std)
    for h in reversed([h for h in divisors(framing.stride) if 1 < h <= limit]):
        boxes = [(_center_box(mu, shift), _sigma_box(h, sigma * wider, framing)) for wider in WIDER for shift in SHIFT]
        if _leaks_little(h, *boxes[0], window=framing.window):
            center, sigmas = next(box for box in reversed(boxes) if _leaks_little(h, *box, window=framing.window))
            return h, center, sigmas, (2.0 * h / POOLING_LIMIT / (framing.window - 1), np.inf)
    # h = 1 cuts nothing off and holds everywhere.
    return 1, _ANYWHERE, _ANYWHERE, _ANYWHERE


def _center_box(mu: float, shift: float) -> Box:
    half = shift * (0.06 * mu + 0.02)
    return mu - half, mu + half


def _sigma_box(h: int, wide: float, framing: Framing) -> Box:
    upper = filters.sigma_bounds(framing.window)[1]
    # float32 rounding of the bound itself must not leave the box.
    return h / RATIO_LIMIT, wide if wide < upper else upper * (1.0 + 1e-5)


def _leaks_little(h: int, center: Box, sigma: Box, *, window: int) -> bool:
    half_width = np.pi / h * (1.0 - SLICE_MARGIN)
    return all(
        _cuts_little(power, shift=mu, half_width=half_width)
        for power in (_response_power(sigma[0], window), _response_power(sigma[1], window))
        for mu in (*center, (center[0] + center[1]) / 2.0)
    )


def _cuts_little(power: np.ndarray, *, shift: float, half_width: float) -> bool:
    omega = 2.0 * np.pi * np.fft.fftfreq(_GRID)
    outside = np.abs(omega) > half_width
    if power[outside].max() > SIDE_LOBE or power[outside].sum() > WHITE_LEAKAGE * power.sum():
        return False
    frequency = (omega + shift + np.pi) % (2.0 * np.pi) - np.pi
    brown = power / (frequency**2 + 0.008**2)
    return bool(brown[outside].sum() <= BROWN_LEAKAGE * brown.sum())


@lru_cache(maxsize=1024)
def _response_power(sigma: float, window: int) -> np.ndarray:
    kernel = filters.gabor_kernels(mu=np.zeros(1), sigma=np.array([sigma]), window=window)[0]
    return np.abs(np.fft.fft(kernel, _GRID)) ** 2
