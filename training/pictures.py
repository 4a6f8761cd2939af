"""What there is to draw of a front end: which pictures, of which numbers, against which reference lines."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from frontends.inspect import Curves, Inspection, cumulative_response
from frontends.scales import SCALES, band_edges
from training.movement import movement
from training.panels import INK, Panel, Picture, Series, Style

BEFORE, AFTER = "#9aa3ad", "#e8710a"
INITIALLY, TRAINED = "at initialisation", "after training"
_SCALE_NAMES = {"mel": "mel", "bark": "Bark", "erb": "ERB-rate", "linear": "linear"}
_PCEN = {
    "pcen_alpha": "alpha",
    "pcen_delta": "delta",
    "pcen_root": "root",
    "pcen_smooth": "smoothing / frame",
    "pcen_smoothing_ms": "time constant, ms",
}
_NORMALISATION = {"norm_gain": "gain", "norm_offset": "offset"}


@dataclass(frozen=True, kw_only=True)
class _State:
    """A front end at one time."""

    label: str
    colour: str
    style: Style
    inspection: Inspection


def make_pictures(before: Inspection, after: Inspection | None = None) -> list[Picture]:
    """Every picture that there is something to show for, of a front end as it starts and, if given, as it ended."""
    if after is None:
        states = [_State(label=INITIALLY, colour=AFTER, style="dots", inspection=before)]
    else:
        states = [
            _State(label=INITIALLY, colour=BEFORE, style="circles", inspection=before),
            _State(label=TRAINED, colour=AFTER, style="dots", inspection=after),
        ]
    drawings: tuple[Callable[[Sequence[_State]], Picture | None], ...] = (
        _filter_responses,
        _cumulative_response,
        _impulse_responses,
        _centres,
        _bandwidths,
        _pooling,
        _compression_curves,
        _pcen,
        _normalisation,
        _movement,
    )
    pictures = [draw(states) for draw in drawings]
    return [picture for picture in pictures if picture is not None]


def _filter_responses(states: Sequence[_State]) -> Picture | None:
    panels = [
        Panel(
            title=f"Filter responses {state.label}",
            x_label="frequency, kHz",
            y_label="magnitude, peak 1",
            series=(_curves(state.inspection.responses, state, "thin", scale=1e-3),),
            y_limits=(0.0, 1.05),
        )
        for state in states
        if state.inspection.responses is not None
    ]
    return _picture("filter_responses", "Magnitude response of every filter, each scaled to a peak of 1.", panels)


def _cumulative_response(states: Sequence[_State]) -> Picture | None:
    if states[0].inspection.responses is None:
        return None
    series = [
        _curves(cumulative_response(state.inspection.responses), state, "line", scale=1e-3, label=state.label)
        for state in states
        if state.inspection.responses is not None
    ]
    panel = Panel(
        title="Cumulative response",
        x_label="frequency, kHz",
        y_label="magnitude, peak 1",
        series=tuple(series),
        y_limits=(0.0, 1.25),
    )
    caption = "Root of the summed power of all filters' responses: which frequencies the filters attend to."
    return _picture("cumulative_response", caption, [panel])


def _impulse_responses(states: Sequence[_State]) -> Picture | None:
    last = states[-1].inspection
    if last.impulses is None:
        return None
    panels = [
        _impulse_response(last.impulses, index, centre_hz)
        for index, centre_hz in enumerate(last.parameters["centre_hz"])
    ]
    caption = "Impulse responses, each scaled to a peak of 1; dashed: the imaginary part, where there is one."
    return Picture(name="impulse_responses", caption=caption, panels=tuple(panels), browse=True)


def _impulse_response(impulses: Curves, index: int, centre_hz: float) -> Panel:
    kernel = impulses.y[index] / np.abs(impulses.y[index]).max()
    series = [Series(x=impulses.x, y=np.real(kernel)[None], colour=AFTER, style="line", label="real")]
    if np.iscomplexobj(kernel):
        series.append(Series(x=impulses.x, y=np.imag(kernel)[None], colour=BEFORE, style="dashed", label="imaginary"))
    return Panel(
        title=f"Filter {index + 1}, {centre_hz:.0f} Hz",
        x_label="time, ms",
        y_label="amplitude, peak 1",
        series=tuple(series),
        y_limits=(-1.1, 1.1),
    )


def _centres(states: Sequence[_State]) -> Picture | None:
    """Against equal steps, on each scale, between the lowest and the highest initial centre."""
    initial = states[0].inspection
    if "centre_hz" not in initial.parameters:
        return None
    centres = initial.parameters["centre_hz"]
    steps = {f"{_SCALE_NAMES[scale]} scale": _equal_steps(scale, centres) for scale in _scales(initial)}
    references = [
        _reference(_filters(centres), hz[None] / 1000.0, index, label)
        for index, (label, hz) in enumerate(steps.items())
    ]
    panel = Panel(
        title="Centre frequencies",
        x_label="filter",
        y_label="centre frequency, kHz",
        series=(*references, *_points(states, "centre_hz", scale=1e-3)),
    )
    return _picture("centre_frequencies", "Centre frequency of every filter against equal steps on a scale.", [panel])


def _bandwidths(states: Sequence[_State]) -> Picture | None:
    initial = states[0].inspection
    if "bandwidth_hz" not in initial.parameters:
        return None
    centres = initial.parameters["centre_hz"]
    steps = {f"{_SCALE_NAMES[scale]} bands": _band_widths(scale, centres) for scale in _scales(initial)}
    steps["ERB"] = 24.7 * (0.00437 * np.sort(centres) + 1.0)
    references = [
        _reference(np.sort(centres) / 1000.0, width[None], index, label)
        for index, (label, width) in enumerate(steps.items())
    ]
    points = [
        Series(
            x=state.inspection.parameters["centre_hz"] / 1000.0,
            y=state.inspection.parameters["bandwidth_hz"][None],
            colour=state.colour,
            style=state.style,
            label=state.label,
        )
        for state in states
    ]
    panel = Panel(
        title="Bandwidths",
        x_label="centre frequency, kHz",
        y_label="bandwidth (FWHM), Hz",
        series=(*references, *points),
    )
    caption = (
        "Full width at half maximum of every filter's magnitude response, against that of overlapping bands on a scale "
        "and against the equivalent rectangular bandwidth of hearing (ERB)."
    )
    return _picture("bandwidths", caption, [panel])


def _pooling(states: Sequence[_State]) -> Picture | None:
    panels = []
    if "pooling_ms" in states[0].inspection.parameters:
        panels.append(_per_filter(states, "pooling_ms", "std of the window, ms", title="Pooling windows"))
    last = states[-1]
    if last.inspection.windows is not None:
        time, windows = last.inspection.windows
        panels.append(
            Panel(
                title=f"Pooling windows {last.label}",
                x_label="time, ms",
                y_label="weight, peak 1",
                series=(_curves(Curves(time, windows / np.abs(windows).max(axis=1, keepdims=True)), last, "thin"),),
            )
        )
    caption = "Standard deviation of every filter's pooling window, and the windows themselves, scaled to a peak of 1."
    return _picture("pooling_windows", caption, panels)


def _compression_curves(states: Sequence[_State]) -> Picture | None:
    series = [
        _curves(state.inspection.compression, state, "thin", label=state.label)
        for state in reversed(states)  # those at initialisation are often one line
        if state.inspection.compression is not None
    ]
    panel = Panel(
        title="Compression",
        x_label="level of a steady energy, dB re 1",
        y_label="feature",
        series=tuple(series),
    )
    caption = "What the compression of each filter makes of a steady energy; PCEN once its smoother has settled."
    return _picture("compression_curves", caption, [panel] if series else [])


def _pcen(states: Sequence[_State]) -> Picture | None:
    known = [name for name in _PCEN if name in states[0].inspection.parameters]
    panels = [_per_filter(states, name, _PCEN[name], title="" if index else "PCEN") for index, name in enumerate(known)]
    caption = "PCEN per filter: exponent alpha, offset delta, root, and its smoother by coefficient and time constant."
    return _picture("pcen_values", caption, panels)


def _normalisation(states: Sequence[_State]) -> Picture | None:
    known = {**_NORMALISATION, "power_root": "root of the power"}
    names = [name for name in known if name in states[0].inspection.parameters]
    panels = [_per_filter(states, name, known[name]) for name in names]
    return _picture("compression_values", "Learned parameters of the compression, per filter.", panels)


def _movement(states: Sequence[_State]) -> Picture | None:
    moved = movement(states[0].inspection, states[-1].inspection) if len(states) > 1 else {}
    labels = {
        "centre_shift_hz": "centre, Hz",
        "centre_shift_erb": "centre, ERB steps",
        "bandwidth_change_octaves": "bandwidth, octaves",
        "response_distance": "response, JS distance",
    }
    panels = [
        Panel(
            title="Movement from initialisation" if not index else "",
            x_label="filter",
            y_label=label,
            series=(
                Series(x=_filters(moved[name]), y=moved[name][None], colour=AFTER, style="dots"),
                _reference(_filters(moved[name]), np.zeros_like(moved[name])[None], 0, ""),
            ),
        )
        for index, (name, label) in enumerate(labels.items())
        if name in moved
    ]
    caption = (
        "How far every filter went from where it started: its centre, its bandwidth, and the Jensen-Shannon distance "
        "of its power response (0: the same, 1: no frequency in common)."
    )
    return _picture("movement", caption, panels)


def _picture(name: str, caption: str, panels: Sequence[Panel]) -> Picture | None:
    return Picture(name=name, caption=caption, panels=tuple(panels)) if panels else None


def _per_filter(states: Sequence[_State], name: str, y_label: str, title: str = "") -> Panel:
    return Panel(title=title, x_label="filter", y_label=y_label, series=tuple(_points(states, name)))


def _points(states: Sequence[_State], name: str, *, scale: float = 1.0) -> list[Series]:
    values = [state.inspection.parameters[name] for state in states]
    return [
        Series(x=_filters(value), y=value[None] * scale, colour=state.colour, style=state.style, label=state.label)
        for state, value in zip(states, values, strict=True)
    ]


def _curves(curves: Curves, state: _State, style: Style, *, scale: float = 1.0, label: str = "") -> Series:
    return Series(x=curves.x * scale, y=curves.y, colour=state.colour, style=style, label=label)


def _reference(x: np.ndarray, y: np.ndarray, index: int, label: str) -> Series:
    return Series(x=x, y=y, colour=(INK, "#2f6fb5", "#3a8f5c")[index], style="dashed", label=label)


def _filters(values: np.ndarray) -> np.ndarray:
    return np.arange(1, len(values) + 1)


def _scales(inspection: Inspection) -> list[str]:
    """Mel, and the scale that the filters start on, where it is another."""
    own = [inspection.scale] if inspection.scale in SCALES and inspection.scale != "mel" else []
    return ["mel", *own]


def _equal_steps(scale: str, centres: np.ndarray) -> np.ndarray:
    if len(centres) < 2:
        return centres
    return band_edges(scale, count=len(centres), min_hz=float(centres.min()), max_hz=float(centres.max()))


def _band_widths(scale: str, centres: np.ndarray) -> np.ndarray:
    """3 / 4 of the distance between the neighbours: FWHM of the root of triangles that meet at the centres."""
    to_scale, to_hz = SCALES[scale]
    at = to_scale(np.sort(centres))
    step = (at[-1] - at[0]) / max(len(at) - 1, 1)
    return 0.75 * (to_hz(at + step) - to_hz(at - step))
