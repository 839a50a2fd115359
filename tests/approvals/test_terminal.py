"""On a terminal it asks, model by model, and takes no for an answer."""

from pathlib import Path

import pytest

from approvals.scenes import approvals, check, files, golden, on_terminal
from support.files import example, write

YES, WHY = "approve model? [y/N] ", "why is the change meant? "


@pytest.mark.parametrize("answer", ["y\n", "Y\n", "yes\n"])
def test_yes_and_why(tmp_path: Path, answer: str) -> None:
    folder = tmp_path / "repository"
    golden(folder)
    code, screen = on_terminal(folder, [(YES, answer), (WHY, "a better head\n")])
    assert code == 0, screen
    assert check(folder) == 0
    assert approvals(folder)[0]["reason"] == "a better head"


@pytest.mark.parametrize("answer", ["\n", "n\n", "no\n", "yeah\n", "\x04"])
def test_anything_else_is_no(tmp_path: Path, answer: str) -> None:
    folder = tmp_path / "repository"
    golden(folder)
    before = files(folder)
    code, screen = on_terminal(folder, [(YES, answer)])
    assert code == 1, screen
    assert "model: nothing written" in screen
    assert files(folder) == before


def test_no_reason_is_no_approval(tmp_path: Path) -> None:
    folder = tmp_path / "repository"
    golden(folder)
    before = files(folder)
    code, screen = on_terminal(folder, [(YES, "y\n"), (WHY, "  \n"), ("the reason is empty", "\x04")])
    assert code == 2
    assert screen.count(WHY) == 2
    assert files(folder) == before


def test_ctrl_c_writes_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "repository"
    golden(folder)
    before = files(folder)
    code, _ = on_terminal(folder, [(YES, "\x03")])
    assert code == 130
    assert files(folder) == before


def test_two_models_are_asked_for_one_by_one(tmp_path: Path) -> None:
    (tmp_path / "golden").mkdir()
    lines = []
    for name in ("a", "b"):
        write("npz", tmp_path, example(1), stem=name)
        write("npz", tmp_path / "golden", example(0), stem=name)
        lines.append(f"- {{weights: {name}.npz, reference: golden/{name}.npz, load: false}}\n")
    (tmp_path / "weight-gate.yml").write_text(f"version: 1\nmodels:\n{''.join(lines)}")
    answers = [("approve a? [y/N] ", "n\n"), ("approve b? [y/N] ", "y\n")]
    code, screen = on_terminal(tmp_path, answers, "--reason", "retrained")
    assert code == 1, screen
    assert (tmp_path / "golden" / "b.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    assert (tmp_path / "golden" / "a.npz").read_bytes() != (tmp_path / "a.npz").read_bytes()
    assert [each["model"] for each in approvals(tmp_path)] == ["b"]
