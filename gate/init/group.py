"""Which of the files that hold weights are one model, and which of them is another's reference.

Files are held against each other by what they hold, not by their names alone: one model in several formats has the
same tensors in each, whatever the formats call them.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from gate.errors import GateError
from gate.formats import open_weights
from gate.formats.tensorflow.find import STATE, latest_named
from gate.init.look import Broken, Looked, Other, Weights
from gate.tensors.digest import digest_of
from gate.tensors.weightset import Group

_GOLDEN = frozenset(
    ("golden", "gold", "reference", "references", "blessed", "baseline", "baselines", "expected", "approved", "trusted")
)
SHARDED = ".weights.json"
_SHARD = re.compile(r"(.*)_\d{5,}\.weights\.h5", re.DOTALL)
_STEP = re.compile(r"(.*?)(\d{1,18})", re.DOTALL)
_MOST_STATE = 1 << 20
# Names that variables have, in Keras, in TensorFlow 1 and in other frameworks.
_VARIABLE = re.compile(
    r"(?:.*[/._])?(?:kernel|bias|biases|weight|weights|gamma|beta|embeddings?|moving_mean|moving_variance|running_mean"
    r"|running_var|w|b|W\d*|b\d*|alpha|scale|offset)(?::\d+|_\d+)?"
)
# Of files that hold the same, the one that a framework loads with the least help is the model.
_FIRST = ("keras", "saved_model", "h5", "checkpoint", "weights.h5", "weights.json", "safetensors", "npz")


@dataclass(eq=False)
class Model:
    """One model: the file that stands for it, and what else there is of it."""

    weights: Weights
    same: list[Weights] = field(default_factory=list)
    """The same tensors in other files."""
    steps: list[Weights] = field(default_factory=list)
    """Earlier checkpoints."""
    golden: Weights | None = None
    """A file of the same tensors, with values of its own, in a folder that says what it is for."""


@dataclass
class Groups:
    """What there is: models in the order of their paths, and files that hold tensors and are none."""

    models: list[Model]
    others: list[Other]
    arrays: list[Weights]
    """Data: inputs and outputs of predictions, it may be."""


def grouped(looked: Iterable[Looked]) -> Groups:
    """The models among what was looked at."""
    looked = list(looked)
    cut = [each.path for each in looked if isinstance(each, Broken) and each.path.name.endswith(SHARDED)]
    weights = _without_shards([each for each in looked if isinstance(each, Weights)], cut)
    others = [each for each in looked if isinstance(each, Other)]
    kept: list[Weights] = []
    arrays: list[Weights] = []
    kinds = {each.kinds for each in weights if each.format != "npz"}
    for each in weights:
        if not each.weights:
            others.append(Other(each.path, _what_else(each)))
        elif each.format == "npz" and each.kinds not in kinds and not _are_variables(each):
            arrays.append(each)
        else:
            kept.append(each)
    models = _with_golden(_with_same(list(_with_steps(kept))))
    return Groups(models, others, arrays)


def is_golden(weights: Weights) -> bool:
    """Whether its own name, or that of a folder on the way to it, says that it is right."""
    return any(part.lower() in _GOLDEN for part in (*weights.path.parts[:-1], weights.stem))


def _without_shards(weights: Sequence[Weights], cut: Sequence[Path]) -> list[Weights]:
    """Without the parts of others; those of an index that cannot be read, `cut`, are told by their names."""
    parts = {file for each in weights if each.format == "weights.json" for file in each.files if file != each.path}
    starts = {(path.parent, path.name.removesuffix(SHARDED)) for path in cut}
    return [
        each
        for each in weights
        if each.path not in parts
        and not ((shard := _SHARD.fullmatch(each.path.name)) and (each.path.parent, shard[1]) in starts)
    ]


def _what_else(weights: Weights) -> str:
    if weights.count(Group.OPTIMIZER):
        return f"the state of an optimizer alone ({weights.count(Group.OPTIMIZER)} tensors)"
    return "no weights" if weights.tensors else "no tensors"


def _are_variables(weights: Weights) -> bool:
    named = sum(1 for each in weights.weights if _VARIABLE.fullmatch(each.name))
    return named * 2 > len(weights.weights)


def _with_steps(weights: Sequence[Weights]) -> Iterator[Model]:
    """Checkpoints of one training, told by their names and their structure, are one model: the latest."""
    runs: dict[object, list[tuple[int, Weights]]] = defaultdict(list)
    for each in weights:
        step = _STEP.fullmatch(each.path.name)
        if each.format == "checkpoint" and step is not None:
            runs[each.path.parent, step[1], each.kinds].append((int(step[2]), each))
        else:
            runs[each.path].append((0, each))
    for run in runs.values():
        steps = [each for _, each in sorted(run, key=lambda pair: pair[0])]
        latest = _latest(steps[0].path.parent) if len(steps) > 1 else None
        chosen = next((each for each in steps if each.path.name == latest), steps[-1])
        yield Model(chosen, steps=[each for each in steps if each is not chosen])


def _latest(folder: Path) -> str | None:
    """The name in the `checkpoint` file, as `gate.formats` takes it."""
    try:
        with (folder / STATE).open("rb") as file:
            named = latest_named(file.read(_MOST_STATE).decode("utf-8", "replace"))
    except OSError:
        return None
    return None if named is None else re.split(r"[/\\]", named)[-1]


def _with_same(models: Sequence[Model]) -> list[Model]:
    """One model in several formats becomes one; copies in one format, and golden files, stay apart."""
    alike: dict[object, list[Model]] = defaultdict(list)
    for model in models:
        each = model.weights
        alike[each.stem, each.kinds, is_golden(each)].append(model)
    merged: set[int] = set()
    for several in alike.values():
        if len({model.weights.format for model in several}) == 1:
            continue
        by_content: dict[object, list[Model]] = defaultdict(list)
        for model in several:
            by_content[_content(model.weights)].append(model)
        for same in by_content.values():
            best = min(same, key=lambda model: _FIRST.index(model.weights.format)).weights.format
            first = [model for model in same if model.weights.format == best]
            for model in same:
                if model not in first:
                    place = model.weights.path
                    nearest = max(first, key=lambda each: _shared(each.weights.path, place))
                    nearest.same.append(model.weights)
                    nearest.steps += model.steps
                    merged.add(id(model))
    return [model for model in models if id(model) not in merged]


def _content(weights: Weights) -> object:
    """The same for files that hold the same tensors; a file that cannot be read is like no other."""
    try:
        with open_weights(weights.path) as opened:
            return tuple(sorted(digest_of(each.read()) for each in opened if each.group is Group.WEIGHTS))
    except GateError:
        return weights.path


def _with_golden(models: Sequence[Model]) -> list[Model]:
    """Gives golden files to the models that they are of: of the same structure, the same name if any, and nearest."""
    taken: set[int] = set()
    candidates = [model for model in models if not is_golden(model.weights)]
    for model in models:
        golden = model.weights
        if not is_golden(golden):
            continue
        fitting = [each for each in candidates if each.weights.kinds == golden.kinds and each.golden is None]
        named = [each for each in fitting if each.weights.stem == golden.stem] or fitting
        near = max((_shared(each.weights.path, golden.path) for each in named), default=0)
        nearest = [each for each in named if _shared(each.weights.path, golden.path) == near]
        if len(nearest) == 1:
            nearest[0].golden = golden
            taken.add(id(model))
    return [model for model in models if id(model) not in taken]


def _shared(one: Path, other: Path) -> int:
    """How many folders two paths have in common."""
    pairs = zip(one.parts, other.parts, strict=False)
    return next((depth for depth, (a, b) in enumerate(pairs) if a != b), min(len(one.parts), len(other.parts)))
