"""`weight-gate calibrate` on real models: what it measures, what it proposes, and that the proposal holds."""

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from support.cli import ROOT, run_gate

pytestmark = [
    pytest.mark.tensorflow,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # TensorFlow's own
]
QUICK = ("--repeats", "1")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small model, the same as its reference, inputs and golden outputs of it; and one that answers all alike."""
    made = tmp_path_factory.mktemp("calibrate")
    import keras

    keras.utils.set_random_seed(5)
    layers = [keras.Input((16,), name="x"), keras.layers.Dense(32, "relu"), keras.layers.Dense(4, name="y")]
    model = keras.Sequential(layers)
    model.save(made / "model.keras")
    model.save(made / "golden.keras")
    inputs = np.random.default_rng(1).normal(0, 1, (12, 16)).astype(np.float32)
    np.savez(made / "inputs.npz", x=inputs)
    np.savez(made / "outputs.npz", y=np.asarray(model(inputs)))
    model.layers[-1].set_weights([np.zeros((32, 4)), np.arange(4)])
    model.save(made / "constant.keras")
    noisy = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    noisy.save_weights(made / "alone.weights.h5")
    return made


def manifest(folder: Path, entry: str, name: str) -> Path:
    path = folder / f"{name}.yml"
    path.write_text(f"version: 1\nmodels:\n  - {entry}\n")
    return path


def test_a_proposal_is_shown_written_and_holds(folder: Path) -> None:
    entry = "weights: model.keras\n    roundtrip: false\n    predictions:\n      # golden\n"
    entry += "      - {inputs: inputs.npz, expected: outputs.npz}"
    path = manifest(folder, entry, "golden")
    before = path.read_text()
    shown = run_gate("calibrate", path.name, *QUICK, cwd=folder)
    assert shown.returncode == 0, shown.stdout + shown.stderr
    for condition in ("again, same process", "batches of 1", "eager", "forked process", "new process", "1 thread"):
        assert condition in shown.stdout
    assert "oneDNN off" in shown.stdout
    assert "proposed: rtol=" in shown.stdout
    assert "Weights at rest have no noise" in shown.stdout
    assert path.read_text() == before
    patch = "--- a/golden.yml" + shown.stdout.partition("--- a/golden.yml")[2]
    subprocess.run(["patch", "-p1", "--dry-run"], cwd=folder, input=patch, text=True, check=True, capture_output=True)
    written = run_gate("calibrate", path.name, *QUICK, "--write", cwd=folder)
    assert written.returncode == 0
    assert "written: golden.yml" in written.stdout
    assert "# golden\n      - {inputs: inputs.npz, expected: outputs.npz, tolerance: {rtol: " in path.read_text()
    for _ in range(3):
        checked = run_gate("check", path.name, "--no-reports", cwd=folder)
        assert checked.returncode == 0, checked.stdout


def test_without_predictions_an_entry_is_offered(folder: Path) -> None:
    path = manifest(folder, "{weights: model.keras, reference: golden.keras, roundtrip: false}", "none")
    done = run_gate("calibrate", path.name, *QUICK, "--write", cwd=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "without `predictions`: 8 samples, inputs made up" in done.stdout
    assert "predictions: [{expected: reference, tolerance: {rtol: " in path.read_text()
    assert run_gate("check", path.name, "--no-reports", cwd=folder).returncode == 0


def test_without_anything_to_compare_with_it_is_said_what_to_add(folder: Path) -> None:
    path = manifest(folder, "{weights: model.keras}", "bare")
    done = run_gate("calibrate", path.name, *QUICK, cwd=folder)
    assert done.returncode == 0
    assert "no model to compare with" in done.stdout
    assert "--- a/" not in done.stdout


def test_no_tolerance_that_a_constant_meets(folder: Path) -> None:
    entry = "{weights: constant.keras, predictions: [{inputs: inputs.npz, expected: outputs.npz}]}"
    done = run_gate("calibrate", manifest(folder, entry, "constant").name, *QUICK, cwd=folder)
    assert done.returncode == 1
    assert "one answer for all samples would pass" in done.stdout
    assert "--- a/" not in done.stdout


def test_what_is_not_loaded_is_not_measured(folder: Path) -> None:
    for entry in ("{weights: model.keras, load: false}", "{weights: alone.weights.h5}"):
        done = run_gate("calibrate", manifest(folder, entry, "unloaded").name, cwd=folder)
        assert done.returncode == 3, done.stdout
        assert "not measured: " in done.stdout


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ("{weights: gone.keras}", "does not exist"),
        ("{weights: alone.weights.h5, roundtrip: [keras]}", "cannot be loaded on its own"),
        ("{weights: model.keras, load: {code: 'load.py:load'}}", "runs only with --allow-code"),
        ("{weights: outputs.npz, predictions: [{inputs: inputs.npz, expected: outputs.npz}]}", "cannot be loaded"),
    ],
)
def test_what_cannot_be_measured_is_an_error(folder: Path, entry: str, words: str) -> None:
    (folder / "load.py").write_text("raise SystemExit('this must not run')\n\n\ndef load(path):\n    return None\n")
    done = run_gate("calibrate", manifest(folder, entry, "broken").name, *QUICK, cwd=folder)
    assert done.returncode == 4, done.stdout + done.stderr
    assert "could not be measured: " in done.stdout
    assert words in " ".join(done.stdout.split())


def test_a_child_that_dies_is_an_error(folder: Path) -> None:
    (folder / "die.py").write_text("import os\n\ndef load(path):\n    os.kill(os.getpid(), 9)\n")
    path = manifest(folder, "{weights: model.keras, load: {code: 'die.py:load'}}", "dying")
    done = run_gate("calibrate", path.name, *QUICK, "--allow-code", cwd=folder)
    assert done.returncode == 4
    assert "the process that loads it was killed" in " ".join(done.stdout.split())


def test_a_device_that_is_not_there_is_an_error(folder: Path) -> None:
    done = run_gate("calibrate", manifest(folder, "{weights: model.keras}", "gpu").name, "--device", "gpu", cwd=folder)
    if "measured on cpu" not in done.stdout and done.returncode == 4:
        assert "TensorFlow sees none here" in " ".join(done.stdout.split())
    else:
        assert "measured on cpu" not in done.stdout  # a machine that has one


def test_the_manifest_of_a_link_or_an_alias_is_not_overwritten(folder: Path) -> None:
    text = "version: 1\nmodels:\n  - weights: model.keras\n    roundtrip: false\n    predictions: &all\n"
    text += "      - {inputs: inputs.npz, expected: outputs.npz}\n"
    text += "  - {name: again, weights: golden.keras, roundtrip: false, predictions: *all}\n"
    path = folder / "alias.yml"
    path.write_text(text)
    done = run_gate("calibrate", path.name, *QUICK, "--model", "model", "--write", cwd=folder)
    assert done.returncode == 2
    assert "the manifest cannot be edited here" in done.stderr
    assert path.read_text() == text
    shown = run_gate("calibrate", path.name, *QUICK, "--model", "model", cwd=folder)
    assert shown.returncode == 0
    assert "write it by hand" in shown.stdout
    assert "# in models[0].predictions[0]" in shown.stdout


@pytest.mark.parametrize("option", ["--repeats=0", "--repeats=x", "--margin=0.5", "--margin=nan"])
def test_odd_options(folder: Path, option: str) -> None:
    assert run_gate("calibrate", option, cwd=folder).returncode == 2


def test_a_prediction_beyond_its_tolerance_is_told_the_smallest(tmp_path: Path) -> None:
    for name in ("models", "src", "golden", "weight-gate.yml"):
        source = ROOT / "examples" / "weights_and_builder" / name
        copy = shutil.copytree if source.is_dir() else shutil.copy
        copy(source, tmp_path / name)
    golden = dict(np.load(tmp_path / "golden" / "outputs.npz"))
    np.savez(tmp_path / "golden" / "outputs.npz", **{name: each + 1e-3 for name, each in golden.items()})
    red = run_gate("check", "--no-reports", "--allow-code", cwd=tmp_path)
    assert red.returncode == 1, red.stdout
    told = " ".join(red.stdout.split())
    assert "predictions[0]: rtol=0.0001, atol=0.001 instead of rtol=0.0001, atol=0.0001" in told
    assert "one answer for all samples: no output" in told
    patch = "--- a/weight-gate.yml" + red.stdout.partition("--- a/weight-gate.yml")[2].partition("\n\n")[0] + "\n"
    subprocess.run(["patch", "-p1"], cwd=tmp_path, input=patch, text=True, check=True, capture_output=True)
    assert run_gate("check", "--no-reports", "--allow-code", cwd=tmp_path).returncode == 0
