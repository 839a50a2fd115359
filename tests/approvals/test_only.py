"""`--only` approves what it names and nothing else: not what a rule ignores, nor what no check compares."""

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import yaml

from approvals.scenes import ALL, BY, approvals, changed, check, files, flat, golden, locked, manifest, update
from support.files import write

IGNORED = [{"match": "conv/**", "expect": "ignored", "reason": "scratch", "until": "2999-01-01"}]
HEAD = ("--yes", "--only", "head/**", "--reason", "x", *BY)


def entries(path: Path) -> dict[str, Any]:
    """By name, without the numbers of their layers, which are counted anew."""
    listed = yaml.safe_load(path.read_text())["tensors"]
    return {each["name"]: {key: value for key, value in each.items() if key != "layer"} for each in listed}


def both() -> dict[str, Any]:
    return changed(head__kernel=1, conv__kernel=1)


def test_of_a_lock_what_is_ignored_keeps_its_entry(tmp_path: Path) -> None:
    folder = tmp_path / "repository"
    locked(folder, arrays=both(), tensors=IGNORED)
    before = entries(folder / "model.lock.yml")
    done = update(folder, *HEAD)
    assert done.returncode == 0, done.stdout
    assert "1 tensor changed: head/kernel" in done.stdout
    assert "stays as it is: conv/kernel" in done.stdout
    after = entries(folder / "model.lock.yml")
    assert {name for name in before if before[name] != after[name]} == {"head/kernel"}
    assert approvals(folder)[-1]["names"] == ["head/kernel"]
    assert check(folder) == 0
    manifest(folder, weights="model.npz", reference={"lock": "model.lock.yml"})
    assert check(folder) == 1  # nobody approved it


@pytest.mark.parametrize("pinned", [True, False])
def test_a_file_with_something_ignored_that_differs_is_refused(tmp_path: Path, pinned: bool) -> None:
    folder = tmp_path / "repository"
    digest = {"digest": f"sha256:{'0' * 64}"} if pinned else {}
    golden(folder, arrays=both(), tensors=IGNORED, **digest)
    before = files(folder)
    done = update(folder, *HEAD)
    assert done.returncode == 1
    assert "cannot be approved in part" in done.stdout
    assert "conv/kernel" in done.stdout
    assert files(folder) == before
    done = update(folder, *ALL)
    assert done.returncode == 0, done.stdout
    assert "2 tensors changed: conv/kernel, head/kernel" in flat(done.stdout)
    assert sorted(approvals(folder)[-1]["names"]) == ["conv/kernel", "head/kernel"]
    assert check(folder) == 0


def test_a_pin_of_a_file_whose_ignored_tensors_differ_from_a_lock(tmp_path: Path) -> None:
    folder = tmp_path / "repository"
    locked(folder, arrays=both(), tensors=IGNORED)
    pin = f"sha256:{'0' * 64}"
    manifest(folder, weights="model.npz", reference={"lock": "model.lock.yml"}, tensors=IGNORED, digest=pin)
    done = update(folder, *HEAD)
    assert done.returncode == 1
    assert "and leaves red: digest" in flat(done.stdout)
    assert pin in (folder / "weight-gate.yml").read_text()
    done = update(folder, *ALL)
    assert done.returncode == 0
    assert "1 tensor changed: conv/kernel" in flat(done.stdout)
    assert pin not in (folder / "weight-gate.yml").read_text()
    assert approvals(folder)[-1]["names"] == ["conv/kernel"]


def trained(folder: Path, head: float, optimizer: float) -> None:
    """Weights with the optimizer's state beside them, as Keras 3 stores it."""
    with h5py.File(write("weights.h5", folder, changed(head__kernel=head)), "a") as file:
        file["optimizer/vars/0"] = np.int64(7)
        file["optimizer/vars/1"] = np.full(3, optimizer, np.float32)


def test_of_a_lock_what_is_not_compared_keeps_its_entry(tmp_path: Path) -> None:
    trained(tmp_path, 0, 0)
    entry: dict[str, Any] = {"weights": "model.weights.h5", "reference": {"lock": "model.lock.yml"}}
    manifest(tmp_path, **entry)
    assert update(tmp_path, "--yes", "--only", "**", *BY).returncode == 0
    before = entries(tmp_path / "model.lock.yml")
    trained(tmp_path, 1, 2)
    done = update(tmp_path, *HEAD)
    assert done.returncode == 0, done.stdout
    assert "stays as it is: optimizer/" in flat(done.stdout)
    after = entries(tmp_path / "model.lock.yml")
    assert {name for name in before if before[name] != after[name]} == {"head/kernel"}
    assert check(tmp_path) == 0
    manifest(tmp_path, **entry, groups={"optimizer": "compare"})
    assert check(tmp_path) == 1
    name = next(name for name in before if name.startswith("optimizer/") and before[name]["dtype"] == "float32")
    assert update(tmp_path, "--yes", "--only", name, "--reason", "x", *BY).returncode == 0
    assert approvals(tmp_path)[-1]["names"] == [name]
    assert check(tmp_path) == 0


def test_a_file_whose_uncompared_tensors_differ_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "golden"
    folder.mkdir()
    trained(folder, 0, 0)
    trained(tmp_path, 1, 2)
    manifest(tmp_path, weights="model.weights.h5", reference="golden/model.weights.h5")
    before = files(tmp_path)
    done = update(tmp_path, *HEAD)
    assert done.returncode == 1
    assert "1 more tensors differ than --only means, like optimizer/" in flat(done.stdout)
    assert files(tmp_path) == before
    assert update(tmp_path, *ALL).returncode == 0
    assert approvals(tmp_path)[-1]["tensors"]["changed"] == 2


def test_a_first_file_is_all_of_it(tmp_path: Path) -> None:
    trained(tmp_path, 0, 0)
    manifest(tmp_path, weights="model.weights.h5", reference={"lock": "m.lock.yml"})
    names = ("conv/**", "bn/**", "head/**")
    assert update(tmp_path, "--yes", *(word for each in names for word in ("--only", each))).returncode == 4
    assert not (tmp_path / "m.lock.yml").exists()
