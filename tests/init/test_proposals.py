"""Which files are one model, what each is compared with, and what is left to decide."""

import glob
import json
import zipfile
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from init.proposals import proposed, read, text_of
from support.bundles import write_bundle
from support.files import Arrays, config, example, hdf5_bytes, tree, write, write_npz, write_safetensors

LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 12\n"


def entries(folder: Path, reference: str | None = None) -> dict[str, dict[str, Any]]:
    """The keys of each entry, without `weights`, by what the manifest calls the file."""
    found = proposed(folder, reference)
    return {each.keys["weights"]: {k: v for k, v in each.keys.items() if k != "weights"} for each in found.entries}


def rules(folder: Path) -> list[dict[str, Any]]:
    (entry,) = proposed(folder).entries
    return [dict(rule) for rule, _ in entry.rules]


def decide(folder: Path) -> str:
    return "\n".join(line for entry in proposed(folder).entries for line in entry.decide)


def broken(folder: Path) -> dict[str, str]:
    return {str(each.path.relative_to(folder)): str(each.error) for each in proposed(folder).broken}


def others(folder: Path) -> dict[str, str]:
    return {str(each.path.relative_to(folder)): each.why for each in proposed(folder).others}


def write_keras(path: Path, arrays: Arrays, frozen: frozenset[str] = frozenset()) -> Path:
    """A `.keras` file whose architecture says of these layers that they are not trained."""

    def marked(layer: dict[str, Any]) -> dict[str, Any]:
        inner = layer["config"]
        inner["trainable"] = inner["name"] not in frozen
        inner["layers"] = [marked(each) for each in inner.get("layers", [])]
        return layer

    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("metadata.json", "{}")
        archive.writestr("config.json", json.dumps(marked(config(tree(arrays)))))
        archive.writestr("model.weights.h5", hdf5_bytes(arrays))
    return path


@pytest.mark.parametrize("key", ["keras", "weights.h5", "weights.json", "h5", "h5-weights", "safetensors"])
def test_every_format_is_found_by_its_content(tmp_path: Path, key: str) -> None:
    path = write(key, tmp_path, example())
    if key not in ("weights.json", "safetensors"):  # whose shards go by its name, and whose content is hardly a mark
        path = path.rename(tmp_path / "model.bin")
    assert entries(tmp_path) == {path.name: {"reference": {"lock": "model.lock.yml"}}}


def test_a_checkpoint_is_called_by_its_prefix_and_of_its_steps_the_latest_counts(tmp_path: Path) -> None:
    for step in (1, 2, 9, 10):
        write_bundle(tmp_path / f"ckpt-{step}", example(step))
    assert entries(tmp_path) == {"ckpt-10": {"reference": {"lock": "ckpt-10.lock.yml"}}}
    assert "not judged, since this is the latest: ckpt-1, ckpt-2, ckpt-9" in decide(tmp_path)
    (tmp_path / "checkpoint").write_text('model_checkpoint_path: "/elsewhere/ckpt-9"\n')
    assert set(entries(tmp_path)) == {"ckpt-9"}


def test_checkpoints_of_other_tensors_are_other_models(tmp_path: Path) -> None:
    write_bundle(tmp_path / "ckpt-1", example())
    write_bundle(tmp_path / "ckpt-2", {**example(), "more/kernel": np.ones((2, 3), np.float32)})
    assert set(entries(tmp_path)) == {"ckpt-1", "ckpt-2"}


def test_shards_are_one_model(tmp_path: Path) -> None:
    path = write("weights.json", tmp_path, example())
    assert set(entries(tmp_path)) == {path.name}
    assert len(list(tmp_path.iterdir())) > 2


def test_one_model_in_several_formats_is_one(tmp_path: Path) -> None:
    for key in ("keras", "weights.h5", "safetensors"):
        write(key, tmp_path, example())
    assert entries(tmp_path) == {"model.keras": {"reference": {"lock": "model.lock.yml"}}}
    assert "model.safetensors, model.weights.h5: the same tensors" in decide(tmp_path)


def test_copies_in_one_format_are_models_of_their_own(tmp_path: Path) -> None:
    for service in "ab":
        (tmp_path / service).mkdir()
        write("keras", tmp_path / service, example())
    write("weights.h5", tmp_path / "b", example())
    assert set(entries(tmp_path)) == {"a/model.keras", "b/model.keras"}
    assert "b/model.weights.h5: the same tensors. To keep it so: an entry with `reference: b/model.keras`" in decide(
        tmp_path
    )


