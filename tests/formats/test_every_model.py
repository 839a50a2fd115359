"""The same model in every format compares clean; two tensors exchanged in one of the files are red in all of them.

Every tensor of a model has values that no other has, so bytes tell which tensor of a file is which variable of the live
model, and whether two were rightly paired.
"""

import functools
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from gate.diff import plan_diff
from gate.formats import open_weights
from gate.results import RunResult
from gate.run import Run
from gate.tensors.pairing import Pairing, pair
from gate.tensors.weightset import Group, WeightSet
from gate.workspace import Workspace
from support.judging import judge_manifest
from support.models import MODELS, fill, variables_of

pytestmark = [
    pytest.mark.tensorflow,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # TensorFlow's own
    pytest.mark.filterwarnings("ignore::UserWarning"),  # Keras' own, on formats that it calls legacy
]

KERAS, WEIGHTS, SHARDS, LEGACY, ROOT, HELD, WITH_OPTIMIZER, EXPORT, SAVED = KINDS = (
    "m.keras", "m.weights.h5", "s.weights.json", "m.h5", "root", "held-1", "optimizer", "export", "saved",
)  # fmt: skip
CHECKPOINTS = {ROOT, HELD, WITH_OPTIMIZER}
FRESH, RELOADED, TWICE = VARIANTS = ("fresh", "reloaded", "twice")

# TensorFlow's checkpoints do not hold what a Keras 3 model has in lists and dicts (failures.md, row 26).
DROPPED = {"containers": 14, "containers_within": 14, "cells": 6}
# Keras does not load these again: a layer that two models within hold is in the file once.
NOT_LOADED = {"shared"}
# Legacy files hold such a layer twice.
DOUBLED = {("shared", LEGACY): 2}
# TensorFlow or Keras refuse to write these.
UNWRITABLE = {
    ("attributes", RELOADED, EXPORT), ("containers", RELOADED, EXPORT),  # "has never been called"
    ("odd_names", RELOADED, EXPORT), ("odd_names", RELOADED, SAVED),  # "is not a valid root scope name"
}  # fmt: skip
# Tracing takes seconds: all SavedModels of all models built anew, and of a few in the other variants.
UNTRACED = {"mobilenet", "cells"}
TRACED_AGAIN = {"nested", "custom", "normalised"}
TRACED_TWICE = {"nested_default", "containers_within", "past_ten", "attributes", "shared"}

# Files of which one names layers and not attributes, the other attributes and not layers: two layers of one shape, in
# two attributes, can be either. `alike`: two variables of one shape, by number in the one and by name in the other.
BY_ATTRIBUTE, BY_NAME, BY_NUMBER = {ROOT, HELD}, {LEGACY, EXPORT}, {KERAS, WEIGHTS, SHARDS}
UNDECIDABLE: Mapping[str, tuple[set[str], set[str]]] = {
    "attributes": (BY_ATTRIBUTE, BY_NAME),
    "attributes_within": (BY_ATTRIBUTE, BY_NAME),
    "alike": (BY_NUMBER, {ROOT, HELD, SAVED}),
}

Content = tuple[str, tuple[int, ...], bytes]


@dataclass
class Zoo:
    """One model in all files: `files` by variant and kind; `live` are the contents of the model's variables."""

    name: str
    folder: Path
    files: dict[tuple[str, str], WeightSet]
    live: frozenset[Content]
    optimizer: frozenset[Content]


def content(array: Any) -> Content:
    array = np.asarray(array)
    return (str(array.dtype), array.shape, array.tobytes())


def contents(variables: list[Any]) -> frozenset[Content]:
    found = frozenset(map(content, variables))
    assert len(found) == len(variables)
    return found


