"""`python -m training.inspect request.json`: draws and measures one front end."""

from pathlib import Path

import keras
import numpy as np

from frontends.inspect import initial_state, inspect
from infra.stage import serve
from training.export import unit, write_curves, write_filters
from training.figures import draw_all
from training.load import load_frontend
from training.movement import movement
from training.page import write_page
from training.pictures import make_pictures
from training.requests import Inspected, InspectRequest, Quantity, SavedFrontend

PAGE_NAME, FILTERS_NAME, CURVES_NAME = "index.html", "filters.csv", "curves.npz"


def inspect_frontend(request: InspectRequest) -> Inspected:
    """Writes pictures, page and numbers into the folder; what the front end has no notion of is left out.

    Raises:
      ValueError: the file cannot be loaded.
    """
    folder = Path(request.folder)
    folder.mkdir(parents=True, exist_ok=True)
    layer = load_frontend(request.source)
    present = inspect(layer)
    saved = isinstance(request.source, SavedFrontend)
    initial = inspect(initial_state(layer)) if saved else present
    pictures = make_pictures(initial, present if saved else None)
    moved = movement(initial, present) if saved else {}
    before = initial.parameters if saved else {}
    quantities = tuple(
        _quantity(name, values, before.get(name)) for name, values in {**present.parameters, **moved}.items()
    )
    drawn = draw_all(folder, pictures)
    write_page(folder / PAGE_NAME, pictures, title=request.title, facts=_facts(layer), quantities=quantities)
    named = {f"initial_{name}": values for name, values in before.items()}
    files = [PAGE_NAME, *(path.name for path in drawn if path.suffix == ".png")]
    if present.parameters:
        write_filters(folder / FILTERS_NAME, {**present.parameters, **named, **moved})
        write_curves(folder / CURVES_NAME, present)
        files += [FILTERS_NAME, CURVES_NAME]
    return Inspected(files=tuple(files), quantities=quantities)


def _quantity(name: str, values: np.ndarray, before: np.ndarray | None) -> Quantity:
    return Quantity(
        name=name,
        unit=unit(name),
        low=float(values.min()),
        median=float(np.median(values)),
        high=float(values.max()),
        initial=None if before is None else float(np.median(before)),
    )


def _facts(layer: keras.layers.Layer) -> dict[str, str]:
    """The layer's arguments and counts, in words."""
    counts = {"parameters": layer.count_params(), "learned": sum(np.prod(v.shape) for v in layer.trainable_variables)}
    given = {name: value for name, value in layer.get_config().items() if name not in ("name", "trainable", "dtype")}
    facts = {"layer": type(layer).__name__, **given, **{name: int(count) for name, count in counts.items()}}
    return {name: str(value) for name, value in facts.items()}


if __name__ == "__main__":
    serve(InspectRequest, inspect_frontend)
