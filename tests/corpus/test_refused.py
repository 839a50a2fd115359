"""Real files that this version does not read: refused in plain words, with exit 4, and nothing run."""

import pytest

from corpus.packages import Corpus
from support.cli import run_gate

pytestmark = pytest.mark.corpus

SAVED_MODELS = [
    ("idaes-pse==2.3.0", "idaes/core/surrogate/plotting/tests/keras_surrogate"),
    ("idaes-pse==2.3.0", "idaes/models_extra/power_generation/properties/sofc/sofc_surrogate_data"),
    ("guesslang==2.0.3", "guesslang/data/model"),
    ("guesslang==2.2.1", "guesslang/data/model"),
]


@pytest.mark.parametrize("command", ["list", "diff"])
def test_pickled_arrays_are_refused(command: str, corpus: Corpus) -> None:
    path = corpus("mtcnn==0.1.1", "mtcnn/data/mtcnn_weights.npy")
    result = run_gate(command, *[path] * (2 if command == "diff" else 1))
    assert result.returncode == 4, result.stdout
    assert "pickled Python objects" in result.stdout + result.stderr
    assert "Traceback" not in result.stdout + result.stderr


@pytest.mark.parametrize(("package", "path"), SAVED_MODELS)
def test_a_saved_model_is_named_as_such(package: str, path: str, corpus: Corpus) -> None:
    result = run_gate("list", corpus(package, path))
    assert result.returncode == 4, result.stdout
    assert "SavedModel" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(
    ("suffix", "said"),
    [
        ("", "TensorFlow checkpoint"),
        (".index", "TensorFlow checkpoint"),
        (".data-00000-of-00001", "no known format"),
        (".meta", "no known format"),
    ],
)
def test_a_checkpoint_is_refused(suffix: str, said: str, corpus: Corpus) -> None:
    result = run_gate("list", corpus("guesslang==0.9.3", f"guesslang/data/model/model.ckpt-40198{suffix}"))
    assert result.returncode == 4, result.stdout
    assert said in result.stderr
    assert "Traceback" not in result.stderr
