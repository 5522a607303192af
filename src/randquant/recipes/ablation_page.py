"""Results of an ablation in, a page in Markdown and its picture out: a panel a data set, a point a variant and seed."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean, stdev

from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from randquant.errors import UserError
from randquant.report.files import write_whole
from randquant.report.paired import paired
from randquant.report.results import Line, Results

_HEADS = {"linear": ("#0f62b4", "o", "Linear probe"), "knn": ("#b8342f", "^", "Nearest neighbours")}
Cells = Mapping[tuple[str, str, str], list[Line]]  # by task, method and head, with all labels


def write_page(
    name: str, varied: str, variants: Sequence[str], results: Results, folder: Path, more: Sequence[str] = ()
) -> Path:
    """Write `ablation.md` and `ablation.svg` into a folder.

    Args:
        name: of the recipe.
        varied: the property that the variants are values of.
        variants: their labels in order; differences are to the first.
        results: the lines of all cells.
        more: lines that end the page.

    Raises:
        UserError: the folder cannot be written.
    """
    cells: dict[tuple[str, str, str], list[Line]] = {}
    for line in results.scores:
        if line["labels"] == "all":
            cells.setdefault((line["task"], line["method"], line["head"]), []).append(line)
    page = folder / "ablation.md"
    try:
        write_whole(folder / "ablation.svg", _picture(varied, variants, cells))
        text = [*_text(name, varied, variants, cells, len(results.failures)), *more]
        write_whole(page, "\n".join(text) + "\n")
    except OSError as error:
        raise UserError(f"out: cannot write {page} ({error.strerror}); name a folder you may write to") from error
    return page


def _text(name: str, varied: str, variants: Sequence[str], cells: Cells, failures: int) -> list[str]:
    lines = [f"# {name}", "", f"![Score by {varied}, a panel a data set; the table says the same](ablation.svg)", ""]
    lines += [
        f"| data | head | {varied} | score | ± seeds | difference to {variants[0]} |",
        "|---|---|---|---:|---:|---:|",
    ]
    for task in dict.fromkeys(task for task, _, _ in cells):
        for head in _HEADS:
            for method in ("raw", "none", *variants):
                own = cells.get((task, method, head))
                if own:
                    values = [float(line["value"]) for line in own]
                    spread = f"{100 * stdev(values):.1f}" if len(values) > 1 else ""
                    gap = _difference(own, cells.get((task, variants[0], head), [])) if method in variants[1:] else ""
                    lines.append(f"| {task} | {head} | {method} | {100 * fmean(values):.1f} | {spread} | {gap} |")
    seeds = max((len(own) for own in cells.values()), default=0)
    lines += [
        "",
        f"Scores times 100, with all labels, mean over {seeds} seed{'' if seeds == 1 else 's'}. Differences are paired",
    ]
    lines += [
        "by seed; in brackets the 95% interval of their mean, over seeds and test groups. raw and none are the plain"
    ]
    lines += ["rows: the samples themselves, and the encoder before any training."]
    if failures:
        lines += ["", f"{failures} cell{'' if failures == 1 else 's'} failed and are left out; results.jsonl says why."]
    return lines


def _difference(own: Sequence[Line], first: Sequence[Line]) -> str:
    gap = paired(own, first)
    if gap is None:
        return ""
    told = f"{100 * gap.mean:+.1f}"
    return told if gap.interval is None else f"{told} ({100 * gap.interval[0]:+.1f} to {100 * gap.interval[1]:+.1f})"


def _picture(varied: str, variants: Sequence[str], cells: Cells) -> str:
    """A panel a data set; seeds as points, their means joined where the variants are numbers."""
    tasks = list(dict.fromkeys(task for task, _, _ in cells)) or [""]
    figure = Figure(figsize=(3.4 * len(tasks), 3.0), layout="constrained")
    FigureCanvasSVG(figure)
    for place, task in enumerate(tasks):
        axes = figure.add_subplot(1, len(tasks), place + 1)
        for shift, (head, (colour, marker, words)) in zip((-0.08, 0.08), _HEADS.items(), strict=True):
            means = []
            for number, variant in enumerate(variants):
                values = [100 * float(line["value"]) for line in cells.get((task, variant, head), [])]
                if values:
                    axes.plot([number + shift] * len(values), values, marker, color=colour, markersize=3, alpha=0.5)
                    means.append((number + shift, fmean(values)))
            stroke = "-" if all(variant.isdecimal() for variant in variants) else ""
            if means:
                axes.plot(*zip(*means, strict=True), stroke + marker, color=colour, markersize=7, label=words)
            plain = [100 * float(line["value"]) for line in cells.get((task, "none", head), [])]
            if plain:
                axes.axhline(fmean(plain), color=colour, linestyle=":", linewidth=1)
        axes.set_title(task, fontsize=10)
        axes.set_xticks(range(len(variants)), variants)
        axes.set_xlim(-0.5, len(variants) - 0.5)
        axes.set_xlabel(varied)
        if not place:
            axes.set_ylabel("score times 100")
            if any(method == "none" for _, method, _ in cells):
                axes.plot([], [], ":", color="gray", linewidth=1, label="Random encoder")
            if axes.get_legend_handles_labels()[0]:  # nothing may have been measured yet
                axes.legend(fontsize=8, frameon=False)
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None})
    return buffer.getvalue()
