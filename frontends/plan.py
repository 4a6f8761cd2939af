"""The plan of the sub-band algorithm: at which low rate each Gabor filter may be computed. NumPy only.

A filter's band is cut out of the clip's spectrum and taken back to time at 1 / h of the rate. What the cut
leaves outside is the error, so h is the largest divisor of the stride for which (a) h <= 0.5 sigma, where
|y|^2 at rate 1 / h has no aliasing above float noise, (b) the truncated kernel's side lobes outside the cut are
negligible: at any one frequency, and together, for a white spectrum and for one that falls steeply (brown), and
(c) the pooling window is wide enough to be interpolated. The rules are checked over a box of parameters
around each filter, as wide as they allow; a plan holds inside its boxes.
"""

import itertools
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from frontends import filters
from frontends.framing import Framing

SPREAD = (1.06, 1.2, 1.5, 2.0)  # sigma's box reaches from sigma / s to sigma s: the first is asked for, others tried
SHIFT = (1.0, 2.0, 4.0)  # likewise half a box of centres, in units of 0.06 of the centre and 0.02 rad/sample
GROUP_COST = 0.3  # what a group of filters of one rate costs, in filters at the full rate
SLICE_MARGIN = 1 / 16  # a cut is centred to within this part of half its width
POOLING_LIMIT = 1.0  # h over the standard deviation of the pooling window
OUTSIDE_DECIMATION = 10  # at most, for what is outside the cuts
_GRID = 4096

Box = tuple[float, float]


@dataclass(frozen=True)
class Precision:
    """How much a cut may lose.

    Attributes:
      ratio: largest h over sigma: from there on |y|^2 at rate 1 / h has aliasing.
      side_lobe: power of the response at any one frequency outside the cut, over its peak.
      white_leakage: power of the response outside the cut, over all of it.
      brown_leakage: the same for a spectrum that falls as 1 / f^2.
      outside: what a cut may lose where all that is outside is added at a low rate (see `frontends.outside`), for
        filters that would else go at the full rate; None: such filters do.
    """

    ratio: float
    side_lobe: float
    white_leakage: float
    brown_leakage: float
    outside: "Precision | None" = None


PRECISIONS = {
    # A full-scale tone outside the cut has a tenth of the floor of 1e-5 of LEAF at most.
    "exact": Precision(ratio=0.65, side_lobe=1.2e-8, white_leakage=2e-6, brown_leakage=2e-5),
    # What is added has a tone's power right, and that of noise to a fifth or so.
    "fast": Precision(
        ratio=0.9,
        side_lobe=4e-7,
        white_leakage=2e-4,
        brown_leakage=1e-3,
        outside=Precision(ratio=0.9, side_lobe=np.inf, white_leakage=1.5e-3, brown_leakage=5e-3),
    ),
}
_ANYWHERE = (-np.inf, np.inf)


@dataclass(frozen=True)
class Plan:
    """One entry a filter.

    Attributes:
      decimations: h of each filter.
      leaky: whether what the cut leaves outside must be added.
      center: lowest and highest mu [rad/sample] of each filter for which its h holds.
      sigma: lowest and highest sigma [samples].
      width: lowest and highest pooling width s.
    """

    decimations: tuple[int, ...]
    leaky: tuple[bool, ...]
    center: tuple[Box, ...]
    sigma: tuple[Box, ...]
    width: tuple[Box, ...]

    def groups(self) -> list[tuple[int, np.ndarray]]:
        """(h, indices of the filters with that h), h rising."""
        decimations = np.asarray(self.decimations)
        return [(int(h), np.flatnonzero(decimations == h)) for h in np.unique(decimations)]

    def holds(self, *, mu: np.ndarray, sigma: np.ndarray, width: np.ndarray) -> np.ndarray:
        """Whether the parameters of each filter lie in its boxes, (N,); also for tensors."""
        boxes = ((mu, self.center), (sigma, self.sigma), (width, self.width))
        inside = [(low <= values) & (values <= high) for values, box in boxes for low, high in [np.float32(box).T]]
        return inside[0] & inside[1] & inside[2]


def make_plan(*, mu: np.ndarray, sigma: np.ndarray, width: np.ndarray, framing: Framing, precision: Precision) -> Plan:
    """The plan for centres mu [rad/sample], widths sigma [samples] and pooling widths s, (N,), in their bounds."""
    parameters = zip(*(np.float64(values).tolist() for values in (mu, sigma, width)), strict=True)
    planned = [_plan_filter(*values, framing=framing, precision=precision) for values in parameters]
    decimations, leaky, *boxes = zip(*planned, strict=True)
    return Plan(_in_few_groups(decimations), leaky, *boxes)


