"""`weight-gate init` on models by other people: what it writes passes `check`."""

import shutil
from pathlib import Path

import pytest
import yaml

from corpus.packages import Corpus
from support.cli import run_gate

pytestmark = [pytest.mark.tensorflow, pytest.mark.corpus]


@pytest.mark.parametrize(
    ("package", "path", "count", "unloaded"),
    [
        ("idaes-pse==2.13.0", "idaes", 5, {"idaes_keras_model.keras"}),
        ("guesslang==0.9.3", "guesslang", 1, set()),
    ],
)
def test_models_by_other_people(
    tmp_path: Path, corpus: Corpus, package: str, path: str, count: int, unloaded: set[str]
) -> None:
    shutil.copytree(corpus(package, path), tmp_path / path)
    done = run_gate("init", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    models = yaml.safe_load((tmp_path / "weight-gate.yml").read_text())["models"]
    assert len(models) == count
    assert {Path(each["weights"]).name for each in models if each.get("load") is False} == unloaded
