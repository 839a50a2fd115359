"""Approvals of what TensorFlow and Keras wrote, and of what models predict: a check after them is green."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from approvals.scenes import ALL, approvals, check, files, flat, manifest, update

pytestmark = [pytest.mark.tensorflow, pytest.mark.filterwarnings("ignore::DeprecationWarning")]


def model(seed: int, outputs: int = 1) -> Any:
    """Two dense layers, and one more for each further output."""
    import keras

    keras.utils.set_random_seed(seed)
    given = keras.Input((4,), name="given")
    x = keras.layers.Dense(8, activation="relu", name="body")(given)
    heads = [keras.layers.Dense(3, name=f"head_{at}")(x) for at in range(outputs)]
    return keras.Model(given, heads if outputs > 1 else heads[0])


def save(made: Any, format: str, folder: Path, stem: str = "m") -> str:
    """What a manifest calls the file."""
    import tensorflow as tf

    folder.mkdir(parents=True, exist_ok=True)
    if format == "saved_model":
        shutil.rmtree(folder / stem, ignore_errors=True)
        made.export(folder / stem, verbose=False)
        return stem
    if format == "checkpoint":
        tf.train.Checkpoint(model=made).write(str(folder / stem))
        return stem
    name = f"{stem}.{format}"
    if format == "weights.json":
        made.save_weights(folder / name, max_shard_size=2e-7)
    else:
        made.save(folder / name)
    return name


@pytest.mark.parametrize(
    ("format", "kind"),
    [
        ("keras", "lock"),
        ("saved_model", "file"),
        ("saved_model", "lock"),
        ("checkpoint", "file"),
        ("weights.json", "file"),
    ],
)
def test_every_kind_of_file(tmp_path: Path, format: str, kind: str) -> None:
    written = save(model(1), format, tmp_path)
    # In the folder of the weights too: no file of theirs may be taken for the reference's.
    reference = written.replace("m", "gold", 1) if kind == "file" else "m.lock.yml"
    loads = {"roundtrip": False} if format in {"keras", "saved_model"} else {"load": False}
    (tmp_path / "weight-gate.yml").write_text(
        f"version: 1\nmodels:\n- {json.dumps({'weights': written, 'reference': {kind: reference}, **loads})}\n"
    )
    first = update(tmp_path, "--yes", "--only", "**")
    assert first.returncode == 0, first.stdout + first.stderr
    save(model(2), format, tmp_path)
    stale = tmp_path / "gold" / "assets" / "stale.txt"
    if stale.parent.is_dir():
        stale.write_text("of the old one")
    done = update(tmp_path, *ALL)
    assert done.returncode == 0, done.stdout + done.stderr
    assert check(tmp_path) == 0
    assert not stale.exists()
    assert len(approvals(tmp_path)) == 2


def test_shards_of_another_number(tmp_path: Path) -> None:
    """None of the old ones is left, and none of the weights' is touched."""
    written = save(model(1, outputs=3), "weights.json", tmp_path)
    manifest(tmp_path, weights=written, reference="gold.weights.json")
    assert update(tmp_path, "--yes", "--only", "**").returncode == 0
    old = len(list(tmp_path.glob("gold_*")))
    for each in tmp_path.glob("m*"):
        each.unlink()
    save(model(2), "weights.json", tmp_path)
    before = {name: data for name, data in files(tmp_path).items() if name.startswith("m")}
    done = update(tmp_path, *ALL)
    assert done.returncode == 0, done.stdout + done.stderr
    assert check(tmp_path) == 0
    assert {name: data for name, data in files(tmp_path).items() if name.startswith("m")} == before
    assert len(list(tmp_path.glob("gold_*"))) == len(list(tmp_path.glob("m_*"))) < old


def golden_outputs(folder: Path, made: Any, format: str, names: list[str] | None = None) -> str:
    """What the model predicts for some inputs, in a file."""
    inputs = np.random.default_rng(0).standard_normal((5, 4)).astype(np.float32)
    np.savez(folder / "in.npz", given=inputs)
    found = made.predict(inputs, verbose=0)
    arrays = found if isinstance(found, list) else [found]
    path = folder / f"out.{format}"
    if format == "npy":
        np.save(path, arrays[0])
    elif format == "npz":
        np.savez_compressed(path, **dict(zip(names or ["gold"], arrays, strict=True)))
    else:
        path.write_text(json.dumps(arrays[0].tolist()))
    return path.name