def save(model: Any, folder: Path, kinds: tuple[str, ...]) -> None:
    """The model in every format."""
    import tensorflow as tf

    folder.mkdir(parents=True)
    optimizer = getattr(model, "optimizer", None)
    most = max([2000, *(variable.shape.num_elements() * 8 for variable in map(tf.convert_to_tensor, model.weights))])
    writers: dict[str, Callable[[], Any]] = {
        KERAS: lambda: model.save(folder / KERAS),
        WEIGHTS: lambda: model.save_weights(folder / WEIGHTS),
        SHARDS: lambda: model.save_weights(folder / SHARDS, max_shard_size=most / 1e9),
        LEGACY: lambda: model.save(folder / LEGACY),
        ROOT: lambda: tf.train.Checkpoint(model).write(str(folder / ROOT)),
        HELD: lambda: tf.train.Checkpoint(model=model).save(str(folder / "held")),
        WITH_OPTIMIZER: lambda: (
            tf.train.Checkpoint(model=model, optimizer=optimizer).write(str(folder / WITH_OPTIMIZER))
            if optimizer
            else None
        ),
        EXPORT: lambda: model.export(folder / EXPORT, verbose=False),
        SAVED: lambda: tf.saved_model.save(model, str(folder / SAVED)),
    }
    for kind in kinds:
        writers[kind]()


def kinds_of(name: str, variant: str) -> tuple[str, ...]:
    if name == "mobilenet":
        return (KERAS, LEGACY, ROOT) if variant != RELOADED else (KERAS,)
    traced = name in TRACED_AGAIN or (variant == TWICE and name in TRACED_TWICE) or variant == FRESH
    untraced = {EXPORT, SAVED} if name in UNTRACED or not traced else set()
    kinds = tuple(kind for kind in KINDS if kind not in untraced)
    return tuple(kind for kind in kinds if (name, variant, kind) not in UNWRITABLE)


def opened(folder: Path) -> dict[str, WeightSet]:
    present = (folder / kind for kind in KINDS)
    return {
        path.name: open_weights(path)
        for path in present
        if path.exists() or path.with_name(f"{path.name}.index").exists()
    }


@pytest.fixture(scope="session")
def zoo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Zoo]]:
    """A model by its name: built anew, loaded again from its `.keras`, and built a second time in one process."""
    made: list[Zoo] = []

    @functools.cache
    def make(name: str) -> Zoo:
        import keras

        folder = tmp_path_factory.mktemp(name)
        keras.backend.clear_session()
        model = MODELS[name]()
        fill(variables_of(model))
        found = Zoo(name, folder, {}, contents(model.weights), contents(variables_of(model)[len(model.weights) :]))
        save(model, folder / FRESH, kinds_of(name, FRESH))
        if name not in NOT_LOADED:
            loaded = keras.saving.load_model(folder / FRESH / KERAS)
            assert list(map(content, variables_of(loaded))) == list(map(content, variables_of(model)))
            save(loaded, folder / RELOADED, kinds_of(name, RELOADED))
        again = MODELS[name]()
        fill(variables_of(again))
        save(again, folder / TWICE, kinds_of(name, TWICE))
        for variant in VARIANTS:
            found.files |= {(variant, kind): weights for kind, weights in opened(folder / variant).items()}
        made.append(found)
        return found

    with quiet():
        yield make
    for each in made:
        for weights in each.files.values():
            weights.close()


