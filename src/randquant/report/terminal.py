"""A table in, the same on standard output out: wide for a reader, a row a number for a program."""

from __future__ import annotations

from randquant.report.findings import findings, percent
from randquant.report.table import HEADS, Row, Table
from randquant.terminal import is_drawn, say, tell, write_table


def show(table: Table) -> None:
    """Write the table; to a reader with the sentences that go with it."""
    if not is_drawn():
        write_table(("task", "method", "head", "labels", "accuracy", "spread_draws", "spread_seeds"), _long(table))
        return
    for head, _ in table.heads:
        columns = [i for i, column in enumerate(table.columns) if column.head == head]
        header = [HEADS.get(head, head), *(table.columns[i].labels for i in columns)]
        write_table(header, [[row.look.title, *(_cell(table, row, i) for i in columns)] for row in table.rows])
        say("")
    said = findings(table)
    for sentence in (f"{said.headline}.", said.winners, f"Bold: the best of its column. {said.spread}"):
        tell(sentence)
        say("")


def _long(table: Table) -> list[list[str]]:
    return [
        [table.task, row.method, column.head, column.labels]
        + [f"{value:.4f}" if value is not None else "" for value in (cell.mean, cell.draws, cell.seeds)]
        for row in table.rows
        for column, cell in zip(table.columns, row.cells, strict=True)
        if cell
    ]


def _cell(table: Table, row: Row, column: int) -> str:
    """Mean and larger spread in percent; the best of a column bold."""
    cell = row.cells[column]
    if cell is None:
        return "-"
    mean = f"[bold]{percent(cell.mean)}[/]" if row in table.winners(column) else percent(cell.mean)
    spreads = [spread for spread in (cell.draws, cell.seeds) if spread is not None]
    return f"{mean} [dim]± {percent(max(spreads))}[/]" if spreads else mean
