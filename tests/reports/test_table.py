import io

import pytest

from gate.reports.table import write_table
from reports.runner import commands
from reports.samples import HOSTILE


def test_numbers_stand_to_the_right_and_nothing_is_cut() -> None:
    stream = io.StringIO()
    write_table(
        stream,
        ["name", "shape", "bytes"],
        [["block_0/kernel", "(3, 3)", 1024], ["漢字", None, 7], ["x" * 90, "()", None]],
    )
    assert stream.getvalue().splitlines() == [
        "name" + " " * 86 + "  shape   bytes",
        "block_0/kernel" + " " * 76 + "  (3, 3)   1024",
        "漢字" + " " * 86 + "              7",
        "x" * 90 + "  ()",
    ]


def test_a_table_without_rows_is_its_head() -> None:
    stream = io.StringIO()
    write_table(stream, ["name", "bytes"], [], color="always")
    assert stream.getvalue() == "\x1b[1mname  bytes\x1b[0m\n"


def test_booleans_are_words() -> None:
    stream = io.StringIO()
    write_table(stream, ["a flag"], [[True]])
    assert stream.getvalue() == "a flag\nTrue\n"


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_cells_stay_in_their_row(text: str) -> None:
    stream = io.StringIO()
    write_table(stream, [text, "n"], [[text, 1], [1, text]], color="always")
    assert stream.getvalue().count("\n") == 3
    assert not commands(stream.getvalue())
