"""`check` on real checkpoints and SavedModels, in a repository as people keep it."""

import shutil
from pathlib import Path

import pytest
from junitparser import JUnitXml

from corpus.models import GUESSLANG, IDAES_2, IDAES_13, MUSICNN, SURROGATE, SURROGATE_KERAS
from corpus.packages import Corpus
from support.cli import run_gate

pytestmark = pytest.mark.corpus


@pytest.fixture
def repository(tmp_path: Path, corpus: Corpus) -> Path:
    """`models/` is what is shipped, `golden/` what it was trained from or converted from."""
    for package, path, place in [
        (IDAES_2, SURROGATE, "models/surrogate"),
        (IDAES_13, SURROGATE_KERAS, "golden/surrogate.keras"),
        ("guesslang==0.9.3", GUESSLANG, "models/guesslang-0.9.3"),
        ("guesslang==0.9.3", GUESSLANG, "golden/guesslang-0.9.3"),
        ("guesslang==2.2.1", GUESSLANG, "models/guesslang"),
        ("guesslang==2.0.3", GUESSLANG, "golden/guesslang"),
        (MUSICNN, "musicnn/MTT_vgg", "models/MTT_vgg"),
        (MUSICNN, "musicnn/MSD_vgg", "golden/MSD_vgg"),
    ]:
        source, target = corpus(package, path), tmp_path / place
        target.parent.mkdir(exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target)
        else:
            shutil.copy(source, target)
    return tmp_path


def check(repository: Path, manifest: str) -> tuple[int, str, dict[str, str]]:
    """The exit code, what was said, and the outcome of each case in the JUnit report."""
    (repository / "weight-gate.yml").write_text(f"version: 1\nmodels:\n{manifest}")
    result = run_gate("check", cwd=repository, env={"COLUMNS": "1000"})
    suites = JUnitXml.fromfile(str(repository / "weight-gate-reports" / "junit.xml"))
    cases = {case.name: "failed" if case.result else "passed" for suite in suites for case in suite}
    return result.returncode, result.stdout + result.stderr, cases


def test_a_saved_model_against_a_keras_file(repository: Path) -> None:
    code, said, cases = check(
        repository,
        """
  - weights: models/surrogate
    reference: golden/surrogate.keras
    tensors:
      - {match: "**", expect: identical}
      - {match: "dense*/kernel", dtype: float32}
""",
    )
    assert code == 0, said
    assert "6 of 6 tensors, 100 % of bytes compared" in said
    assert set(cases.values()) == {"passed"}


def test_a_checkpoint_by_prefix_against_another(repository: Path) -> None:
    code, said, _ = check(
        repository,
        """
  - name: guesslang
    weights: models/guesslang-0.9.3/model.ckpt-40198
    reference: golden/guesslang-0.9.3/model.ckpt-40198
    groups: {optimizer: compare}
    tensors:
      - {match: "**", expect: identical}
""",
    )
    assert code == 0, said
    assert "33 of 33 tensors, 100 % of bytes compared" in said


def test_a_checkpoint_without_a_prefix_by_its_folder(repository: Path) -> None:
    code, said, _ = check(repository, "  - {weights: models/MTT_vgg, reference: golden/MSD_vgg}\n")
    assert code == 1, said
    assert "36 of 36 tensors" in said

    code, said, _ = check(
        repository,
        """
  - weights: models/MTT_vgg/
    reference: golden/MSD_vgg/
    tensors:
      - {match: "**", expect: changed}
""",
    )
    assert code == 0, said


def test_a_model_with_another_head(repository: Path) -> None:
    code, said, cases = check(repository, "  - {weights: models/guesslang, reference: golden/guesslang}\n")
    assert code == 1, said
    assert sum(outcome == "failed" for outcome in cases.values()) == 2
    assert "linear/linear_model/content/weights\n" in said

    code, said, _ = check(
        repository,
        """
  - weights: models/guesslang
    reference: golden/guesslang
    tensors:
      - {match: "dnn/**", expect: changed}
      - {match: "dnn/logits/bias", shape: [54], expect: changed}
      - {match: "dnn/logits/kernel", shape: [32, 54], expect: changed}
      - {match: "linear/**/bias_weights", shape: [54], expect: changed}
      - {match: "linear/**/content/weights", shape: [5000, 54], expect: changed}
""",
    )
    assert code == 0, said


def test_the_weights_of_another_release_are_red(repository: Path) -> None:
    """The wrong folder under the right name."""
    shutil.rmtree(repository / "models/surrogate")
    shutil.copytree(repository / "golden/guesslang", repository / "models/surrogate")
    code, said, _ = check(repository, "  - {weights: models/surrogate, reference: golden/surrogate.keras}\n")
    assert code == 1, said
    assert "0 of 9 tensors: values were compared with nothing" in said