def test_files_of_one_name_with_other_values_are_two_models_with_names_and_locks_of_their_own(tmp_path: Path) -> None:
    write("keras", tmp_path, example(1))
    write("weights.h5", tmp_path, example(2))
    assert entries(tmp_path) == {
        "model.keras": {"name": "model.keras", "reference": {"lock": "model.keras.lock.yml"}},
        "model.weights.h5": {"name": "model.weights.h5", "reference": {"lock": "model.weights.h5.lock.yml"}},
    }


def test_fifty_models_of_one_name_are_told_apart(tmp_path: Path) -> None:
    for number in range(50):
        folder = tmp_path / "services" / f"s{number}" / "weights"
        folder.mkdir(parents=True)
        write("weights.h5", folder, example(number))
    found = proposed(tmp_path).entries
    names = {entry.keys["name"] for entry in found}
    assert len(names) == len(found) == 50
    assert "s7/weights/model.weights.h5" in names
    text = text_of(tmp_path)
    assert len(read(text).manifest.models) == 50
    assert text.count("weights alone are read as data") == 1
    assert "of 50 of the 50 models" in text


# References.


def golden(folder: Path, ours: Arrays, theirs: Arrays, frozen: frozenset[str] = frozenset()) -> None:
    (folder / "golden").mkdir()
    write_keras(folder / "model.keras", ours, frozen)
    write_keras(folder / "golden" / "model.keras", theirs)


def test_a_golden_file_is_the_reference(tmp_path: Path) -> None:
    golden(tmp_path, example(), example())
    assert entries(tmp_path) == {"model.keras": {"reference": "golden/model.keras"}}
    assert rules(tmp_path) == []


def test_what_differs_from_the_golden_file_has_to_and_what_is_frozen_must_not(tmp_path: Path) -> None:
    ours = {"backbone/a/kernel": np.ones((2, 2), "f4"), "backbone/b/kernel": np.ones((2, 3), "f4"),
            "head/kernel": np.ones((3, 3), "f4"), "head/bias": np.ones(3, "f4")}  # fmt: skip
    theirs = {**ours, "head/kernel": np.zeros((3, 3), "f4"), "head/bias": np.zeros(3, "f4")}
    golden(tmp_path, ours, theirs, frozenset({"backbone"}))
    assert rules(tmp_path) == [
        {"match": "head/**", "expect": "changed"},
        {"match": "backbone/**", "expect": "identical"},
    ]
    assert "2 of 4 tensors differ from the reference today" in decide(tmp_path)


def test_a_golden_file_of_another_format_will_do(tmp_path: Path) -> None:
    (tmp_path / "blessed").mkdir()
    write("keras", tmp_path, example())
    write("weights.h5", tmp_path / "blessed", example())
    assert entries(tmp_path) == {"model.keras": {"reference": "blessed/model.weights.h5"}}


def test_a_file_that_is_called_golden(tmp_path: Path) -> None:
    write("keras", tmp_path, example(), "classifier")
    write("keras", tmp_path, example(), "golden")
    assert entries(tmp_path) == {"classifier.keras": {"reference": "golden.keras"}}


def test_a_golden_file_of_two_models_is_nobodys(tmp_path: Path) -> None:
    for stem in ("one", "two", "golden"):
        write("keras", tmp_path, example(), stem)
    assert set(entries(tmp_path)) == {"one.keras", "two.keras", "golden.keras"}


def test_a_golden_file_that_fits_nothing_is_a_model(tmp_path: Path) -> None:
    (tmp_path / "golden").mkdir()
    write("keras", tmp_path, example())
    write("keras", tmp_path / "golden", {"other/kernel": np.ones((2, 2), "f4")})
    assert set(entries(tmp_path)) == {"model.keras", "golden/model.keras"}


def test_each_service_has_its_own_golden_file(tmp_path: Path) -> None:
    for service in "ab":
        (tmp_path / service / "golden").mkdir(parents=True)
        write("keras", tmp_path / service, example())
        write("keras", tmp_path / service / "golden", example())
    found = entries(tmp_path)
    assert {key: said["reference"] for key, said in found.items()} == {
        "a/model.keras": "a/golden/model.keras",
        "b/model.keras": "b/golden/model.keras",
    }


