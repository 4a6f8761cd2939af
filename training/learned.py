"""What a front end has learned, as a few numbers for each epoch; all of them are in the Parquet table."""

from collections.abc import Mapping, Sequence

import numpy as np


def learned_metrics(learned: Mapping[str, Sequence[Sequence[float]]], epoch: int) -> dict[str, float]:
    """Metrics of one epoch.

    Args:
      learned: parameter in physical units -> values [filters] at the start and after every epoch.
      epoch: 0 is the start.

    Returns:
      For every parameter `learned.<name>.median` over the filters, and `learned.<name>.moved`, their mean distance
      from the start; both in the unit that the name ends with.
    """
    found = {}
    for name, epochs in learned.items():
        start, present = (np.asarray(epochs[index], np.float64) for index in (0, epoch))
        found[f"learned.{name}.median"] = float(np.median(present))
        found[f"learned.{name}.moved"] = float(np.abs(present - start).mean())
    return found
