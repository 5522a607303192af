"""A table or training runs in, line charts as SVG out.

Colours are written as CSS variables of the page, so that one picture serves light and dark paper.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from randquant.report.looks import Look
from randquant.report.runs import TrainedRun
from randquant.report.table import HEADS, Table

_INK, _SOFT, _LINE = "#1a1b1e", "#5c6370", "#d9dce1"
_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",  # text stays text: it can be searched, read aloud and set in the page's type
    "font.size": 10.5,
    "text.color": _INK,
    "axes.edgecolor": _LINE,
    "axes.labelcolor": _SOFT,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "axes.axisbelow": True,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "grid.color": _LINE,
    "grid.linewidth": 0.7,
    "xtick.color": _LINE,
    "xtick.labelcolor": _SOFT,
    "ytick.color": _LINE,
    "ytick.labelcolor": _SOFT,
    "ytick.major.size": 0,
    "lines.linewidth": 1.8,
    "lines.markersize": 4.5,
}


class Metric(NamedTuple):
    """How a logged metric is shown: its title, what it is, and its unit, "%" for a share."""

    title: str
    meaning: str
    unit: str


TRAINING = {
    "loss": Metric("Loss", "its scale differs from method to method: compare the shape", "loss"),
    "accuracy": Metric("Pairs told apart", "share of a batch whose match is found among all its samples", "%"),
    "effective_rank": Metric("Directions the features fill", "effective rank; 1 means collapse", "effective rank"),
    "knn_accuracy": Metric("Nearest neighbours while training", "accuracy", "%"),
    "validation_accuracy": Metric("Validation part while fine-tuning", "accuracy", "%"),
}
METERED = ("loss", "effective_rank")  # of TRAINING, where there are many runs

WHOLE_TRAINING = {  # what the page of one run shows
    **TRAINING,
    "feature_spread": Metric("Spread of the features", "0 says that all samples look alike, 1 is the most", "spread"),
    "linear_accuracy": Metric("Linear head while training", "accuracy", "%"),
}


@dataclass(frozen=True)
class Chart:
    """A picture with its words: `title` above it, `alt` for those who cannot see it."""

    title: str
    alt: str
    svg: str


def few_label_curves(table: Table, name: str) -> list[Chart]:
    """Accuracy against labels a class, a chart a head; whiskers span the larger of the two spreads.

    `name` begins the charts' element ids.
    """
    charts: list[Chart] = []
    for head, _ in table.heads:
        columns = [i for i, column in enumerate(table.columns) if column.head == head]
        if len(columns) < 2:
            continue  # a point is no curve
        labels = [table.columns[i].labels for i in columns]
        with _panel(row.look for row in table.rows) as (figure, axes):
            ends = []
            for place, row in enumerate(table.rows):
                points = [(x, cell) for x, i in enumerate(columns) if (cell := row.cells[i])]
                if not points:
                    continue
                aside = 0.03 * (place - (len(table.rows) - 1) / 2)  # so that whiskers stand beside each other
                xs, ys = [x + aside for x, _ in points], [100 * cell.mean for _, cell in points]
                spreads = [100 * max(cell.draws or 0, cell.seeds or 0) for _, cell in points]
                most = [100 - y for y in ys] if table.metric == "accuracy" else spreads
                axes.errorbar(
                    xs,
                    ys,
                    [spreads, list(map(min, spreads, most))],
                    ecolor=row.look.light,
                    elinewidth=0.9,
                    **_stroke(row.look),
                )
                ends.append((xs[-1], ys[-1], row.look))
            axes.set_xticks(range(len(labels)), labels)
            axes.set_xlim(-0.15, len(labels) - 0.85)
            axes.set_xlabel("labels a class")
            axes.set_ylabel(table.measured)
            if table.metric == "accuracy":
                _end_at_100(axes)
            _name_lines(axes, ends)
            svg = _svg(figure, {row.method: row.look for row in table.rows}, f"{name}-{len(charts)}")
        said = "; ".join(f"{row.look.title} {_told(row.cells, columns)}" for row in table.rows)
        title = HEADS.get(head, head)
        charts.append(Chart(title, f"{title}: {table.measured} with {', '.join(labels)} labels a class. {said}.", svg))
    return charts


def training_curves(
    runs: Sequence[TrainedRun], looks: Mapping[str, Look], name: str, shown: Sequence[str] = ()
) -> list[Chart]:
    """Metrics that were logged while training, a chart each; every seed is a line.

    `name` begins the charts' ids; `shown` are those of WHOLE_TRAINING, by default all of TRAINING.
    """
    charts: list[Chart] = []
    for logged in shown or TRAINING:
        metric = WHOLE_TRAINING[logged]
        series = [(run, *run.series(logged)) for run in runs if run.method in looks]
        series = [(run, steps, values) for run, steps, values in series if len(steps) > 1]
        if not series:
            continue
        with _panel(looks.values()) as (figure, axes):
            ends: dict[str, tuple[float, float, Look]] = {}
            for run, steps, values in series:
                look = looks[run.method]
                ys = [100 * value if metric.unit == "%" else value for value in values]
                stroke = _stroke(look) | {"marker": "", "alpha": 1.0 if run.method not in ends else 0.45}
                axes.plot(steps, ys, **stroke)
                ends.setdefault(run.method, (steps[-1], ys[-1], look))
            axes.set_xlabel("step")
            axes.set_ylabel(metric.unit)
            axes.set_xlim(left=0)
            axes.xaxis.set_major_locator(MaxNLocator("auto", integer=True))
            if metric.unit == "%":
                _end_at_100(axes)
            _name_lines(axes, list(ends.values()))
            svg = _svg(figure, looks, f"{name}-{logged}")
        said = "; ".join(f"{look.title} ends at {y:.3g}" for _, y, look in ends.values())
        charts.append(Chart(metric.title, f"{metric.title} ({metric.meaning}) against the step. {said}.", svg))
    return charts


def _end_at_100(axes: Axes) -> None:
    """Keep the axis of a share within 0 and 100 percent; lines that lie on its ends are drawn whole."""
    low, high = axes.get_ylim()
    axes.set_ylim(max(low, 0), min(high, 100))
    for line in axes.lines:
        line.set_clip_on(False)


def _told(cells: Sequence[Any], columns: Sequence[int]) -> str:
    return ", ".join(f"{100 * cells[i].mean:.1f}" if cells[i] else "nothing" for i in columns)


def _stroke(look: Look) -> dict[str, Any]:
    return {"color": look.light, "linestyle": look.dash, "marker": look.marker}


@contextmanager
def _panel(looks: Iterable[Look]) -> Iterator[tuple[Figure, Axes]]:
    """A figure in the page's style, which lasts as long as the block, and its axes with room for names beside them."""
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(4.9, 3.7))
        FigureCanvasSVG(figure)
        longest = max((len(look.title) for look in looks), default=0)
        yield figure, figure.add_axes((0.115, 0.135, 0.86 - 0.022 * min(longest, 20), 0.84))


