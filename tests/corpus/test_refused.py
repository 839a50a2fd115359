"""Real files that are refused in plain words, with exit 4, and nothing run."""

import shutil
from pathlib import Path

import pytest

from corpus.models import GUESSLANG, GUESSLANG_CHECKPOINT, IDAES_2, SURROGATE
from corpus.packages import Corpus
from support.cli import run_gate

pytestmark = pytest.mark.corpus


@pytest.mark.parametrize("command", ["list", "diff"])
def test_pickled_arrays_are_refused(command: str, corpus: Corpus) -> None:
    path = corpus("mtcnn==0.1.1", "mtcnn/data/mtcnn_weights.npy")
    result = run_gate(command, *[path] * (2 if command == "diff" else 1))
    assert result.returncode == 4, result.stdout
    assert "pickled Python objects" in result.stdout + result.stderr
    assert "Traceback" not in result.stdout + result.stderr


@pytest.mark.parametrize(
    ("package", "path", "lost", "said"),
    [
        ("guesslang==0.9.3", GUESSLANG_CHECKPOINT, f"{GUESSLANG_CHECKPOINT}.index", "without its index"),
        ("guesslang==0.9.3", GUESSLANG, f"{GUESSLANG_CHECKPOINT}.data-00000-of-00001", "model.ckpt-40198.data-00000"),
        ("guesslang==2.2.1", GUESSLANG, f"{GUESSLANG}/variables/variables.index", "variables.index"),
        (IDAES_2, SURROGATE, f"{SURROGATE}/variables/variables.data-00000-of-00001", "variables.data-00000"),
    ],
)
def test_a_folder_that_lost_a_file_is_refused(
    package: str, path: str, lost: str, said: str, corpus: Corpus, tmp_path: Path
) -> None:
    whole = corpus(package, path)
    folder = whole if whole.is_dir() else whole.parent
    copy = tmp_path / "model"
    shutil.copytree(folder, copy)
    missing = copy / corpus(package, lost).relative_to(folder)
    missing.unlink()
    result = run_gate("diff", whole, copy if whole.is_dir() else copy / whole.name)
    assert result.returncode == 4, result.stdout + result.stderr
    assert said in " ".join(result.stdout.split())
    assert "Traceback" not in result.stdout + result.stderr


@pytest.mark.parametrize(
    ("package", "path", "shard"),
    [
        ("guesslang==0.9.3", GUESSLANG_CHECKPOINT, f"{GUESSLANG_CHECKPOINT}.data-00000-of-00001"),
        (IDAES_2, SURROGATE, f"{SURROGATE}/variables/variables.data-00000-of-00001"),
    ],
)
def test_one_bit_of_a_weight_fails_its_checksum(
    package: str, path: str, shard: str, corpus: Corpus, tmp_path: Path
) -> None:
    """The first bytes of either shard are a weight's."""
    whole = corpus(package, path)
    folder = whole if whole.is_dir() else whole.parent
    copy = tmp_path / "model"
    shutil.copytree(folder, copy)
    target = copy / corpus(package, shard).relative_to(folder)
    data = bytearray(target.read_bytes())
    data[64] ^= 1
    target.write_bytes(data)
    result = run_gate("diff", whole, copy if whole.is_dir() else copy / whole.name, "--identical")
    assert result.returncode == 4, result.stdout + result.stderr
    assert "its checksum does not match" in " ".join(result.stdout.split())
