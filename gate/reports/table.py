"""Plain tables, for `weight-gate list` and `weight-gate diff`."""

from collections.abc import Iterator, Sequence
from typing import TextIO

from rich.cells import cell_len

from gate.reports.escaping import harmless, plain
from gate.reports.stream import Color, emit, wants_color


def write_table(
    stream: TextIO,
    columns: Sequence[str],
    rows: Sequence[Sequence[object]],
    *,
    color: Color = "auto",
    gap: int = 2,
) -> None:
    """A plain table: one row a line, cells escaped, numbers to the right, nothing cut; None is an empty cell."""
    cells = [[plain("" if cell is None else str(cell)) for cell in row] for row in rows]
    widths = [
        max([cell_len(plain(name)), *(cell_len(row[index]) for row in cells)]) for index, name in enumerate(columns)
    ]
    right = [
        any(row[index] is not None for row in rows) and all(_is_number(row[index]) for row in rows)
        for index in range(len(columns))
    ]
    start, end = ("\x1b[1m", "\x1b[0m") if wants_color(stream, color) else ("", "")
    lines = [f"{start}{_row([plain(name) for name in columns], widths, right, gap)}{end}"]
    lines += [_row(row, widths, right, gap) for row in cells]
    emit(stream, harmless("".join(f"{line}\n" for line in lines)))


def _is_number(cell: object) -> bool:
    return cell is None or (isinstance(cell, int | float) and not isinstance(cell, bool))


def _row(cells: Sequence[str], widths: Sequence[int], right: Sequence[bool], gap: int) -> str:
    def padded() -> Iterator[str]:
        for cell, width, to_right in zip(cells, widths, right, strict=True):
            space = " " * (width - cell_len(cell))
            yield space + cell if to_right else cell + space

    return (" " * gap).join(padded()).rstrip(" ")
