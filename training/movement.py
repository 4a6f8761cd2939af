"""How far a front end's filters have moved."""

import numpy as np
from scipy.special import rel_entr

from frontends.inspect import Curves, Inspection
from frontends.scales import hz_to_erb


def movement(before: Inspection, after: Inspection) -> dict[str, np.ndarray]:
    """What changed from `before` to `after`, per filter (N,); empty for a front end without filters that could move.

    centre_shift_hz and centre_shift_erb: of the centre, in Hz and in steps of the ERB-rate scale (Glasberg and Moore,
    1990); bandwidth_change_hz and bandwidth_change_octaves: of the full width at half maximum; positive is upwards
    and wider. response_distance: see `response_distance`.
    """
    if before.responses is None or after.responses is None or after.impulses is None:
        return {}
    centre, moved = before.parameters["centre_hz"], after.parameters["centre_hz"]
    width, widened = before.parameters["bandwidth_hz"], after.parameters["bandwidth_hz"]
    return {
        "centre_shift_hz": moved - centre,
        "centre_shift_erb": hz_to_erb(moved) - hz_to_erb(centre),
        "bandwidth_change_hz": widened - width,
        "bandwidth_change_octaves": np.log2(widened / width),
        "response_distance": response_distance(before.responses, after.responses),
    }


def response_distance(before: Curves, after: Curves) -> np.ndarray:
    """Jensen-Shannon distance, base 2, of the power responses as distributions over frequency, (N,).

    0: the same response; 1: no frequency in common.
    """
    old, new = (np.square(responses.y) for responses in (before, after))
    old, new = (power / power.sum(axis=1, keepdims=True) for power in (old, new))
    middle = (old + new) / 2.0
    divergence = (rel_entr(old, middle) + rel_entr(new, middle)).sum(axis=1) / (2.0 * np.log(2.0))
    # scipy's jensenshannon is NaN where rounding leaves a little less than 0.
    return np.sqrt(np.clip(divergence, 0.0, 1.0))
