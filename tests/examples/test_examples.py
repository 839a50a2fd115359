"""Every folder of examples/: green as it is, red once tampered with, and its README says what the gate prints now."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from support.cli import ROOT

pytestmark = pytest.mark.tensorflow

EXAMPLES = ROOT / "examples"
MOST_BYTES = 300_000
SOURCES = {".md", ".py", ".yml", ".sh"}


def _transcripts() -> ModuleType:
    """examples/transcripts.py, which is in no package."""
    spec = importlib.util.spec_from_file_location("transcripts", EXAMPLES / "transcripts.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


transcripts: Any = _transcripts()
every_example = pytest.mark.parametrize("example", transcripts.EXAMPLES, ids=lambda each: each.name)

# What the README promises of the tampered copy: each check that does not hold, and the sentences that tell why.
RED: dict[str, dict[str, tuple[str, ...]]] = {
    "digits": {
        "digest": ("the file is not the pinned one",),
        "values": (
            "backbone/conv_1/kernel 1 of 432 elements differs from the reference",
            "swapped: it holds what the reference has as backbone/conv_3/kernel",
        ),
        "loaded-values": ("3 findings as in the file",),
    },
    "weights_and_builder": {
        "restore": (
            "ink/kernel it landed in strokes/kernel, not in ink/kernel",
            "swapped: strokes/bias holds what the file has as ink/bias",
            "5 of 9 tensors restored",
        ),
        "predictions": ("argmax agrees in 97.5 % (39 of 40)",),
    },
    "tf1_checkpoint": {
        "statistics": ("1 tensor out of bounds - hidden1/weights", "kurtosis is 59.07"),
        "predictions": ("argmax agrees in 7 % (7 of 100)",),
    },
    "saved_model": {
        "predictions": ("argmax agrees in 10.8 % (49 of 450)", "accuracy: 0.102222", "at least 0.95 is asked for"),
    },
    "transfer_learning": {
        "structure": ("backbone/conv_3/kernel shape [3, 3, 16, 16], the reference has [5, 5, 16, 16]",),
        "values": (
            "16 of 16 elements differ from the reference, which must be identical bit for bit",
            "- backbone/norm_2/moving_mean: worst at [13]",
        ),
        "loaded-values": ("2 findings as in the file",),
        "restore": (
            "the load put it into no variable - backbone/conv_3/kernel: the variable",
            "the variable is float32 [3, 3, 16, 16], the file has float32 [5, 5, 16, 16]",
            "18 of 20 tensors restored",
        ),
    },
}


def flat(text: str) -> str:
    return " ".join(text.split())


def not_held(console: str) -> set[str]:
    """The checks that are not green."""
    lines = [line.split() for line in console.splitlines() if line.startswith(("  FAILED", "  ERROR", "  NOT RUN"))]
    return {words[1] for words in lines}


@every_example
def test_green_as_it_is(example: Any, tmp_path: Path) -> None:
    printed = transcripts.green(example, tmp_path)
    assert printed.exit_code == 0, printed.console
    in_readme = transcripts.blocks(example.readme.read_text("utf-8"))["green"]
    assert transcripts.comparable(in_readme) == transcripts.comparable(printed.console)


@every_example
def test_red_once_tampered_with(example: Any, tmp_path: Path) -> None:
    printed = transcripts.red(example, tmp_path)
    assert printed.exit_code == 1, printed.console
    assert not_held(printed.console) == set(RED[example.name])
    for sentences in RED[example.name].values():
        for sentence in sentences:
            assert sentence in flat(printed.console)
    in_readme = transcripts.blocks(example.readme.read_text("utf-8"))["red"]
    assert transcripts.comparable(in_readme) == transcripts.comparable(printed.console)


@every_example
def test_the_readme_has_the_manifest(example: Any) -> None:
    assert transcripts.blocks(example.readme.read_text("utf-8"))["manifest"] == transcripts.manifest(example)


@every_example
def test_what_is_committed_stays_small(example: Any) -> None:
    files = [path for path in example.folder.rglob("*") if path.is_file() and path.suffix not in SOURCES]
    ours = [path for path in files if not {"weight-gate-reports", "__pycache__"} & set(path.parts)]
    assert 0 < sum(path.stat().st_size for path in ours) < MOST_BYTES


def test_every_folder_is_an_example() -> None:
    folders = {path.parent.name for path in EXAMPLES.glob("*/weight-gate.yml")}
    assert folders == {example.name for example in transcripts.EXAMPLES} == set(RED)
