"""From manifest to plan: which files, which checks, and where each was asked for."""

from datetime import date
from pathlib import Path

import pytest

from gate.errors import ManifestError, MissingFileError
from gate.manifest import load_manifest
from gate.plan import NO_REFERENCE, NOT_LOADED, ModelPlan, plan
from gate.position import Position
from gate.references.git import GitReference
from gate.references.url import UrlReference
from gate.tensors.rules import Expect
from gate.tensors.tolerance import Tolerance
from gate.tensors.weightset import Group
from gate.workspace import Workspace

TODAY = date(2026, 11, 21)


def planned(folder: Path, text: str) -> tuple[ModelPlan, ...]:
    path = folder / "weight-gate.yml"
    path.write_text(text)
    return plan(load_manifest(path, "weight-gate.yml"), Workspace.of_manifest(path), TODAY)


def test_the_smallest_manifest(tmp_path: Path) -> None:
    (model,) = planned(tmp_path, "version: 1\nmodels:\n  - weights: sub/m.keras\n    reference: g.keras\n")
    assert (model.name, model.weights, model.path) == (
        "m",
        str(tmp_path / "sub" / "m.keras"),
        tmp_path / "sub" / "m.keras",
    )
    assert model.reference is not None
    assert model.reference.shown == str(tmp_path / "g.keras")
    assert model.checks == ("structure", "finite", "values", "restore", "roundtrip")
    assert model.notes == ()
    assert model.groups == {Group.WEIGHTS}
    assert model.positions == {
        "weights": Position("weight-gate.yml", 3, 5),
        "reference": Position("weight-gate.yml", 4, 5),
        "groups": Position("weight-gate.yml", 3, 5),
    }


def test_without_a_reference_that_is_said(tmp_path: Path) -> None:
    (model,) = planned(tmp_path, "version: 1\nmodels:\n  - weights: m.keras\n    load: false\n")
    assert model.checks == ("finite",)
    assert model.notes == (NOT_LOADED, NO_REFERENCE)
    assert model.loading is None


def test_everything_at_once(tmp_path: Path) -> None:
    text = """\
version: 1
defaults:
  tolerance: {rtol: 1e-3, atol: 0}
models:
  - name: big
    weights: m.keras
    reference: g.keras
    digest: sha256:%s
    names: [{from: "^a/", to: "b/"}]
    groups: {optimizer: compare}
    tensors:
      - {match: "b/**", expect: changed, nan: allowed}
      - {match: "c", shape: [2], mean: {value: 1, atol: 2}}
    statistics: {mean: 1e-5, std: {rtol: 1e-2}}
""" % ("0" * 64)  # fmt: skip
    (model,) = planned(tmp_path, text)
    assert model.name == "big"
    data = ("rules", "digest", "structure", "finite", "values", "statistics")
    assert model.checks == (*data, "restore", "roundtrip", "loaded-values")
    assert model.groups == {Group.WEIGHTS, Group.OPTIMIZER}
    assert model.rules.tolerance == Tolerance(1e-3, 0)
    assert [rule.expect for rule in model.rules.all] == [Expect.CHANGED, None]
    assert model.rules.all[0].nan is True
    assert model.rules.all[1].statistics["mean"].atol == 2
    assert model.rules.all[1].position == Position("weight-gate.yml", 13, 9)
    assert model.thresholds == {"mean": Tolerance(0, 1e-5), "std": Tolerance(1e-2, 0)}
    assert [rename.pattern for rename in model.renames] == ["^a/"]


def test_a_glob_makes_one_model_per_file(tmp_path: Path) -> None:
    for name in ("a.npz", "b.npz", "a.keras"):
        (tmp_path / name).write_bytes(b"x")
    models = planned(tmp_path, 'version: 1\nmodels:\n  - weights: "*.npz"\n    reference: gold/{file}\n')
    assert [(m.name, m.weights, m.reference.shown if m.reference else "") for m in models] == [
        ("a", str(tmp_path / "a.npz"), str(tmp_path / "gold" / "a.npz")),
        ("b", str(tmp_path / "b.npz"), str(tmp_path / "gold" / "b.npz")),
    ]
    models = planned(tmp_path, 'version: 1\nmodels:\n  - weights: "a.*"\n')
    assert [m.name for m in models] == ["a.keras", "a.npz"]


def test_references_from_git_and_from_an_address(tmp_path: Path) -> None:
    text = """\
version: 1
models:
  - weights: sub/m.keras
    reference: {git: origin/main}
  - weights: n.keras
    reference: {git: v1, path: "gold/{file}", missing: allowed}
  - weights: o.keras
    reference: {url: "https://host.example/o", sha256: %s}
""" % ("a" * 64)  # fmt: skip
    same, other, address = (model.reference for model in planned(tmp_path, text))
    at, gold = tmp_path / "sub" / "m.keras", tmp_path / "gold" / "n.keras"
    assert same == GitReference("origin/main", at, str(at), at)
    assert other == GitReference("v1", gold, str(gold), tmp_path / "n.keras", missing=True)
    assert other.shown == f"{gold} at v1"
    assert isinstance(address, UrlReference)
    assert (address.url, address.sha256) == ("https://host.example/o", "a" * 64)


def test_a_reference_in_git_stays_in_the_repository(tmp_path: Path) -> None:
    text = "version: 1\nmodels:\n  - weights: b.npz\n    reference: {git: main, path: ../a.npz}\n"
    with pytest.raises(ManifestError, match=r"4:28: ../a.npz lies outside the workspace"):
        planned(tmp_path, text)


def test_a_glob_without_files_is_planned_as_a_problem(tmp_path: Path) -> None:
    (model,) = planned(tmp_path, 'version: 1\nmodels:\n  - weights: "*.npz"\n')
    assert isinstance(model.problem, MissingFileError)


def test_all_paths_that_lead_out_are_told_at_once(tmp_path: Path) -> None:
    text = "version: 1\nmodels:\n  - weights: ../a.npz\n  - weights: b.npz\n    reference: /etc/b.npz\n"
    with pytest.raises(ManifestError) as error:
        planned(tmp_path, text)
    assert [str(problem).split(" ")[0] for problem in error.value.problems] == [
        "weight-gate.yml:3:5:",
        "weight-gate.yml:5:5:",
    ]