@pytest.mark.parametrize(
    ("reference", "said"),
    [("lock", {"reference": {"lock": "model.lock.yml"}}), ("git", {"reference": {"git": "origin/main"}}), ("none", {})],
)
def test_the_command_line_has_the_last_word_on_references(tmp_path: Path, reference: str, said: dict[str, Any]) -> None:
    golden(tmp_path, example(), example())
    assert entries(tmp_path, reference) == {"model.keras": said}


def test_layers_that_are_not_trained_must_stay_as_they_are(tmp_path: Path) -> None:
    blocks = {f"block_{n}/{v}": np.full((2, 2), n + 1, "f4") for n in range(12) for v in ("kernel", "bias")}
    write_keras(tmp_path / "m.keras", {**blocks, "head/kernel": np.ones((2, 2), "f4")}, frozenset(
        f"block_{n}" for n in range(12)))  # fmt: skip
    assert rules(tmp_path) == [{"match": "block_{0..11}/**", "expect": "identical"}]
    assert proposed(tmp_path, "none").entries[0].rules == []


# What is no model.


def test_data_is_no_model(tmp_path: Path) -> None:
    folder = tmp_path / "golden"
    folder.mkdir()
    write_npz(folder / "inputs.npz", {"x": np.zeros((4, 2))})
    write_npz(folder / "outputs.npz", {"y": np.zeros((4, 2))})
    with h5py.File(tmp_path / "images.h5", "w") as file:
        file["images"] = np.zeros((3, 2))
    write("keras", tmp_path, example())
    found = proposed(tmp_path)
    assert [entry.keys["weights"] for entry in found.entries] == ["model.keras"]
    assert others(tmp_path) == {"images.h5": "HDF5, but no weights of Keras"}
    assert "predictions: [{inputs: golden/inputs.npz, expected: golden/outputs.npz}]" in text_of(tmp_path).replace(
        "\n#   ", " "
    )


def test_arrays_with_names_of_variables_are_weights(tmp_path: Path) -> None:
    write_npz(tmp_path / "exported.npz", {"dense/kernel": np.ones((2, 2)), "dense/bias": np.ones(2)})
    assert set(entries(tmp_path)) == {"exported.npz"}
    assert "nothing loads a file of arrays" in decide(tmp_path)


def test_an_optimizer_alone_is_no_model(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "opt.weights.h5", "w") as file:
        file["optimizer/vars/0"] = np.zeros(3, "f4")
        file.create_group("layers")
    assert proposed(tmp_path).entries == []
    assert others(tmp_path) == {"opt.weights.h5": "the state of an optimizer alone (1 tensors)"}


def test_files_of_other_tools_are_told_or_passed_over(tmp_path: Path) -> None:
    (tmp_path / "net.onnx").write_bytes(b"\x08\x07")
    (tmp_path / "page.html").write_text("<html></html>")
    (tmp_path / "notes.json").write_text('{"weight_map": {}}')
    (tmp_path / "big.txt").write_text("text " * 999)
    (tmp_path / "empty").write_bytes(b"")
    with zipfile.ZipFile(tmp_path / "sheet.xlsx", "w") as archive:
        archive.writestr("xl/workbook.xml", "<x/>")
    assert others(tmp_path) == {"net.onnx": "ONNX, which is not read"}
    assert broken(tmp_path) == {}


# What cannot be read.


def test_what_is_damaged_is_said_and_not_forgotten(tmp_path: Path) -> None:
    whole = write("keras", tmp_path, example()).read_bytes()
    (tmp_path / "cut.keras").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "empty.h5").write_bytes(b"")
    (tmp_path / "text.keras").write_text("not weights at all, whatever it is called")
    h5 = write("weights.h5", tmp_path, example(3), "half").read_bytes()
    (tmp_path / "half.weights.h5").write_bytes(h5[:900])
    (tmp_path / "lost.data-00000-of-00001").write_bytes(b"0" * 100)
    assert set(broken(tmp_path)) == {
        "cut.keras",
        "empty.h5",
        "half.weights.h5",
        "lost.data-00000-of-00001",
    }
    assert others(tmp_path) == {"text.keras": "called as weights are, and none by its content"}
    assert text_of(tmp_path).count("# - NOT JUDGED: ") == 4
    read(text_of(tmp_path))


def test_pointers_are_told_with_what_fetches_the_file(tmp_path: Path) -> None:
    (tmp_path / "m.keras").write_bytes(LFS)
    (tmp_path / "data.csv").write_bytes(LFS)
    (tmp_path / "d.keras.dvc").write_text("outs:\n- md5: 0\n  path: d.keras\n")
    (tmp_path / "table.csv.dvc").write_text("outs:\n- md5: 0\n  path: table.csv\n")
    found = broken(tmp_path)
    assert set(found) == {"m.keras", "d.keras"}
    assert "git lfs pull" in found["m.keras"]
    assert "dvc pull d.keras" in found["d.keras"]


