"""`--load`: copies that no data check sees are written, loaded, and asked for their predictions."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from support.cli import ROOT, run_gate

pytestmark = pytest.mark.tensorflow


def mutated(folder: Path, *options: str) -> dict[str, Any]:
    said = run_gate("mutate", "--json", *options, cwd=folder)
    assert said.returncode == 0, said.stdout + said.stderr
    (model,) = json.loads(said.stdout)["models"]
    return dict(model)


def example(name: str, folder: Path) -> Path:
    return Path(shutil.copytree(ROOT / "examples" / name, folder / name))


@pytest.mark.parametrize(
    ("name", "tensor"),
    [
        ("weights_and_builder", "logits/kernel"),  # HDF5, and code that builds
        ("tf1_checkpoint", "output/weights"),  # a tensor bundle
        ("saved_model", "logits/kernel"),  # a bundle of which each tensor is there twice
    ],
)
def test_predictions_see_what_data_checks_do_not(name: str, tensor: str, tmp_path: Path) -> None:
    folder = example(name, tmp_path)
    only = ("--only", "zeroed", "--allow-code", "--count", "20")
    without = {tuple(each["tensors"]): each for each in mutated(folder, *only)["mutations"]}
    loaded = {tuple(each["tensors"]): each for each in mutated(folder, *only, "--load", "20")["mutations"]}
    assert without.keys() == loaded.keys()
    if (tensor,) not in loaded:
        tensor = next(names[0] for names in loaded if "kernel" in names[0] or "weights" in names[0])
    found = loaded[tensor,]
    assert found["fate"] == "caught"
    if without[tensor,]["fate"] == "slipped":
        assert found["predicted"]
        assert {each["check"] for each in found["caught_by"]} == {"predictions"}
    for names, each in loaded.items():
        assert each["predicted"] == (without[names]["fate"] == "slipped")
        assert each["fate"] == "caught" or each["why"].endswith("and predictions hold")


def test_an_archive_of_keras(tmp_path: Path) -> None:
    """Of which the bytes of one tensor are other ones: the model still loads, and answers otherwise."""
    folder = example("digits", tmp_path)
    (folder / "weight-gate.yml").write_text(
        """\
version: 1
models:
  - weights: models/digits.keras
    reference: models/golden/digits.keras
    tensors:
      - {match: "**", expect: any}
    predictions:
      - {inputs: x.npz, expected: y.npz}
"""
    )
    np.savez(folder / "x.npz", image=np.random.default_rng(1).random((8, 8, 8, 1), np.float32))
    code = (
        "import keras, numpy as np; m = keras.saving.load_model('models/digits.keras');"
        "x = dict(np.load('x.npz')); np.savez('x.npz', **{m.inputs[0].name.split(':')[0]: next(iter(x.values()))});"
        "np.savez('y.npz', **{m.output_names[0]: m.predict(next(iter(x.values())), verbose=0)})"
    )
    import subprocess
    import sys

    subprocess.run([sys.executable, "-c", code], cwd=folder, check=True, capture_output=True)
    model = mutated(folder, "--only", "reinitialised", "--count", "6", "--load", "3")
    assert [each["predicted"] for each in model["mutations"]] == [True] * 3 + [False] * 3
    assert [each["fate"] for each in model["mutations"]] == ["caught"] * 3 + ["slipped"] * 3
