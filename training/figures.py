"""Pictures on paper: SVG for the report, PNG for the tracker and for people.

Lines and text that are not data have the colour `INK`, which the report replaces by the page's own text
colour, so that one picture serves light and dark pages.
"""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from training.config import CAPTIONS_NAME
from training.panels import INK, Panel, Picture, Series

_SHOWN_OF_A_BROWSER = 8
_MOST_COLUMNS = 2000
_COLOUR_PERCENTILES = (0.5, 99.5)
_TITLE_LETTERS = 90
_DPI = 130
# Of an image of features: left, bottom, width and height in the figure.
_IMAGE, _BAR = (0.1, 0.155, 0.765, 0.755), (0.885, 0.155, 0.015, 0.755)
_SETTINGS = {
    "svg.fonttype": "none",
    "svg.hashsalt": "leafworks",
    "font.size": 11,
    "font.family": "sans-serif",
    "axes.titlesize": 11,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.facecolor": "none",
    "axes.formatter.useoffset": False,
    "legend.frameon": False,
    "legend.fontsize": 10,
    **dict.fromkeys(("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color"), INK),
}
_STYLES: dict[str, dict[str, Any]] = {
    "thin": {"linewidth": 0.7, "alpha": 0.75},
    "line": {"linewidth": 1.4},
    "dashed": {"linewidth": 1.0, "linestyle": "--"},
    "circles": {"linestyle": "", "marker": "o", "markersize": 4},
    "dots": {"linestyle": "", "marker": ".", "markersize": 5},
}


def draw_all(folder: Path, pictures: Sequence[Picture]) -> list[Path]:
    """Draws every picture, and writes what they show in words.

    Args:
      folder: receives `<picture>.svg`, `<picture>.png`, and `CAPTIONS_NAME`: picture -> caption, in their order.
      pictures: see `training.pictures.make_pictures`.

    Returns:
      The paths of all files written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{picture.name}{suffix}" for picture in pictures for suffix in (".svg", ".png")]
    for picture in pictures:
        _save(_draw(picture), folder / picture.name)
    captions = {picture.name: picture.caption for picture in pictures}
    (folder / CAPTIONS_NAME).write_text(json.dumps(captions, indent=2) + "\n")
    return [*paths, folder / CAPTIONS_NAME]


def draw_features(
    path: Path, features: np.ndarray, *, time_s: np.ndarray, centre_hz: np.ndarray | None, title: str, unit: str
) -> None:
    """Writes the features (frames, N) of one recording as an image (PNG): time [s] by filter, marked in Hz."""
    with mpl.rc_context(_SETTINGS):
        figure = Figure(figsize=(8.0, 3.6))
        axes, bar = figure.add_axes(_IMAGE), figure.add_axes(_BAR)
        image, extent = _reduced(features), (*_edges(time_s), 0.5, features.shape[1] + 0.5)
        low, high = np.percentile(image, _COLOUR_PERCENTILES)
        drawn = axes.imshow(
            image.T, origin="lower", aspect="auto", extent=extent, interpolation="nearest", vmin=low, vmax=high
        )
        axes.set(xlabel="time, s", ylabel="channel" if centre_hz is None else "centre frequency, Hz")
        axes.set_title(title if len(title) <= _TITLE_LETTERS else f"…{title[-_TITLE_LETTERS:]}", parse_math=False)
        if centre_hz is not None:
            shown = _evenly(len(centre_hz), 8)
            axes.set_yticks([index + 1 for index in shown], [f"{centre_hz[index]:.0f}" for index in shown])
        figure.colorbar(drawn, cax=bar, label=unit, extend="both")
        bar.ticklabel_format(scilimits=(-2, 4))
        figure.savefig(path, format="png", dpi=_DPI, facecolor="white")


def _draw(picture: Picture) -> Figure:
    panels = [picture.panels[index] for index in _evenly(len(picture.panels), _SHOWN_OF_A_BROWSER)]
    columns = 2 if picture.browse and len(panels) > 1 else 1
    rows = -(-len(panels) // columns)
    with mpl.rc_context(_SETTINGS):
        figure = Figure(figsize=(5.2 if columns == 1 else 7.5, 1.0 + 2.1 * rows), layout="constrained")
        alike = len({panel.x_label for panel in panels}) == 1
        grid = figure.subplots(rows, columns, squeeze=False, sharex="col" if alike else "none").ravel()
        for index, axes in enumerate(grid):
            if index < len(panels):
                lowest = not alike or index + columns >= len(panels)
                _draw_panel(axes, panels[index], lowest=lowest, leftmost=index % columns == 0)
            else:
                axes.set_axis_off()
        _legend(figure, grid)
    return figure


def _draw_panel(axes: Axes, panel: Panel, *, lowest: bool, leftmost: bool) -> None:
    for series in panel.series:
        _plot(axes, series)
    axes.set(title=panel.title, ylabel=panel.y_label if leftmost else "", xlabel=panel.x_label if lowest else "")
    axes.tick_params(labelbottom=lowest)
    if panel.y_limits is not None:
        axes.set_ylim(panel.y_limits)
    else:
        axes.margins(y=0.1)


def _plot(axes: Axes, series: Series) -> None:
    finite = np.where(np.isfinite(series.y), series.y, np.nan)
    lines = axes.plot(series.x, finite.T, color=series.colour, **_STYLES[series.style])
    for line in lines:
        line.set_label("_")
    if series.label:
        lines[0].set_label(series.label)


def _legend(figure: Figure, grid: Iterable[Axes]) -> None:
    """One for all panels, above them."""
    named = {label: handle for axes in grid for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)}
    if named:
        figure.legend(named.values(), named.keys(), loc="outside upper center", ncols=min(len(named), 3))


def _save(figure: Figure, path: Path) -> None:
    with mpl.rc_context(_SETTINGS):
        figure.get_layout_engine().execute(figure)
        figure.set_layout_engine("none")  # what it found serves both files
        # What `savefig` writes, which draws every figure twice.
        figure.set_facecolor("none")
        FigureCanvasSVG(figure).print_svg(path.with_suffix(".svg"), metadata={"Date": None})
        figure.set(dpi=_DPI, facecolor="white")
        FigureCanvasAgg(figure).print_png(path.with_suffix(".png"))


def _evenly(count: int, shown: int) -> list[int]:
    """At most `shown` of `count` indices, the first and the last among them."""
    return sorted({round(index) for index in np.linspace(0, count - 1, min(count, shown))})


def _reduced(features: np.ndarray) -> np.ndarray:
    """At most `_MOST_COLUMNS` frames: means of equally many neighbours."""
    together = -(-len(features) // _MOST_COLUMNS)
    return (
        np.add.reduceat(features, np.arange(0, len(features), together))
        / np.minimum(together, len(features) - np.arange(0, len(features), together))[:, None]
    )


def _edges(time_s: np.ndarray) -> tuple[float, float]:
    half = (time_s[-1] - time_s[0]) / max(len(time_s) - 1, 1) / 2.0 or 0.005
    return float(time_s[0] - half), float(time_s[-1] + half)
