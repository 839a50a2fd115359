import pytest
from hypothesis import given
from hypothesis import strategies as st

from gate.github.marker import Marker
from reports.strategies import hostile_text

markers = st.builds(Marker.of, st.lists(hostile_text), st.integers(0, 10**18 - 1), st.integers(0, 99), st.booleans())


@given(markers, hostile_text)
def test_it_is_read_as_it_was_written(marker: Marker, text: str) -> None:
    assert Marker.read(f"{marker.line()}\n{text}") == marker
    assert Marker.read(f"{marker.line()}\r\n{text}") == marker  # as browsers send it
    assert Marker.read(marker.line()) == marker


@given(markers)
def test_it_is_one_html_comment_whatever_the_gate_is_called(marker: Marker) -> None:
    line = marker.line()
    assert line.isascii()
    assert line.isprintable()
    assert line.startswith("<!-- ")
    assert line.index("-->") == len(line) - 3


@pytest.mark.parametrize("before", [" ", "> ", "\n", "x", "`", "\ufeff"])
def test_anywhere_but_at_the_beginning_it_is_none(before: str) -> None:
    assert Marker.read(before + Marker.of(["a"], 1, 1, red=True).line()) is None


@pytest.mark.parametrize(
    "line",
    [
        "",
        "<!-- weight-gate -->",
        f"<!-- weight-gate {'0' * 31} run 1.1 red -->",
        f"<!-- weight-gate {'0' * 32} run 1 red -->",
        f"<!-- weight-gate {'0' * 32} run -1.1 red -->",
        f"<!-- weight-gate {'0' * 32} run 1.1 blue -->",
        f"<!-- weight-gate {'0' * 32} run 1.{'9' * 5000} red -->",
        f"<!-- weight-gate {'0' * 32} run 1.1 red --> and more",
    ],
)
def test_what_is_none(line: str) -> None:
    assert Marker.read(line) is None


def test_gates_have_keys_of_their_own() -> None:
    gates = [["a", "b"], ["ab", ""], ["a", "b", ""], ["b", "a"], [], [""]]
    assert len({Marker.of(gate, 1, 1, red=True).key for gate in gates}) == len(gates)
    assert Marker.of(["a"], 1, 1, red=True).key == Marker.of(["a"], 2, 3, red=False).key
