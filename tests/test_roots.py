"""`--root`, for real: weights and references that are links into a cache outside the repository.

DVC puts links from the workspace into `cache/files/md5/12/34…`, files without a suffix; Hugging Face's hub keeps
`models--org--name/snapshots/<commit>/<file>`, links to `../../blobs/<digest>`. Models are loaded too: the confined
process has to get through the links, and Keras goes by the names of the links, not of the blobs.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from support.cli import ROOT, run_gate
from support.files import WRITERS, example

DIGITS = ROOT / "examples" / "digits" / "models"
COMMIT = "8f4b9bd2b1e0d9a5e5a4f1b0c3d2e1f0a9b8c7d6"

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # TensorFlow's own

Place = Callable[[bytes, Path, Path], None]


def symlinked(data: bytes, at: Path, cache: Path) -> None:
    """As DVC does with `cache.type symlink`."""
    at.symlink_to(_blob(data, cache))


def hardlinked(data: bytes, at: Path, cache: Path) -> None:
    """As DVC does with `cache.type hardlink`."""
    at.hardlink_to(_blob(data, cache))


def copied(data: bytes, at: Path, cache: Path) -> None:
    """As DVC does by default: a copy, or a reflink, which is one to everybody."""
    shutil.copyfile(_blob(data, cache), at)


def _blob(data: bytes, cache: Path) -> Path:
    digest = hashlib.md5(data, usedforsecurity=False).hexdigest()
    blob = cache / "files" / "md5" / digest[:2] / digest[2:]
    blob.parent.mkdir(parents=True, exist_ok=True)
    if not blob.exists():
        blob.write_bytes(data)
        blob.chmod(0o444)
    return blob


def in_hub(folder: Path, hub: Path, name: str) -> Path:
    """The snapshot of a model in Hugging Face's cache, with the files of `folder`."""
    model = hub / f"models--org--{name}"
    snapshot = model / "snapshots" / COMMIT
    for file in (file for file in folder.rglob("*") if file.is_file()):
        data = file.read_bytes()
        blob = model / "blobs" / hashlib.sha256(data).hexdigest()
        blob.parent.mkdir(parents=True, exist_ok=True)
        blob.write_bytes(data)
        link = snapshot / file.relative_to(folder)
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(os.path.relpath(blob, link.parent))
    return snapshot


def linked(folder: Path, into: Path, cache: Path, place: Place = symlinked) -> None:
    """A folder of links, one for each file."""
    for file in (file for file in folder.rglob("*") if file.is_file()):
        (into / file.relative_to(folder)).parent.mkdir(parents=True, exist_ok=True)
        place(file.read_bytes(), into / file.relative_to(folder), cache)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    (tmp_path / "repo" / ".git").mkdir(parents=True)
    (tmp_path / "repo" / "models").mkdir()
    (tmp_path / "cache").mkdir()
    return tmp_path / "repo"


def check(repository: Path, entry: dict[str, Any], *options: str | Path) -> tuple[int, dict[str, Any], str]:
    """The exit code, the first model of the report, and what was printed."""
    (repository / "weight-gate.yml").write_text(json.dumps({"version": 1, "models": [entry]}))
    done = run_gate("check", *options, cwd=repository)
    report = json.loads((repository / "weight-gate-reports" / "report.json").read_text("utf-8"))
    return done.returncode, report["models"][0], done.stdout + done.stderr


def outcomes(model: dict[str, Any]) -> dict[str, str]:
    return {each["check"]: each["outcome"] for each in model["checks"]}


def findings(model: dict[str, Any]) -> list[dict[str, Any]]:
    return [finding for each in model["checks"] for finding in each["findings"]]


# As data


FORMATS = ("keras", "weights.h5", "h5", "npz", "safetensors", "weights.json")
PLACES = [(key, place) for key in FORMATS for place in (symlinked, hardlinked, copied)]
PLACES.remove(("weights.json", hardlinked))  # equal shards would be one file: see below


