"""A report's rows as tables, for a terminal or for Markdown."""

import itertools
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from benchmarks.rounds import Row

Report = dict[str, Any]
_ONEDNN_OFF = "graph, oneDNN off"
_ENGINES = ("graph", _ONEDNN_OFF, "XLA", "JAX")


@dataclass(frozen=True)
class Table:
    """A title, the header's cells, and lines of as many cells."""

    title: str
    header: list[str]
    lines: list[list[str]]

    def as_text(self) -> str:
        """Columns aligned by blanks."""
        widths = [max(map(len, column)) for column in zip(self.header, *self.lines, strict=True)]
        rows = [
            "  ".join([cells[0].ljust(widths[0]), *map(str.rjust, cells[1:], widths[1:])])
            for cells in (self.header, *self.lines)
        ]
        return "\n".join(["", self.title, *rows])

    def as_markdown(self) -> str:
        """A pipe table under its title."""
        rows = [self.header, ["---", *["--:"] * (len(self.header) - 1)], *self.lines]
        return "\n".join([f"\n{self.title}\n", *(f"| {' | '.join(cells)} |" for cells in rows)])


def tables(report: Report) -> list[Table]:
    """All tables of the parts that were run, then the errors."""
    parts = report["parts"]
    made = [
        *(_ratio_tables(report["ratios"])),
        *(_speed_tables(parts.get("speed", []))),
        *(_memory_tables(parts.get("memory", []))),
        *(_growth_table(parts.get("growth", []))),
        *(_errors(itertools.chain.from_iterable(parts.values()))),
    ]
    return [table for table in made if table.lines]


def ratios(parts: dict[str, list[Row]]) -> dict[str, dict[str, dict[str, float | str]]]:
    """By part, shape and name; the reference at its better setting of oneDNN, the others at the default, on."""
    made = {
        "speed": {_place(rows[0]): _speed_ratios(rows) for rows in _by_place(parts.get("speed", []))},
        "memory": {_place(rows[0]): _memory_ratios(rows) for rows in _by_place(parts.get("memory", []))},
        "growth": _growth_ratios(parts.get("growth", [])),
    }
    return {part: {place: values for place, values in places.items() if values} for part, places in made.items()}


def _speed_ratios(rows: list[Row]) -> dict[str, float | str]:
    cost = {(row["contender"], row["job"], row["engine"]): row["cpu_seconds"] for row in rows if "error" not in row}
    out: dict[str, float | str] = {}
    for job in ("step", "forward"):
        settings = [engine for engine in ("graph", _ONEDNN_OFF) if ("reference", job, engine) in cost]
        if settings:
            better = min(settings, key=lambda engine: cost["reference", job, engine])
            cost["reference", job, "better"] = cost["reference", job, better]
            out[f"better oneDNN setting of the reference, {job}"] = "off" if better == _ONEDNN_OFF else "on"
        for engine, leaf in itertools.product(("graph", "XLA", "JAX"), ("Leaf exact", "Leaf fast")):
            if ("reference", job, "better") in cost and (leaf, job, engine) in cost:
                out[f"reference / {leaf}, {job}, {engine}"] = cost["reference", job, "better"] / cost[leaf, job, engine]
    for engine, leaf in itertools.product(("graph", "XLA", "JAX"), ("Leaf fast", "Leaf exact")):
        if (leaf, "step", engine) in cost and ("Mel-PCEN", "step", engine) in cost:
            out[f"{leaf} / Mel-PCEN, step, {engine}"] = cost[leaf, "step", engine] / cost["Mel-PCEN", "step", engine]
    return out


def _memory_ratios(rows: list[Row]) -> dict[str, float | str]:
    added = {
        (row["contender"], row["engine"]): row["peak_mb"] - row["resident_mb"] for row in rows if "error" not in row
    }
    reference = [added["reference", engine] for engine in ("graph", _ONEDNN_OFF) if ("reference", engine) in added]
    return {
        f"reference / {name}, memory added": min(reference) / added[name, "graph"]
        for name in ("Leaf exact", "Leaf fast", "Mel-PCEN")
        if reference and added.get((name, "graph"), 0.0) > 0.0
    }


def _growth_ratios(rows: list[Row]) -> dict[str, dict[str, float | str]]:
    """The longest clips against those before."""
    by_filters: dict[str, dict[str, float | str]] = {}
    for (contender, num_filters), group in _grouped(rows, "contender", "num_filters"):
        good = sorted((row for row in group if "error" not in row), key=lambda row: row["seconds"])[-2:]
        if len(good) == 2:
            name = f"{contender}, {good[1]['seconds']} s / {good[0]['seconds']} s"
            ratio = _per_audio_second(good[1]) / _per_audio_second(good[0])
            by_filters.setdefault(f"{num_filters} filters", {})[name] = ratio
    return by_filters