def test_shards_without_all_of_them_are_no_models(tmp_path: Path) -> None:
    write("weights.json", tmp_path, example())
    max(tmp_path.glob("model_*.weights.h5")).unlink()
    assert proposed(tmp_path).entries == []
    assert set(broken(tmp_path)) == {"model.weights.json"}


# What is left to decide.


@pytest.mark.parametrize(
    ("arrays", "told"),
    [
        ({"a/kernel": np.array([[1, np.nan]], "f4")}, '`- {match: a/kernel, nan: allowed, reason: "…"}`'),
        ({"a/kernel": np.array([[1, np.inf]], "f4"), "b/bias": np.ones(2, "f4")}, "{match: a/kernel, inf: allowed"),
        ({"a/kernel": np.zeros((2, 2), "f4"), "b/kernel": np.array([[1, 2]], "f4")}, "all zero: a/kernel"),
        ({"a/kernel": np.full((2, 2), 7, "f4")}, "every element is the same: a/kernel"),
        (
            {f"n_{i}/{name}": np.full(3, value, "f4") for i in range(5) for name, value in
             (("gamma", 2), ("beta", 3), ("moving_mean", 0), ("moving_variance", 1))},
            "BatchNorm statistics as they are before any training: n_{0..4}",
        ),
        (
            {f"d_{i}/{name}": value for i in range(2) for name, value in
             (("kernel", np.array([[1, 2]], "f4")), ("bias", np.zeros(2, "f4")))},
            "all 2 biases are zero",
        ),
    ],
)  # fmt: skip
def test_what_values_say(tmp_path: Path, arrays: Arrays, told: str) -> None:
    write_safetensors(tmp_path / "m.safetensors", arrays)
    assert told in decide(tmp_path)


def test_values_that_say_nothing(tmp_path: Path) -> None:
    write("keras", tmp_path, example())
    assert decide(tmp_path) == ""


def test_five_hundred_tensors_are_a_short_manifest(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    arrays = {
        f"stage_{s}/block_{b}/{layer}/{v}": rng.normal(size=(2, 2) if v == "kernel" else 2).astype("f4")
        for s in range(5)
        for b in range(13)
        for layer in ("conv_a", "conv_b", "norm", "out")
        for v in ("kernel", "bias")
    }
    assert len(arrays) == 520
    write_keras(tmp_path / "big.keras", arrays, frozenset({"stage_0", "stage_1"}))
    text = text_of(tmp_path)
    assert len(text.splitlines()) <= 15
    (model,) = read(text).manifest.models
    assert [rule.match for rule in model.tensors] == ["stage_{0,1}/**"]


@pytest.mark.parametrize(
    "name",
    ["a b", "- dash", "#hash", "{brace}", "star*x", "quest?", "br[ack]et", "quo'te\"d", "ünï", "a: b", "no", "1e5",
     "origin", "$(x)", "`id`", "::error::x", "\u202ertl", "a,b", "%TAG", "&a", "!t", "|p", ">", "@at", "~"],
)  # fmt: skip
def test_any_name_that_a_manifest_can_hold_is_read_back(tmp_path: Path, name: str) -> None:
    folder = tmp_path / name
    folder.mkdir()
    path = write("weights.h5", folder, example(), name)
    loaded = read(text_of(tmp_path))
    (model,) = loaded.manifest.models
    named = glob.glob(model.weights, root_dir=tmp_path)  # noqa: PTH207 - as the workspace expands it
    found = named if model.is_glob else [model.weights]
    assert [tmp_path / each for each in found] == [path]
    said = model.reference_for(found[0])
    assert said is not None
    (entry,) = proposed(tmp_path).entries
    assert entry.lock is not None
    assert (tmp_path / (said.lock or "")).resolve() == entry.lock.resolve()


@pytest.mark.parametrize("name", ["nl\nline", "tab\there", "\x1b[31m", "bad\udcff", "\u2028"])
def test_a_name_that_none_can_hold_is_said(tmp_path: Path, name: str) -> None:
    write("weights.h5", tmp_path, example(), name)
    (said,) = proposed(tmp_path).broken
    assert "has a name that no manifest can hold" in said.error.reason
    assert proposed(tmp_path).entries == []