@pytest.mark.parametrize(("format", "place"), PLACES)
def test_weights_and_reference_in_a_dvc_cache(repository: Path, tmp_path: Path, format: str, place: Place) -> None:
    new, old = example(1), example(1)
    new["head/bias"] = new["head/bias"] + np.float32(1)
    for name, arrays in (("new", new), ("old", old)):
        (tmp_path / name).mkdir()
        WRITERS[format](tmp_path / name / f"m.{format}", arrays)
        linked(tmp_path / name, repository / "models" / name, tmp_path / "cache", place)
    entry = {"weights": f"models/new/m.{format}", "reference": f"models/old/m.{format}", "load": False}
    code, model, printed = check(repository, entry, "--root", tmp_path / "cache")
    assert (code, outcomes(model)["values"]) == (1, "failed"), printed
    assert [each["tensor"] for each in findings(model)] == ["head/bias"]


@pytest.mark.parametrize("side", ["weights", "reference"])
def test_without_the_root_it_is_said(repository: Path, tmp_path: Path, side: str) -> None:
    WRITERS["npz"](repository / "models" / "here.npz", example(1))
    WRITERS["npz"](tmp_path / "there.npz", example(2))
    symlinked((tmp_path / "there.npz").read_bytes(), repository / "models" / "there.npz", tmp_path / "cache")
    entry = {"weights": "models/here.npz", "reference": "models/here.npz", "load": False, side: "models/there.npz"}
    (tmp_path / "other").mkdir()
    for options in ((), ("--root", tmp_path / "other")):
        code, model, _ = check(repository, entry, *options)
        assert code == 4
        (finding,) = findings(model)
        assert finding["reason"].endswith("models/there.npz is a link to a file outside the workspace")
        assert "--root" in finding["hint"]
    assert check(repository, entry, "--root", tmp_path / "other", "--root", tmp_path / "cache")[0] == 1