def _name_lines(axes: Axes, ends: Sequence[tuple[float, float, Look]]) -> None:
    """Write each line's name beside its end, moved apart where they would touch."""
    low, high = axes.get_ylim()
    axes.set_ylim(low, high)
    left, right = axes.get_xlim()
    gap = (high - low) * 0.062
    ordered = sorted(ends, key=lambda end: end[1])
    for (x, y, look), place in zip(ordered, _apart([y for _, y, _ in ordered], gap), strict=True):
        start = right + (right - left) * 0.06
        axes.plot([x, start], [y, place], color=look.light, linewidth=0.8, alpha=0.6, clip_on=False)
        axes.text(start + (right - left) * 0.015, place, look.title, color=look.light, va="center", fontweight="bold")


def _apart(places: Sequence[float], gap: float) -> list[float]:
    """Ascending places, moved as little as it takes to be `gap` apart: neighbours that touch share their mean."""
    groups: list[list[float]] = []
    for place in places:
        groups.append([place])
        while len(groups) > 1 and _bottom(groups[-1], gap) - _top(groups[-2], gap) < gap:
            groups[-2:] = [groups[-2] + groups[-1]]
    return [_bottom(group, gap) + i * gap for group in groups for i in range(len(group))]


def _bottom(group: Sequence[float], gap: float) -> float:
    return sum(group) / len(group) - gap * (len(group) - 1) / 2


def _top(group: Sequence[float], gap: float) -> float:
    return _bottom(group, gap) + gap * (len(group) - 1)


def _svg(figure: Figure, looks: Mapping[str, Look], name: str) -> str:
    """The figure as an SVG element: no prolog, no fixed size, ids of its own, colours of the page."""
    buffer = io.StringIO()
    with mpl.rc_context({"svg.hashsalt": name}):
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>|<!--.*?-->", "", text, flags=re.DOTALL)
    text = (
        re.sub(r' (?:xmlns(?::xlink)?|version|width|height)="[^"]*"', "", text.partition(">")[0])
        + text[text.index(">") :]
    )
    text = text.replace("xlink:href", "href")
    text = re.sub(r'(\bid="|url\(#|href="#)', rf"\g<1>{name}-", text)
    for colour, variable in _variables(looks):
        text = text.replace(colour, f"var({variable})")
    return text.replace("<svg", '<svg aria-hidden="true" focusable="false"', 1)


def _variables(looks: Mapping[str, Look]) -> Iterator[tuple[str, str]]:
    yield from ((_INK, "--ink"), (_SOFT, "--soft"), (_LINE, "--line"))
    yield from ((look.light, f"--method-{i}") for i, look in enumerate(looks.values()))
