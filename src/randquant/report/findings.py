"""A table in, the sentences a reader can trust out: what was found, and where the plain rows win.

A headline calls a row ahead if it is so by half a point and by more than luck gives: half the interval of the paired
difference with all labels, twice the standard error over seeds and draws with few, and never less than what shares of
so many test samples differ by. Of fewer than 3 seeds it says so. No sentence says more than its table shows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import copysign, sqrt

from randquant.probe.unseen import SEEN, TAUGHT
from randquant.report.paired import FEWEST_SEEDS
from randquant.report.table import HEADS, Column, Row, Table

_LEVEL = 0.005


@dataclass(frozen=True)
class Findings:
    """What the page says in words.

    Args:
        headline: one sentence, without a full stop.
        lede: a few sentences with the numbers behind it.
        winners: the sentences under the table.
        spread: what the figures behind ± are.
        measured: what the table holds.
        plain: what the plain rows are.
        key_figures: a number, what it is, and what it stands beside.
    """

    headline: str
    lede: str
    winners: str
    spread: str
    measured: str
    plain: str
    key_figures: tuple[tuple[str, str, str], ...]


def findings(table: Table) -> Findings:
    """Put a table into words."""
    headline = _headline(table)
    if known := known_before([table.task]):
        first, space, rest = headline.partition(" ")
        headline = f"{known[0].upper()}{known[1:]}, {first.lower() if first in ('No', 'With') else first}{space}{rest}"
    return Findings(
        headline,
        _lede(table),
        _winners(table),
        _spread(table),
        _measured(table),
        _plain(table),
        _key_figures(table),
    )


def known_before(tasks: Sequence[str]) -> str:
    """What of its samples the encoder knew already, "in part" where that is so of some tasks; "" where nothing."""
    marks = [next((mark for mark in (TAUGHT, SEEN) if mark in task), "") for task in tasks]
    mark = TAUGHT if TAUGHT in marks else SEEN if SEEN in marks else ""
    return f"{'on' if all(one == mark for one in marks) else 'in part on'} {mark}" if mark else ""


def percent(value: float) -> str:
    """0.8634 as "86.3"."""
    return f"{100 * value:.1f}"


def listed(words: Sequence[str]) -> str:
    """ "a", "a and b", "a, b and c"."""
    return " and ".join(filter(None, [", ".join(words[:-1]), *words[-1:]]))


def _labels(columns: Sequence[Column]) -> str:
    """ "with 1 and 5 labels a class and with all labels"."""
    few = [column.labels for column in columns if column.labels != "all"]
    words = []
    if few:
        words.append(f"with {listed(few)} label{'' if few == ['1'] else 's'} a class")
    if len(few) < len(columns):
        words.append("with all labels")
    return " and ".join(words)


def _lead(table: Table, column: int, row: Row) -> int:
    """1 where a row is clearly ahead of the best plain row, -1 where it is clearly behind, else 0."""
    plain, own = table.best(column, plain=True), row.cells[column]
    if plain is None or own is None or (rival := plain.cells[column]) is None:
        return 0
    if table.columns[column].head == "finetune" and len(own.each) == 1:
        return 0  # another draw, and another training, may tell the contrary
    gap, luck = own.ahead_of(rival)
    return 0 if abs(gap) < max(_LEVEL, luck) else int(copysign(1, gap))


def _is_lost(table: Table, column: int, learned: Sequence[Row]) -> bool:
    """Whether trained methods were measured there, and all of them are clearly behind the best plain row."""
    measured = [row for row in learned if row.cells[column]]
    return bool(measured) and all(_lead(table, column, row) < 0 for row in measured)


def _headline(table: Table) -> str:
    """The first head's story: where a trained method is ahead of the plain rows, and where it is not."""
    learned = [row for row in table.rows if not row.plain and any(row.cells)]
    if not table.columns:
        return "No cell has finished yet, so there is nothing to compare"
    if not learned:
        return "No trained method has a result yet; these are the plain rows alone"
    if not any(row.plain and any(row.cells) for row in table.rows):
        return f"{listed([row.look.title for row in learned])} probed, without a plain row to compare with"
    columns = [i for i, column in enumerate(table.columns) if column.head == table.columns[0].head]
    ahead = {row.method: [i for i in columns if _lead(table, i, row) > 0] for row in learned}
    behind = [i for i in columns if _is_lost(table, i, learned)]
    best = max(learned, key=lambda row: (len(ahead[row.method]), sum(row.mean(i) or 0.0 for i in columns)))
    won = ahead[best.method]
    name = best.look.title
    if len(won) == len(columns):
        whole = f"{name} {best.look.verb('beats')} the plain rows {_labels([table.columns[i] for i in won])}"
        return whole + _of_few(table) + _against(table, learned)
    lost = _plain_wins(table, behind)
    if won:
        rival = table.best(won[0], plain=True)
        assert rival is not None
        start = f"{_labels([table.columns[i] for i in won]).capitalize()}, {name} {best.look.verb('beats')} "
        return start + rival.look.inline + _of_few(table) + (f"; {lost}" if lost else "")
    if table.tuned:
        rivals = " or ".join(row.look.inline for row in table.rows if row.plain and any(row.cells))
        alone = all(len(cell.each) == 1 for row in table.rows for cell in row.cells if cell)
        told = f"{name}, fine-tuned, is not shown to beat {rivals}"
        return told + (": a single draw of labels cannot tell" if alone else f"; {lost}" if lost else "")
    return f"No trained method beats the plain rows here{f': {lost}' if lost else ''}"