@pytest.mark.parametrize("format", ["npz", "npy", "json"])
def test_golden_outputs(tmp_path: Path, format: str) -> None:
    """In the same format and under the same name; how far they moved is shown and recorded."""
    first = model(1)
    weights = save(first, "keras", tmp_path)
    expected = golden_outputs(tmp_path, first, format)
    (tmp_path / "weight-gate.yml").write_text(
        f"version: 1\nmodels:\n- weights: {weights}\n  roundtrip: false\n  predictions:\n"
        f"  - {{inputs: in.npz, expected: {expected}}}\n"
    )
    second = model(2)
    save(second, "keras", tmp_path)
    before = files(tmp_path)
    if format == "npy":
        assert update(tmp_path, "--yes", "--only", "body/**", "--reason", "x").returncode == 1
        assert files(tmp_path) == before  # outputs are of the whole model
    done = update(tmp_path, *ALL)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "moved by at most" in flat(done.stdout)
    assert check(tmp_path) == 0
    wanted = second.predict(np.load(tmp_path / "in.npz")["given"], verbose=0)
    if format == "json":
        found = np.array(json.loads((tmp_path / expected).read_text()))
    elif format == "npy":
        found = np.load(tmp_path / expected)
    else:
        found = np.load(tmp_path / expected)["gold"]
    assert found.dtype == (np.float64 if format == "json" else np.float32)
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-6)
    (entry,) = approvals(tmp_path)
    assert [each["what"] for each in entry["written"]] == ["outputs"]
    assert entry["largest"][0].startswith("output ")


def test_outputs_reference_and_pin_together(tmp_path: Path) -> None:
    """One that is missing is made with the rest; what differs is approved as a whole."""
    first = model(1, outputs=2)
    weights = save(first, "keras", tmp_path)
    (tmp_path / "golden").mkdir()
    shutil.copy(tmp_path / weights, tmp_path / "golden")
    expected = golden_outputs(tmp_path, first, "npz", ["head_0", "head_1"])
    text = (
        f"version: 1\nmodels:\n- weights: {weights}\n  reference: golden/{weights}\n  digest: sha256:{'0' * 64}\n"
        f"  roundtrip: false\n  predictions:\n  - {{inputs: in.npz, expected: {expected}}}\n"
        "  - {inputs: in.npz, expected: more.npz}\n  - {inputs: in.npz, expected: reference}\n"
    )
    (tmp_path / "weight-gate.yml").write_text(text)
    save(model(2, outputs=2), "keras", tmp_path)
    done = update(tmp_path, *ALL)
    assert done.returncode == 0, done.stdout + done.stderr
    assert check(tmp_path) == 0
    assert [each["what"] for each in approvals(tmp_path)[0]["written"]] == ["reference", "outputs", "outputs", "digest"]
    assert sorted(np.load(tmp_path / "more.npz")) == ["head_0", "head_1"]


def test_what_does_not_load_is_not_approved(tmp_path: Path) -> None:
    """A tensor that has no variable to go to stays red, and so does everything of its model."""
    import h5py

    weights = save(model(1), "h5", tmp_path)
    (tmp_path / "golden").mkdir()
    shutil.copy(tmp_path / weights, tmp_path / "golden")
    manifest(tmp_path, weights=weights, reference=f"golden/{weights}", load=None)
    (tmp_path / "weight-gate.yml").write_text(
        f"version: 1\nmodels:\n- {{weights: {weights}, reference: golden/{weights}, roundtrip: false}}\n"
    )
    assert check(tmp_path) == 0
    with h5py.File(tmp_path / weights, "r+") as file:
        group = file["model_weights/body"]
        group.create_dataset("body/stray", data=np.ones(3, np.float32))
        group.attrs["weight_names"] = np.array([*group.attrs["weight_names"], "body/stray"], "S")
    before = files(tmp_path)
    done = update(tmp_path, *ALL)
    assert done.returncode in {1, 4}, done.stdout
    assert "nothing of it can be approved as long as this is red: restore" in flat(done.stdout)
    assert files(tmp_path) == before