def _ratio_tables(by_part: dict[str, dict[str, dict[str, float | str]]]) -> Iterable[Table]:
    titles = {
        "speed": "Ratios of CPU-seconds",
        "memory": "Ratios of memory added by training steps",
        "growth": "Cost of a second of audio, training step, longer clips against shorter",
    }
    for part, places in by_part.items():
        names = list(dict.fromkeys(itertools.chain.from_iterable(places.values())))
        lines = [[name, *(_number(values.get(name)) for values in places.values())] for name in names]
        yield Table(titles[part], ["", *places], lines)


def _speed_tables(rows: list[Row]) -> Iterable[Table]:
    for group in _by_place(rows):
        cells = _cells(group, lambda row: f"{row['cpu_seconds']:.3f}", "contender", "engine", "job")
        contenders = dict.fromkeys(row["contender"] for row in group)
        lines = [
            [
                name,
                *(f"{cells.get((name, e, 'forward'), '-')} / {cells.get((name, e, 'step'), '-')}" for e in _ENGINES),
            ]
            for name in contenders
        ]
        title = f"CPU-seconds at {_place(group[0])}: forward / training step"
        yield Table(title, ["", *_ENGINES], [[cell.replace("- / -", "-") for cell in line] for line in lines])


def _memory_tables(rows: list[Row]) -> Iterable[Table]:
    shown: dict[str, Callable[[Row], str]] = {
        "Memory of a process, MB: added by training steps (peak of the whole process)": lambda row: (
            f"{row['peak_mb'] - row['resident_mb']:.0f} ({row['peak_mb']:.0f})"
        ),
        "Wall seconds of the first training step, with tracing": lambda row: f"{row['first_call_seconds']:.1f}",
    }
    places = list(dict.fromkeys(_place(row) for row in rows))
    contenders = dict.fromkeys((row["contender"], row["engine"]) for row in rows)
    for title, show in shown.items():
        cells = {(_place(row), row["contender"], row["engine"]): _cell(row, show) for row in rows}
        lines = [
            [f"{name}, {engine}", *(cells.get((place, name, engine), "-") for place in places)]
            for name, engine in contenders
        ]
        yield Table(title, ["", *places], lines)


def _growth_table(rows: list[Row]) -> Iterable[Table]:
    shapes = list(dict.fromkeys((row["batch"], row["seconds"]) for row in rows))
    cells = _cells(
        rows, lambda row: f"{1000 * _per_audio_second(row):.2f}", "contender", "num_filters", "batch", "seconds"
    )
    lines = [
        [f"{name}, {num_filters} filters", *(cells.get((name, num_filters, *shape), "-") for shape in shapes)]
        for name, num_filters in dict.fromkeys((row["contender"], row["num_filters"]) for row in rows)
    ]
    header = ["", *(f"{batch} x {seconds} s" for batch, seconds in shapes)]
    yield Table("CPU-milliseconds of a training step for a second of audio, graph", header, lines)


def _errors(rows: Iterable[Row]) -> Iterable[Table]:
    lines = [
        [f"{row['contender']}, {row['job']}, {row['engine']}", _place(row), row["error"]]
        for row in rows
        if "error" in row
    ]
    yield Table("Errors", ["", "where", "what"], lines)


def _cells(rows: list[Row], show: Callable[[Row], str], *keys: str) -> dict[tuple[Any, ...], str]:
    return {tuple(row[key] for key in keys): _cell(row, show) for row in rows}


def _cell(row: Row, show: Callable[[Row], str]) -> str:
    return "failed" if "error" in row else show(row)


def _per_audio_second(row: Row) -> float:
    return float(row["cpu_seconds"] / (row["batch"] * row["seconds"]))


def _number(value: float | str | None) -> str:
    return f"{value:.2f}" if isinstance(value, float) else value or "-"


def _place(row: Row) -> str:
    return f"{row['num_filters']} filters, {row['batch']} x {row['seconds']} s"


def _by_place(rows: list[Row]) -> list[list[Row]]:
    return [group for _, group in _grouped(rows, "num_filters", "batch", "seconds")]


def _grouped(rows: list[Row], *keys: str) -> list[tuple[tuple[Any, ...], list[Row]]]:
    groups: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        groups.setdefault(tuple(row[key] for key in keys), []).append(row)
    return list(groups.items())