def _of_few(table: Table) -> str:
    """ " (1 seed)", where seeds are too few to know how far another one would be from them."""
    return f" ({table.seeds} seed{'' if table.seeds == 1 else 's'})" if table.seeds < FEWEST_SEEDS else ""


def _against(table: Table, learned: Sequence[Row]) -> str:
    """ "; by nearest neighbours, with all labels, raw pixels win", for each other head that says so; or nothing."""
    lost: dict[str, list[int]] = {}
    for i, column in enumerate(table.columns):
        if column.head != table.columns[0].head and _is_lost(table, i, learned):
            lost.setdefault(column.head, []).append(i)
    told = (f"; by {HEADS.get(head, head).lower()}, {_plain_wins(table, some)}" for head, some in lost.items())
    return "".join(told)


def _plain_wins(table: Table, columns: Sequence[int]) -> str:
    """ "with all labels, raw pixels win", or nothing."""
    by_row: dict[str, list[Column]] = {}
    rows = {row.method: row for row in table.rows}
    for i in columns:
        best = table.best(i, plain=True)
        if best is not None:
            by_row.setdefault(best.method, []).append(table.columns[i])
    return "; ".join(
        f"{_labels(some)}, {rows[method].look.inline} {rows[method].look.verb('wins')}"
        for method, some in by_row.items()
    )


def _telling(table: Table, head: str) -> int | None:
    """The column to quote: five labels a class if it is there, else the fewest labels there are."""
    columns = [i for i, column in enumerate(table.columns) if column.head == head]
    five = [i for i in columns if table.columns[i].labels == "5"]
    return next(iter(five or columns), None)


def _lede(table: Table) -> str:
    sentences = []
    i = _telling(table, "linear")
    if i is not None and (best := table.best(i, plain=False)) is not None:
        others = _beside(table, i, [row for row in table.rows if row.plain])
        told = f"{table.columns[i].words.capitalize()}, a linear probe on the frozen features of {best.look.inline} "
        if table.metric == "accuracy":
            told += f"names {_unit(table, best.mean(i))} of the test samples right"
        else:
            told += f"reaches {_unit(table, best.mean(i))} ({table.measured})"
        sentences.append(f"{told}{f', against {others}' if others else ''}.")
    i = next((i for i, column in enumerate(table.columns) if column == ("knn", "all")), None)
    if i is not None and (best := table.best(i, plain=False)) is not None:
        others = _beside(table, i, [row for row in table.rows if row is not best])
        sentences.append(
            f"A vote of the nearest neighbours, with nothing trained on top, "
            f"{'is right for' if table.metric == 'accuracy' else 'reaches'} {_unit(table, best.mean(i))} under "
            f"{best.look.inline}{f' ({others})' if others else ''}."
        )
    return " ".join(sentences)


def _beside(table: Table, column: int, rows: Sequence[Row]) -> str:
    """ "82.8% for raw pixels and 54.5% for the random encoder"."""
    known = [(row.look.inline, mean) for row in rows if (mean := row.mean(column)) is not None]
    return listed([f"{_unit(table, mean)} for {name}" for name, mean in known])


def _unit(table: Table, value: float | None) -> str:
    """ "86.3%" of an accuracy, "86.3" of what is no share."""
    return f"{percent(value or 0.0)}{'%' if table.metric == 'accuracy' else ''}"


