"""The page of a workflow: one self-contained HTML file."""

import json
import re
from collections.abc import Sequence
from pathlib import Path

import jinja2

from infra import config
from infra.card import DatasetCard, read_card
from infra.files import write_atomically
from training.config import CAPTIONS_NAME, FIGURES_FOLDER, TrialResult
from workflows import charts, wording
from workflows.places import Places
from workflows.runner import WorkflowState
from workflows.table import Table, read_results, section_title

# The colour that `training.figures` gives to everything that is not data.
_INK = "#5a6068"


def write_page(table: Table, state: WorkflowState, places: Places) -> Path:
    """Writes the page and returns its path."""
    results = read_results(state, places)
    trains = [result.config.train for result in results]
    template = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string(
        Path(__file__).with_name("report.html").read_text()
    )
    page = template.render(
        table=table,
        titles=[section_title(section) for section in table.sections],
        charts=[(charts.scores(section), charts.differences(section)) for section in table.sections],
        trials=[
            (result, state.settings.get(result.trial_id, ""), places.run_id(result.trial_id)) for result in results
        ],
        cards=_cards(state),
        figures=_figures(results, places),
        train=_common(trains),
        wording=wording,
    )
    path = places.report(f"{table.workflow}.common" if table.restricted else table.workflow)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, page)
    return path


def _cards(state: WorkflowState) -> list[DatasetCard]:
    folders = dict.fromkeys(snapshot.folder for snapshot in state.snapshots)
    return [read_card(Path(folder)) for folder in folders]


def _common(trains: Sequence[object]) -> dict[str, object]:
    """Settings that all trials have in common, flat."""
    flat = [config.flatten(train) for train in trains]
    return {key: value for key, value in flat[0].items() if all(other.get(key) == value for other in flat)}


def _figures(results: list[TrialResult], places: Places) -> list[tuple[str, list[tuple[str, str, str]]]]:
    """Front end -> (figure, caption, SVG) of its first finished trial."""
    first = {result.name: result for result in reversed(results)}
    names = dict.fromkeys(result.name for result in results)
    return [(name, _pictures(name, places.trial(first[name].trial_id) / FIGURES_FOLDER)) for name in names]


def _pictures(name: str, folder: Path) -> list[tuple[str, str, str]]:
    path = folder / CAPTIONS_NAME
    captions = (
        json.loads(path.read_text()) if path.is_file() else {svg.stem: "" for svg in sorted(folder.glob("*.svg"))}
    )
    return [
        (figure, caption, _inline(folder / f"{figure}.svg", f"{name}-{figure}")) for figure, caption in captions.items()
    ]


def _inline(path: Path, prefix: str) -> str:
    """The `<svg>` element in the page's text colour, with ids that no other figure on the page has."""
    svg = path.read_text()
    svg = svg[svg.index("<svg") :].replace(_INK, "currentColor")
    svg = re.sub(r'(\bid="|xlink:href="#|url\(#)', rf"\g<1>{prefix}-", svg)
    return re.sub(
        r'<svg([^>]*?) width="[^"]*"',
        r"<svg\1",
        re.sub(r'<svg([^>]*?) height="[^"]*"', r"<svg\1", svg, count=1),
        count=1,
    )
