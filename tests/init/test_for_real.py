"""`init` of models that TensorFlow made: what it writes passes `check`, loading and all."""

import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from support.cli import ROOT, run_gate

pytestmark = [
    pytest.mark.tensorflow,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # TensorFlow's own
]

EXAMPLES = ROOT / "examples"
GREEN: dict[str, tuple[str, dict[str, Any]]] = {
    "digits": ("1 model, 1 loaded, 27 of 27 tensors", {"models/digits.keras": "models/golden/digits.keras"}),
    "weights_and_builder": (
        "1 model, 0 loaded, 9 of 9 tensors",
        {"models/digits.weights.h5": {"lock": "models/digits.lock.yml"}},
    ),
    "tf1_checkpoint": (
        "1 model, 1 loaded, 6 of 6 tensors",
        {"checkpoints/model.ckpt-660": {"lock": "checkpoints/model.lock.yml"}},
    ),
    "saved_model": ("1 model, 1 loaded, 6 of 6 tensors", {"models/digits": "models/golden/digits"}),
    "transfer_learning": (
        "2 models, 1 loaded, 44 of 44 tensors",
        {
            "models/odd_or_even.keras": {"lock": "models/odd_or_even.lock.yml"},
            "models/pretrained.weights.h5": {"lock": "models/pretrained.lock.yml"},
        },
    ),
}


@pytest.mark.parametrize("name", GREEN)
def test_the_examples_without_their_manifests(tmp_path: Path, name: str) -> None:
    said, references = GREEN[name]
    shutil.copytree(
        EXAMPLES / name, tmp_path / name, ignore=shutil.ignore_patterns("weight-gate*", "*.lock.yml", "__pycache__")
    )
    done = run_gate("init", cwd=tmp_path / name)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"PASSED: {said} compared" in done.stdout
    models = yaml.safe_load((tmp_path / name / "weight-gate.yml").read_text())["models"]
    assert {model["weights"]: model["reference"] for model in models} == references


def test_every_format_of_keras_is_one_model_and_one_that_needs_code_is_judged_as_data(tmp_path: Path) -> None:
    from support.models import convolutions
    from support.own_models import twice

    model = convolutions()
    for name in ("m.keras", "m.weights.h5"):
        (model.save if name.endswith(".keras") else model.save_weights)(tmp_path / name)
    model.export(tmp_path / "m", verbose=False)
    twice().save(tmp_path / "own.keras")
    done = run_gate("init", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    text = (tmp_path / "weight-gate.yml").read_text()
    models = {each["weights"]: each for each in yaml.safe_load(text)["models"]}
    assert set(models) == {"m.keras", "own.keras"}
    assert "load" not in models["m.keras"]
    assert models["own.keras"]["load"] is False
    assert "it did not load: Keras could not load it" in " ".join(text.split())
    assert "m, m.weights.h5: the same tensors" in " ".join(text.split())
    assert run_gate("check", "--no-reports", cwd=tmp_path).returncode == 0