def _winners(table: Table) -> str:
    """A sentence for each head: which row leads where. The plain rows' wins come first and are called so."""
    sentences = []
    rows = {row.method: row for row in table.rows}
    for head, _ in table.heads:
        won: dict[tuple[str, ...], list[Column]] = {}
        for i, column in enumerate(table.columns):
            if column.head == head:
                won.setdefault(tuple(row.method for row in table.winners(i)), []).append(column)
        said = {
            methods: _leads([rows[method] for method in methods], columns, few=table.seeds < FEWEST_SEEDS)
            for methods, columns in won.items()
        }
        plain = [text for methods, text in said.items() if any(rows[method].plain for method in methods)]
        learned = [text for methods, text in said.items() if not any(rows[method].plain for method in methods)]
        none = "no plain row is highest" if table.seeds < FEWEST_SEEDS else "no plain row wins"
        sentences.append(f"{HEADS.get(head, head)}: {'; '.join([*(plain or [none]), *learned])}.")
    return " ".join(sentences)


def _leads(rows: Sequence[Row], columns: Sequence[Column], *, few: bool) -> str:
    """ "raw pixels win with all labels", "RQ and crop + RQ share the lead with 5 labels a class"; of few seeds
    "RQ is highest with all labels"."""
    if len(rows) > 1:
        names = listed([row.look.inline for row in rows])
        return f"{names} {'are equally high' if few else 'share the lead'} {_labels(columns)}"
    look = rows[0].look
    verb = look.verb("wins" if rows[0].plain else "leads")
    if few:
        verb = "are highest" if look.plural else "is highest"
    return f"{look.inline} {verb} {_labels(columns)}"


def _measured(table: Table) -> str:
    """The sentence above the table."""
    what = table.measured[0].upper() + table.measured[1:]
    if table.tuned:
        return f"{what}: encoders that were trained whole, by the number of labels a class they were trained with."
    return f"{what} of a probe on frozen features, by the number of labels a class it was trained with."


def _plain(table: Table) -> str:
    """What each plain row of the table is."""
    raw = "raw pixels are the images" if table.domain == "images" else "raw values are the samples"
    words = {
        "raw": f"{raw} themselves{', under a logistic regression' if table.tuned else ''}",
        "none": "the random encoder is the same network before training",
        "scratch": "the encoder from scratch is the same network, trained on the same labels and on nothing else",
    }
    here = [row.method for row in table.rows if row.plain and row.method in words]
    if not here:
        return ""
    several = len(here) > 1
    what = f"The plain row{'s' if several else ''} learn{'' if several else 's'} nothing"
    if "scratch" in here:
        what += " without labels"
    return f"{what}: {listed([words[method] for method in here])}."


def _spread(table: Table) -> str:
    sentences = [f"On the test part, {table.measured}."]
    if table.folds > 1:
        sentences.append(
            f"± folds: standard deviation over {table.folds} parts that were tested in turn, by heads that the others "
            "had taught; each part has its own draw of the few labels."
        )
    elif table.draws_shown:
        sentences.append(
            "± draws: standard deviation over the draws of the few labels, within a seed"
            + (", averaged over seeds." if table.seeds > 1 else ".")
        )
    if table.seeds > 1:
        sentences.append(f"± seeds: standard deviation of the means of {table.seeds} seeds.")
    elif table.seeds == 1:
        sentences.append("This is one seed, so the spread over seeds is not known; more seeds would show it.")
    if table.samples and table.metric == "accuracy":
        margin = 1.96 * sqrt(0.9 * 0.1 / table.samples)
        sentences.append(
            f"With {table.samples:,} test samples, chance alone moves a value near 90% by about "
            f"{percent(margin)} points (95% interval)."
        )
    return " ".join(sentences)


def _key_figures(table: Table) -> tuple[tuple[str, str, str], ...]:
    figures = []
    i = _telling(table, "linear")
    if i is not None and (best := table.best(i, plain=False)) is not None:
        rival = table.best(i, plain=True)
        beside = f"{rival.look.title} {_unit(table, rival.mean(i))}" if rival else ""
        figures.append(
            (_unit(table, best.mean(i)), f"{best.look.title}, linear probe {table.columns[i].words}", beside)
        )
    i = next((i for i, column in enumerate(table.columns) if column == ("knn", "all")), None)
    if i is not None and (best := table.best(i, plain=False)) is not None:
        none = next((row for row in table.rows if row.method == "none" and row.cells[i]), None)
        beside = f"{none.look.title} {_unit(table, none.mean(i))}" if none else ""
        figures.append((_unit(table, best.mean(i)), f"{best.look.title}, nearest neighbours with all labels", beside))
    total = sum(sum(times) for times in table.seconds.values())
    if total:
        cells = sum(map(len, table.seconds.values()))
        figures.append((duration(total), f"to {table.took} {cells} cell{'s' if cells > 1 else ''}", "sum over cells"))
    return tuple(figures)


def duration(seconds: float) -> str:
    """ "47 s", "3 min 20 s", "2 h 5 min"."""
    whole = round(seconds)
    if whole < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60} min"
