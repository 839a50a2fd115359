"""Names from a pull request, through the real command and into every report: nothing of them takes effect."""

import json
import re
from pathlib import Path

import h5py
import numpy as np
import pytest
from junitparser import JUnitXml
from markdown_it import MarkdownIt

from support.cli import run_gate
from support.files import WRITERS

NAMES = [
    "x\r::error::forged",
    "y\n::set-output name=conclusion::success",
    "##[error]forged",
    "%0A::warning::forged",
    "]]><testcase/>",
    "\x1b[2J\x1b[31mred",
    "\ufffe",
    "a|b|c",
    "``` <script>alert(1)</script>",
    "@everyone",
    "\u202egpj.exe",
    "![x](https:x.png)",
    "[link](https:example.com)",
    "n" * 5000,
    "..",
    "*",
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A candidate in which every hostile name differs from its reference."""
    old = {name: np.arange(3, dtype=np.float32) + i for i, name in enumerate(NAMES)}
    WRITERS["npz"](tmp_path / "old.npz", old)
    WRITERS["npz"](tmp_path / "new.npz", {name: array + 1 + i / 7 for i, (name, array) in enumerate(old.items())})
    (tmp_path / "weight-gate.yml").write_text("version: 1\nmodels:\n  - weights: new.npz\n    reference: old.npz\n")
    return tmp_path


def commands(printed: str) -> list[str]:
    """What a runner takes for a command: at the start of a line, where a lone CR starts one too, or `##[` anywhere."""
    lines = re.split(r"\r\n|\r|\n", printed)
    return [line for line in lines if line.lstrip().startswith("::") or re.search(r"##\[", line)]


def rendered(markdown: str) -> set[str]:
    """The HTML elements, links and images that GitHub's Markdown would make of a text."""
    tokens = MarkdownIt("gfm-like", {"linkify": False}).parse(markdown)
    inner = [child for token in tokens for child in token.children or []]
    html = " ".join(token.content for token in [*tokens, *inner] if token.type.startswith("html"))
    special = {token.type for token in inner if token.type in {"image", "link_open"}}
    return special | set(re.findall(r"<(/?[a-z]+)", html))


def test_names_take_no_effect_in_any_report(folder: Path) -> None:
    outputs, summary = folder / "outputs", folder / "step.md"
    env = {"GITHUB_ACTIONS": "true", "GITHUB_OUTPUT": str(outputs), "GITHUB_STEP_SUMMARY": str(summary)}
    found = run_gate("check", cwd=folder, env=env)
    assert found.returncode == 1, found.stderr
    assert found.stderr == ""
    for command in commands(found.stdout):
        assert re.match(r"::(error|warning|notice) ([a-z]+=[^:,]*,?)+::", command)
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", found.stdout)
    assert len({line for line in outputs.read_text().splitlines() if "<<" in line}) == 6
    text = summary.read_text()
    assert "\u202e" not in text
    assert rendered(text) <= {"details", "/details", "summary", "/summary"}
    junit = JUnitXml.fromfile(str(folder / "weight-gate-reports" / "junit.xml"))
    assert junit.failures == 1
    report = json.loads((folder / "weight-gate-reports" / "report.json").read_text())
    named = {f["tensor"] for model in report["models"] for check in model["checks"] for f in check["findings"]}
    assert named == set(NAMES)


@pytest.mark.parametrize("command", [["list", "new.npz"], ["diff", "old.npz", "new.npz"]])
def test_tables_are_harmless_too(folder: Path, command: list[str]) -> None:
    found = run_gate(*command, cwd=folder, env={"GITHUB_ACTIONS": "true"})
    assert commands(found.stdout + found.stderr) == []
    assert "\x1b" not in found.stdout
    assert len(json.loads(run_gate("list", "new.npz", "--json", cwd=folder).stdout)["tensors"]) == len(NAMES)


def test_file_names_are_hostile_too(tmp_path: Path) -> None:
    name = "m\r::error::forged\u202e##[error].npz"
    (tmp_path / name).write_bytes(b"not weights ::error::\r::error::x")
    (tmp_path / "weight-gate.yml").write_text('version: 1\nmodels:\n  - weights: "*.npz"\n')
    for command in (["check", "--annotations", "never"], ["list", name], ["diff", name, name]):
        found = run_gate(*command, cwd=tmp_path)
        assert found.returncode == 4
        assert commands(found.stdout + found.stderr) == []
        assert "Traceback" not in found.stderr


def test_names_that_are_no_text_at_all(tmp_path: Path) -> None:
    """HDF5 names are bytes: what is not UTF-8 becomes lone surrogates, which no report can encode as they are."""
    for file, value in (("old.h5", 0.0), ("new.h5", 1.0)):
        with h5py.File(tmp_path / file, "w") as h5:
            h5.attrs["layer_names"] = np.array([b"d\xffnse"])
            group = h5py.Group(h5py.h5g.create(h5.id, b"d\xffnse"))
            group.attrs["weight_names"] = np.array([b"k\xfe:0"])
            data = np.arange(3.0) + value
            stored = h5py.h5d.create(group.id, b"k\xfe:0", h5py.h5t.NATIVE_DOUBLE, h5py.h5s.create_simple(data.shape))
            stored.write(h5py.h5s.ALL, h5py.h5s.ALL, data)
    (tmp_path / "weight-gate.yml").write_text("version: 1\nmodels:\n  - weights: new.h5\n    reference: old.h5\n")
    found = run_gate("check", cwd=tmp_path, env={"GITHUB_ACTIONS": "true"})
    assert found.returncode in {1, 4}
    assert "Traceback" not in found.stderr
    junit = JUnitXml.fromfile(str(tmp_path / "weight-gate-reports" / "junit.xml"))
    assert junit.failures + junit.errors > 0
