"""References that an approval cannot write: what to change instead."""

from datetime import date
from pathlib import Path

from approvals.scenes import manifest
from gate.approvals.copies import There
from gate.approvals.proposal import Judged
from gate.approvals.seen import Seen
from gate.approvals.telling import as_lock, elsewhere
from gate.manifest import load_manifest
from gate.plan import plan
from gate.results import ModelResult
from gate.workspace import Workspace
from support.files import example, write


def told(folder: Path, reference: dict[str, str]) -> str:
    weights = write("npz", folder, example(0))
    path = manifest(folder, weights=weights.name, reference=reference)
    loaded = load_manifest(path)
    (planned,) = plan(loaded, Workspace.of_manifest(path), date(2026, 11, 21))
    seen = Seen(("a",), There("npz", (weights,)), f"sha256:{'a' * 64}")
    judged = Judged(planned, ModelResult("model", "model.npz"), seen)
    return "\n".join([*elsewhere(judged), *as_lock(judged, loaded)[0].splitlines()])


def test_an_address(tmp_path: Path) -> None:
    said = told(tmp_path, {"url": "https://models.example.com/g.npz", "sha256": "0" * 64})
    assert "publish" in said
    assert f"  sha256: {'a' * 64}" in said


def test_a_branch(tmp_path: Path) -> None:
    said = told(tmp_path, {"git": "origin/main"})
    assert "expect: any" in said
    assert "until: " in said
    assert "+  reference: {lock: model.lock.yml}" in said


def test_files_say_nothing(tmp_path: Path) -> None:
    assert told(tmp_path, {"lock": "m.lock.yml"}) == ""
    assert told(tmp_path, {"file": "g.npz"}) == ""
