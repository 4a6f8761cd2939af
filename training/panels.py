"""A picture before it is drawn: panels with titles, units and series.

`training.figures` makes SVG and PNG of it, `training.page` an interactive page.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

INK = "#5a6068"  # of what is not data

Style = Literal["thin", "line", "dashed", "circles", "dots"]


@dataclass(frozen=True, kw_only=True)
class Series:
    """Curves of one kind over common positions: x (P,) and y (curves, P)."""

    x: np.ndarray
    y: np.ndarray
    colour: str
    style: Style
    label: str = ""


@dataclass(frozen=True, kw_only=True)
class Panel:
    """One pair of axes; `y_limits` None: as the data."""

    title: str
    x_label: str
    y_label: str
    series: tuple[Series, ...]
    y_limits: tuple[float, float] | None = None


@dataclass(frozen=True, kw_only=True)
class Picture:
    """Panels that belong together; with `browse` there is one a filter, of which paper shows a few."""

    name: str
    caption: str
    panels: tuple[Panel, ...]
    browse: bool = False