@contextmanager
def quiet() -> Iterator[None]:
    from absl import logging

    before = logging.get_verbosity()
    logging.set_verbosity(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.set_verbosity(before)


def held(weights: WeightSet, group: Group = Group.WEIGHTS) -> dict[str, Content]:
    return {tensor.name: content(tensor.read()) for tensor in weights if tensor.group is group}


def is_undecidable(name: str, one: str, other: str) -> bool:
    first, second = UNDECIDABLE.get(name, (set(), set()))
    return (one in first and other in second) or (one in second and other in first)


@pytest.mark.parametrize("name", MODELS)
def test_the_same_model_is_the_same_in_every_format(zoo: Callable[[str], Zoo], name: str) -> None:
    """One test for each model, since models are dear."""
    made = zoo(name)
    files_hold_the_live_models_variables(made)
    every_file_pairs_with_every_other(made)
    the_gate_says_so(made)
    if made.optimizer:
        optimizer_state_is_the_same(made)
    if name in EXCHANGES:
        an_exchange_is_red_in_every_pair_of_formats(made)
    if name == "alike":
        what_cannot_be_told_is_refused_until_a_rule_says_it(made)


def files_hold_the_live_models_variables(made: Zoo) -> None:
    for (variant, kind), weights in made.files.items():
        found = held(weights)
        lacking = DROPPED.get(made.name, 0) if kind in CHECKPOINTS else 0
        assert set(found.values()) <= made.live, (variant, kind)
        assert len(set(found.values())) == len(made.live) - lacking, (variant, kind)
        assert len(found) == len(set(found.values())) + DOUBLED.get((made.name, kind), 0), (variant, kind)


def every_file_pairs_with_every_other(made: Zoo) -> None:
    """Every tensor that both files hold with itself, or, where that cannot be told, none that is not certain."""
    found = {key: held(weights) for key, weights in made.files.items()}
    for ours, candidate in made.files.items():
        for theirs, reference in made.files.items():
            if FRESH not in {ours[0], theirs[0]} and ours > theirs:
                continue  # the other way round is enough
            pairing = pair(candidate.tensors, reference.tensors)
            both = weights_of(pairing, pairing.both)
            assert [n for n in both if found[ours][n] != found[theirs][pairing.reference[n].name]] == [], (ours, theirs)
            if is_undecidable(made.name, ours[1], theirs[1]):
                left = {n for n in found[theirs] if n not in {pairing.reference[n].name for n in both}}
                assert {pairing.reference[each.reference].name for each in pairing.uncertain} == left != set()
                continue
            uncertain = [each for each in pairing.uncertain if pairing.reference[each.reference].group is Group.WEIGHTS]
            assert uncertain == [], (ours, theirs)
            common = set(found[ours].values()) & set(found[theirs].values())
            assert {found[ours][n] for n in both} == common, (ours, theirs)


def weights_of(pairing: Pairing, names: tuple[str, ...]) -> list[str]:
    return [name for name in names if pairing.candidate[name].group is Group.WEIGHTS]


def diff(reference: Path, candidate: Path, *groups: Group) -> RunResult:
    """`weight-gate diff REFERENCE CANDIDATE`, in this process."""
    plan = plan_diff(reference, candidate, groups=groups)
    return Run([plan], Workspace(Path(), [Path("/")]), "weight-gate diff", threads=1).execute()


def told(result: RunResult) -> set[str]:
    """The tensors of all findings."""
    return {
        finding.tensor
        for model in result.models
        for check in model.checks
        for finding in check.findings
        if finding.tensor
    }


def the_gate_says_so(made: Zoo) -> None:
    """Whole runs, with the `.keras` of the model built first as the reference: no rule and no name in a manifest."""
    for variant, kind in made.files:
        result = diff(made.folder / FRESH / KERAS, made.folder / variant / kind)
        if made.name == "weightless":
            assert result.exit_code == 3, (variant, kind)
        elif is_undecidable(made.name, KERAS, kind):
            assert result.exit_code == 4, (variant, kind)
        elif kind in CHECKPOINTS and made.name in DROPPED:
            assert result.exit_code == 1, (variant, kind)
            assert len(told(result)) == DROPPED[made.name], (variant, kind)
        elif (made.name, kind) in DOUBLED:
            assert result.exit_code == 1, (variant, kind)
            assert len(told(result)) == DOUBLED[made.name, kind], (variant, kind)
        else:
            assert result.exit_code == 0, (variant, kind, told(result))


# Two variables of one shape, by the model: exchanged before the model is saved.
def _two_kernels(model: Any) -> list[tuple[Any, Any]]:
    layers = [layer for layer in model.layers if layer.__class__.__name__ == "Dense"]
    return [(layers[1].kernel, layers[3].kernel)]


def _twin_layers(model: Any) -> list[tuple[Any, Any]]:
    one, other = (model.get_layer(f"twin_{side}").layers[0] for side in "ab")
    return list(zip(one.variables, other.variables, strict=True))


def _far_apart(model: Any) -> list[tuple[Any, Any]]:
    inner = model.get_layer("middle").get_layer("inner")
    return [(inner.get_layer("a").kernel, model.get_layer("twin_b").layers[1].kernel)]


def _blocks(model: Any) -> list[tuple[Any, Any]]:
    one, other = (layer for layer in model.layers[:2])
    return [(one.proj.kernel, other.proj.kernel), (one.scale, other.scale)]


def _moments(model: Any) -> list[tuple[Any, Any]]:
    layer = next(each for each in model.layers if each.__class__.__name__ == "BatchNormalization")
    return [(layer.moving_mean, layer.beta)]


EXCHANGES = {
    "past_ten": (_two_kernels, _moments),
    "nested": (_twin_layers, _far_apart),
    "custom": (_blocks,),
}


def an_exchange_is_red_in_every_pair_of_formats(made: Zoo) -> None:
    """Kernels of layers that nobody named, variables of one layer, whole layers of twins, and of users' classes."""
    model = MODELS[made.name]()
    fill(variables_of(model))
    exchanged = [couple for choose in EXCHANGES[made.name] for couple in choose(model)]
    for one, other in exchanged:
        first, second = np.array(one), np.array(other)
        one.assign(second)
        other.assign(first)
    touched = {content(variable) for couple in exchanged for variable in couple}
    with quiet():
        save(model, made.folder / "exchanged", KINDS)
    for kind, weights in opened(made.folder / "exchanged").items():
        expected = {n for n, c in held(weights).items() if c in touched}
        assert len(expected) == 2 * len(exchanged)
        weights.close()
        for other_kind in opened(made.folder / FRESH):
            result = diff(made.folder / FRESH / other_kind, made.folder / "exchanged" / kind)
            assert result.exit_code == 1, (kind, other_kind)
            assert told(result) == expected, (kind, other_kind)


def optimizer_state_is_the_same(made: Zoo) -> None:
    """With `groups: {optimizer: compare}`. The variants have other names for it, with the model's name in them."""
    for variant in VARIANTS:
        files = {
            kind: weights for (which, kind), weights in made.files.items() if which == variant and kind != EXPORT
        }  # `export` stores no optimizer
        found = {kind: held(weights, Group.OPTIMIZER) for kind, weights in files.items()}
        for ours, candidate in files.items():
            if made.name == "loss_scaled":  # Keras stores the inner optimizer's variables twice, and iterations alike
                assert set(found[ours].values()) == made.optimizer
                continue
            assert sorted(found[ours].values()) == sorted(made.optimizer)
            for theirs, reference in files.items():
                pairing = pair(candidate.tensors, reference.tensors)
                assert pairing.uncertain == ()
                for name, value in found[ours].items():
                    assert found[theirs][pairing.reference[name].name] == value, (variant, ours, theirs)
    if made.name != "loss_scaled":
        for kind in (WEIGHTS, LEGACY, WITH_OPTIMIZER, SAVED):
            result = diff(made.folder / FRESH / KERAS, made.folder / FRESH / kind, Group.OPTIMIZER)
            assert result.exit_code == 0, (kind, told(result))
            coverage = result.models[0].coverage
            assert coverage is not None
            assert coverage.compared == len(made.live) + len(made.optimizer)


def what_cannot_be_told_is_refused_until_a_rule_says_it(made: Zoo) -> None:
    """A user's layer with two variables of one shape: numbers in `.keras`, names in a checkpoint."""
    for kind in (KERAS, WEIGHTS, SHARDS):
        for other in (ROOT, HELD, SAVED):
            result = diff(made.folder / FRESH / other, made.folder / FRESH / kind)
            assert result.exit_code == 4, (kind, other)
            assert told(result) >= {"alike/scale", "alike/offset"}
            for names, code in ((("0", "1"), 0), (("1", "0"), 1)):
                entry = {
                    "weights": f"{FRESH}/{kind}",
                    "reference": f"{FRESH}/{other}",
                    "names": [
                        {"from": f"^alike/{variable}$", "to": f"alike/{number}"}
                        for variable, number in zip(("scale", "offset"), names, strict=True)
                    ],
                }
                manifest = made.folder / "weight-gate.yml"
                manifest.write_text(yaml.safe_dump({"version": 1, "models": [entry]}))
                assert judge_manifest(manifest).exit_code == code, (kind, other, names)


def test_modules_without_keras(tmp_path: Path) -> None:
    """`tf.Module` with modules in attributes, lists and dicts: checkpoints and SavedModels of two instances."""
    import tensorflow as tf

    class Linear(tf.Module):  # type: ignore[misc]
        def __init__(self, size: int, named: bool) -> None:
            super().__init__()
            self.w = tf.Variable(tf.zeros((size, size)), name="w" if named else None)
            self.b = tf.Variable(tf.zeros((size,)), name="b" if named else None)

    class Net(tf.Module):  # type: ignore[misc]
        def __init__(self, named: bool) -> None:
            super().__init__(name="net")
            self.first = Linear(3, named)
            self.second = Linear(3, named)
            self.blocks = [Linear(3, named) for _ in range(12)]
            self.heads = {"x": Linear(3, named), "y": [Linear(3, named), Linear(3, named)]}
            self.scale = tf.Variable(1.0)

        @tf.function(input_signature=[])  # type: ignore[untyped-decorator]
        def __call__(self) -> Any:
            return self.scale

    for named in (True, False):
        files = []
        for number in range(2):
            net = Net(named)
            fill(list(net.variables))
            live = {variable.ref(): content(variable) for variable in net.variables}
            root = tmp_path / f"{named}-{number}"
            tf.train.Checkpoint(net).write(f"{root}-root")
            tf.train.Checkpoint(net=net).write(f"{root}-held")
            tf.saved_model.save(net, f"{root}-saved")
            files += [open_weights(Path(f"{root}-{kind}")) for kind in ("root", "held", "saved")]
        for candidate in files:
            found = held(candidate)
            assert set(found.values()) == set(live.values())
            assert found["first/w"] == content(net.first.w)
            for reference in files:
                pairing = pair(candidate.tensors, reference.tensors)
                assert pairing.uncertain == ()
                assert len(pairing.both) >= len(live)
                theirs = held(reference)
                wrong = [n for n in weights_of(pairing, pairing.both) if found[n] != theirs[pairing.reference[n].name]]
                assert wrong == []


def test_lookup_tables(tmp_path: Path) -> None:
    """A table is two tensors of a checkpoint; one without entries holds nothing."""
    import tensorflow as tf

    def table(**entries: int) -> Any:
        made = tf.lookup.experimental.MutableHashTable(tf.string, tf.int64, -1)
        if entries:
            made.insert(list(entries), list(entries.values()))
        return made

    module = tf.Module()
    module.words, module.empty = table(a=1), table()
    module.inner = tf.Module()
    module.inner.words = table(b=2)
    tf.train.Checkpoint(module).write(str(tmp_path / "tables"))
    with open_weights(tmp_path / "tables") as weights:
        assert {tensor.name: tensor.read().tolist() for tensor in weights} == {
            "words-keys": [b"a"], "words-values": [1], "inner/words-keys": [b"b"], "inner/words-values": [2],
        }  # fmt: skip
        assert "lookup tables without entries, left out: 1" in weights.notes
