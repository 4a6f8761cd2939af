"""An interactive page of a front end's pictures: one self-contained HTML file that fetches nothing."""

from collections.abc import Sequence
from pathlib import Path

import jinja2
import numpy as np
import plotly.graph_objects as go
from plotly.offline import get_plotlyjs
from plotly.subplots import make_subplots

from infra.files import write_atomically
from training.panels import INK, Panel, Picture, Series
from training.requests import Quantity

_PANEL_PIXELS, _GAP_PIXELS = 320, 100
_LINES = {
    "thin": {"mode": "lines", "line": {"width": 1}, "opacity": 0.8},
    "line": {"mode": "lines", "line": {"width": 2}},
    "dashed": {"mode": "lines", "line": {"width": 1.5, "dash": "dash"}},
    "circles": {"mode": "markers", "marker": {"size": 8}},
    "dots": {"mode": "markers", "marker": {"size": 6}},
}


def write_page(
    path: Path, pictures: Sequence[Picture], *, title: str, facts: dict[str, str], quantities: Sequence[Quantity]
) -> None:
    """Writes the page: facts about the front end, its numbers in short, and every picture with its caption."""
    template = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string(
        Path(__file__).with_name("page.html").read_text()
    )
    charts = [(picture, _chart(picture)) for picture in pictures]
    page = template.render(title=title, facts=facts, quantities=quantities, charts=charts, plotly=get_plotlyjs())
    write_atomically(path, page)


def _chart(picture: Picture) -> str:
    """The HTML of one picture; the script that draws it stands in the page's head."""
    html: str = _figure(picture).to_html(
        full_html=False,
        include_plotlyjs=False,
        div_id=picture.name,
        config={"displaylogo": False, "responsive": True},
    )
    return html


def _figure(picture: Picture) -> go.Figure:
    shown = picture.panels[:1] if picture.browse else picture.panels
    titles = ["" if picture.browse else panel.title for panel in shown]
    figure = make_subplots(
        rows=len(shown), cols=1, subplot_titles=titles, vertical_spacing=_GAP_PIXELS / (_PANEL_PIXELS * len(shown))
    )
    named: set[str] = set()
    for row, panel in enumerate(shown, start=1):
        _add_panel(figure, panel, row, named)
    if picture.browse:
        _add_browser(figure, picture)
    figure.update_layout(
        template="plotly_white",
        height=_PANEL_PIXELS * len(shown) + (230 if picture.browse else 150),
        margin={"l": 70, "r": 20, "t": 110, "b": 60},
        legend={"orientation": "h", "y": 1.0, "yref": "container", "yanchor": "top", "x": 0.0},
        font={"size": 13, "color": "#1d2329"},
        hovermode="closest",
    )
    return figure


def _add_panel(figure: go.Figure, panel: Panel, row: int, named: set[str]) -> None:
    for series in panel.series:
        for index in range(len(series.y)):
            legend = bool(series.label) and series.label not in named
            named.add(series.label)
            figure.add_trace(_trace(series, index, legend=legend), row=row, col=1)
    limits = {} if panel.y_limits is None else {"range": list(panel.y_limits)}
    figure.update_xaxes(title_text=panel.x_label, row=row, col=1)
    figure.update_yaxes(title_text=panel.y_label, row=row, col=1, **limits)


def _trace(series: Series, index: int, *, legend: bool) -> go.Scatter:
    name = series.label or f"filter {index + 1}"
    many = len(series.y) > 1
    return go.Scatter(
        x=series.x,
        y=series.y[index].astype(np.float32),
        name=name,
        legendgroup=name,
        showlegend=legend,
        hovertemplate=(f"filter {index + 1}<br>" if many else "") + "%{x:.4g}, %{y:.4g}<extra></extra>",
        **_coloured(series),
    )


def _coloured(series: Series) -> dict[str, object]:
    style = {key: dict(value) if isinstance(value, dict) else value for key, value in _LINES[series.style].items()}
    for part in ("line", "marker"):
        if part in style:
            style[part]["color"] = series.colour
    return style


def _add_browser(figure: go.Figure, picture: Picture) -> None:
    """A slider that puts another panel's lines in the place of the first one's."""
    steps = [
        {"method": "update", "label": str(index), "args": [{"y": _lines(panel)}, {"title.text": panel.title}]}
        for index, panel in enumerate(picture.panels, start=1)
    ]
    figure.update_layout(
        title={"text": picture.panels[0].title, "x": 0.5, "font": {"size": 15, "color": INK}},
        sliders=[{"steps": steps, "currentvalue": {"prefix": "filter "}, "pad": {"t": 60}}],
    )


def _lines(panel: Panel) -> list[list[float]]:
    return [np.round(series.y[0], 5).tolist() for series in panel.series]