def _in_few_groups(decimations: tuple[int, ...]) -> tuple[int, ...]:
    """Smaller decimations, which are right too, where a group of its own would cost more than it saves."""
    rates = sorted({h for h in decimations if h > 1}, reverse=True)
    merged = list(decimations)
    for h, smaller in itertools.pairwise(rates):
        if merged.count(h) * (1.0 / smaller - 1.0 / h) < GROUP_COST:
            merged = [smaller if each == h else each for each in merged]
    return tuple(merged)


def outside_decimation(framing: Framing) -> int:
    """h for what is outside the cuts."""
    return max(h for h in divisors(framing.stride) if h <= OUTSIDE_DECIMATION)


def divisors(number: int) -> list[int]:
    """All divisors, rising."""
    return [h for h in range(1, number + 1) if number % h == 0]


def _plan_filter(
    mu: float, sigma: float, width: float, *, framing: Framing, precision: Precision
) -> tuple[int, bool, Box, Box, Box]:
    found = _cut_filter(mu, sigma, width, framing=framing, precision=precision)
    # The response of an even window is not real; `frontends.outside` is for real ones.
    if found is None and precision.outside and framing.window % 2 == 1:
        least = outside_decimation(framing)
        found = _cut_filter(mu, sigma, width, framing=framing, precision=precision.outside, pooled_at=least)
        if found:
            return found[0], True, *found[1:]
    # h = 1 is the full rate, right everywhere.
    return (found[0], False, *found[1:]) if found else (1, False, _ANYWHERE, _ANYWHERE, _ANYWHERE)


def _cut_filter(
    mu: float, sigma: float, width: float, *, framing: Framing, precision: Precision, pooled_at: int = 1
) -> tuple[int, Box, Box, Box] | None:
    """The largest h > 1 and its boxes; None: there is none, or the window is too narrow to pool at 1 / `pooled_at`."""
    pooling_std = width * (framing.window - 1) / 2.0
    widest = 0.8 * POOLING_LIMIT * pooling_std
    limit = min(precision.ratio * sigma / SPREAD[0], widest) if pooled_at <= widest else 0.0
    for h in reversed([h for h in divisors(framing.stride) if 1 < h <= limit]):
        boxes = [
            (_center_box(mu, shift), _sigma_box(h, sigma, spread, framing, precision))
            for spread in SPREAD
            for shift in SHIFT
        ]
        good = [_leaks_little(h, *box, window=framing.window, precision=precision) for box in boxes]
        if good[0]:
            center, sigmas = next(box for box, is_good in zip(reversed(boxes), reversed(good), strict=True) if is_good)
            return h, center, sigmas, (2.0 * max(h, pooled_at) / POOLING_LIMIT / (framing.window - 1), np.inf)
    return None


def _center_box(mu: float, shift: float) -> Box:
    half = shift * (0.06 * mu + 0.02)
    return mu - half, mu + half


def _sigma_box(h: int, sigma: float, spread: float, framing: Framing, precision: Precision) -> Box:
    upper = filters.sigma_bounds(framing.window)[1]
    # float32 rounding of the bound itself must not leave the box.
    wide = sigma * spread if sigma * spread < upper else upper * (1.0 + 1e-5)
    return max(sigma / spread, h / precision.ratio), wide


def _leaks_little(h: int, center: Box, sigma: Box, *, window: int, precision: Precision) -> bool:
    half_width = np.pi / h * (1.0 - SLICE_MARGIN)
    return all(
        _cuts_little(power, shift=mu, half_width=half_width, precision=precision)
        for power in (_response_power(sigma[0], window), _response_power(sigma[1], window))
        for mu in (*center, (center[0] + center[1]) / 2.0)
    )


def _cuts_little(power: np.ndarray, *, shift: float, half_width: float, precision: Precision) -> bool:
    omega = 2.0 * np.pi * np.fft.fftfreq(_GRID)
    outside = np.abs(omega) > half_width
    if power[outside].max() > precision.side_lobe or power[outside].sum() > precision.white_leakage * power.sum():
        return False
    frequency = (omega + shift + np.pi) % (2.0 * np.pi) - np.pi
    brown = power / (frequency**2 + 0.008**2)
    return bool(brown[outside].sum() <= precision.brown_leakage * brown.sum())


@lru_cache(maxsize=1024)
def _response_power(sigma: float, window: int) -> np.ndarray:
    kernel = filters.gabor_kernels(mu=np.zeros(1), sigma=np.array([sigma]), window=window)[0]
    return np.abs(np.fft.fft(kernel, _GRID)) ** 2