def test_a_shard_that_leads_out_of_the_root_is_not_read(repository: Path, tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()
    WRITERS["weights.json"](tmp_path / "new" / "m.weights.json", example(1))
    linked(tmp_path / "new", repository / "models", tmp_path / "cache")
    shard = repository / "models" / "m_00001.weights.h5"
    shard.unlink()
    shard.symlink_to(tmp_path / "new" / shard.name)
    entry = {"weights": "models/m.weights.json", "load": False}
    code, model, _ = check(repository, entry, "--root", tmp_path / "cache")
    assert code == 4
    reason = findings(model)[0]["reason"]
    assert reason.endswith("models/m_00001.weights.h5 is a link to a file outside the workspace")


def test_a_cache_keeps_equal_files_once(repository: Path, tmp_path: Path) -> None:
    """A model that is its reference still, as it is after every release, is no reference to itself."""
    WRITERS["npz"](tmp_path / "m.npz", example(1))
    for name in ("new.npz", "old.npz"):
        symlinked((tmp_path / "m.npz").read_bytes(), repository / "models" / name, tmp_path / "cache")
    entry = {"weights": "models/new.npz", "reference": "models/old.npz", "load": False}
    code, model, printed = check(repository, entry, "--root", tmp_path / "cache")
    assert (code, outcomes(model)["values"]) == (0, "passed"), printed


def test_hard_links_tell_nobody_of_a_cache(repository: Path, tmp_path: Path) -> None:
    """One file in the repository under two names: that is a reference that follows every change of the weights."""
    WRITERS["npz"](tmp_path / "m.npz", example(1))
    for name in ("new.npz", "old.npz"):
        hardlinked((tmp_path / "m.npz").read_bytes(), repository / "models" / name, tmp_path / "cache")
    entry = {"weights": "models/new.npz", "reference": "models/old.npz", "load": False}
    code, model, _ = check(repository, entry, "--root", tmp_path / "cache")
    assert code == 4
    assert findings(model)[0]["reason"] == "models/new.npz and its reference are the same file"


def test_a_mount_is_named_by_its_path(repository: Path, tmp_path: Path) -> None:
    """No links: the manifest itself speaks of the folder outside, absolutely or not."""
    WRITERS["npz"](tmp_path / "cache" / "old.npz", example(1))
    WRITERS["npz"](repository / "models" / "new.npz", example(1))
    for written in ("../cache/old.npz", str(tmp_path / "cache" / "old.npz")):
        entry = {"weights": "models/new.npz", "reference": written, "load": False}
        code, _, printed = check(repository, entry)
        assert code == 2
        assert "lies outside the workspace" in printed
        assert check(repository, entry, "--root", tmp_path / "cache")[0] == 0


def test_a_glob_over_a_folder_of_links(repository: Path, tmp_path: Path) -> None:
    for name in ("a", "b"):
        WRITERS["npz"](tmp_path / f"{name}.npz", example(1))
        symlinked((tmp_path / f"{name}.npz").read_bytes(), repository / "models" / f"{name}.npz", tmp_path / "cache")
    code, _, printed = check(repository, {"weights": "models/*.npz", "load": False}, "--root", tmp_path / "cache")
    assert code == 0, printed
    assert "2 models" in printed


# Loaded


FILES = ("digits.keras", "saved_model", "digits.weights.h5", "ckpt")


def entry(file: str, weights: Path | str, reference: Path | str) -> dict[str, Any]:
    """A model that is loaded, and its reference too; their values differ, and that is not what this is about."""
    alone = file in {"digits.keras", "saved_model"}
    return {
        "name": file,
        "weights": f"{weights}/{file}",
        "reference": f"{reference}/{file}",
        "tensors": [{"match": "**", "expect": "any", "reason": "this is about where files lie"}],
        "predictions": [{"expected": "reference", "tolerance": {"rtol": 10.0, "atol": 10.0}}],
        **({} if alone else {"architecture": {"keras": f"{weights}/digits.keras"}}),
    }


def assert_loaded(repository: Path, cache: Path, entries: list[dict[str, Any]]) -> None:
    (repository / "weight-gate.yml").write_text(json.dumps({"version": 1, "models": entries}))
    done = run_gate("check", "--root", cache, "--require-sandbox", cwd=repository)
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads((repository / "weight-gate-reports" / "report.json").read_text("utf-8"))
    assert [model["name"] for model in report["models"]] == [each["name"] for each in entries]
    for model in report["models"]:
        made = outcomes(model)
        assert {made["restore"], made["roundtrip"], made["predictions"]} == {"passed"}
        assert "not loaded" not in " ".join(model["notes"])


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The digits model and its blessed one, as `new/` and `old/` in each format."""
    import keras
    import tensorflow as tf

    folder = tmp_path_factory.mktemp("saved")
    for name, path in (("new", DIGITS / "digits.keras"), ("old", DIGITS / "golden" / "digits.keras")):
        (folder / name).mkdir()
        shutil.copyfile(path, folder / name / "digits.keras")
        model = keras.saving.load_model(path, compile=False)
        model.export(folder / name / "saved_model", verbose=False)
        model.save_weights(folder / name / "digits.weights.h5")
        tf.train.Checkpoint(model=model).write(str(folder / name / "ckpt"))
    return folder


@pytest.mark.tensorflow
@pytest.mark.parametrize(("place", "files"), [(symlinked, FILES), (hardlinked, FILES[:1])])
def test_a_dvc_cache_is_loaded_from(
    repository: Path, tmp_path: Path, saved: Path, place: Place, files: tuple[str, ...]
) -> None:
    """Also folders that DVC tracks as one."""
    for name in ("new", "old"):
        linked(saved / name, repository / "models" / name, tmp_path / "cache", place)
    assert_loaded(repository, tmp_path / "cache", [entry(file, "models/new", "models/old") for file in files])


@pytest.mark.tensorflow
def test_a_hub_cache_is_loaded_from(repository: Path, tmp_path: Path, saved: Path) -> None:
    """By a link to the snapshot in the repository, and for the reference by its path."""
    old = in_hub(saved / "old", tmp_path / "cache", "old")
    (repository / "models" / "new").symlink_to(in_hub(saved / "new", tmp_path / "cache", "new"))
    assert_loaded(repository, tmp_path / "cache", [entry(file, "models/new", old) for file in FILES])


@pytest.mark.parametrize("command", ["check", "validate", "explain"])
@pytest.mark.parametrize("kind", ["nothing", "a file"])
def test_a_root_that_is_no_folder_is_a_usage_error(tmp_path: Path, command: str, kind: str) -> None:
    """Misspelt, it would allow nothing, and say nothing."""
    (tmp_path / "weight-gate.yml").write_text("version: 1\nmodels:\n  - weights: a.npz\n")
    if kind == "a file":
        (tmp_path / "cahce").touch()
    words = ["a"] if command == "explain" else []
    found = run_gate(command, *words, "--root", "cahce", cwd=tmp_path)
    assert found.returncode == 2
    assert found.stderr == "--root cahce is no folder: name a folder that is there, or leave it out\n"
