"""Pictures of what a front end learned, each as SVG for the report and as PNG for the tracker.

Lines and text that are not data have the colour `INK`, which the report replaces by the page's own text
colour, so that one picture serves light and dark pages.
"""

from collections.abc import Callable, Mapping
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

INK = "#5a6068"
BEFORE, AFTER = "#9aa3ad", "#e8710a"
_STYLE = {
    "svg.fonttype": "none",
    "svg.hashsalt": "leafworks",
    "font.size": 11,
    "font.family": "sans-serif",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.facecolor": "none",
    "legend.frameon": False,
    "legend.fontsize": 10,
    **dict.fromkeys(("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color"), INK),
}
_PCEN = ("pcen_alpha", "pcen_delta", "pcen_root", "pcen_smooth")

Responses = tuple[np.ndarray, np.ndarray]
Learned = Mapping[str, np.ndarray]


def draw_all(folder: Path, *, before: Responses, after: Responses, learned: Learned) -> list[Path]:
    """Draws every figure that the front end has something to show for.

    Args:
      folder: receives `<figure>.svg` and `<figure>.png`.
      before: (frequencies in Hz [points], magnitudes [filters, points]) at the start.
      after: the same of the final weights.
      learned: parameter -> values [epochs + 1, filters] in physical units, the start first.

    Returns:
      The paths of all files written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    drawings: dict[str, tuple[Callable[[Axes], None], ...]] = {
        "filter_responses": (
            lambda axes: _responses(axes, before, "before training", BEFORE),
            lambda axes: _responses(axes, after, "after training", AFTER),
        ),
        "centre_frequencies": (lambda axes: _centres(axes, learned["centre_hz"]),),
    }
    if "bandwidth_hz" in learned:
        drawings["bandwidths"] = (lambda axes: _movement(axes, learned, "bandwidth_hz", "bandwidth (FWHM), Hz"),)
    if "pooling_ms" in learned:
        drawings["pooling_windows"] = (
            lambda axes: _movement(axes, learned, "pooling_ms", "pooling window, std in ms"),
        )
    if all(name in learned for name in _PCEN):
        drawings["pcen_values"] = tuple(
            lambda axes, name=name: _movement(axes, learned, name, name.replace("pcen_", "PCEN "))  # type: ignore[misc]
            for name in _PCEN
        )
    return [path for name, panels in drawings.items() for path in _save(folder, name, panels)]


def _save(folder: Path, name: str, panels: tuple[Callable[[Axes], None], ...]) -> list[Path]:
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(5.2, 1.0 + 2.3 * len(panels)), layout="constrained")
        for draw, axes in zip(panels, np.ravel(figure.subplots(len(panels), 1)), strict=True):
            draw(axes)
        figure.savefig(folder / f"{name}.svg", transparent=True, metadata={"Date": None})
        figure.savefig(folder / f"{name}.png", dpi=130, facecolor="white")
    return [folder / f"{name}.svg", folder / f"{name}.png"]


def _responses(axes: Axes, responses: Responses, title: str, colour: str) -> None:
    frequencies, magnitudes = responses
    axes.plot(frequencies / 1000, magnitudes.T, color=colour, linewidth=0.7, alpha=0.75)
    total = np.sqrt(np.sum(magnitudes**2, axis=0))
    axes.plot(frequencies / 1000, total / total.max(), color=INK, linewidth=1.4, label="cumulative (scaled)")
    axes.set(title=f"Filter responses {title}", xlabel="frequency, kHz", ylabel="magnitude", ylim=(0, 1.3))
    axes.legend(loc="upper right")


def _centres(axes: Axes, centres: np.ndarray) -> None:
    """Against equal steps on the mel scale (HTK) between the first and the last initial centre."""
    filters = np.arange(1, centres.shape[1] + 1)
    low, high = (1127 * np.log1p(centres[0, i] / 700) for i in (0, -1))
    mel = 700 * np.expm1(np.linspace(low, high, len(filters)) / 1127)
    axes.plot(filters, mel / 1000, color=INK, linewidth=1, linestyle="--", label="mel scale")
    axes.plot(filters, centres[0] / 1000, "o", color=BEFORE, markersize=4, label="before training")
    axes.plot(filters, centres[-1] / 1000, ".", color=AFTER, markersize=5, label="after training")
    axes.set(title="Centre frequencies", xlabel="filter", ylabel="centre frequency, kHz")
    axes.legend(loc="upper left")


def _movement(axes: Axes, learned: Learned, name: str, label: str) -> None:
    values = learned[name]
    filters = np.arange(1, values.shape[1] + 1)
    axes.plot(filters, values[0], "o", color=BEFORE, markersize=4, label="before training")
    axes.plot(filters, values[-1], ".", color=AFTER, markersize=5, label="after training")
    axes.set(xlabel="filter", ylabel=label)
    axes.margins(y=0.25)
    axes.legend(loc="upper left", ncols=2)
