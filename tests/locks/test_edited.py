"""Edits of what a lock says of layers: refused, or never a reason to take one tensor for another."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest

from gate.errors import UnreadableError
from gate.locks.lock import Lock, LockedTensor
from gate.locks.make import locked_as
from gate.locks.text import lock_text, parse_lock
from gate.locks.weights import weights_of
from gate.results import Outcome
from gate.tensors.locked import LOCKED_STATISTICS
from gate.tensors.pairing import pair
from gate.tensors.weightset import Layer, Step
from support.files import SUFFIXES, WRITERS
from support.judging import findings_of, judge_manifest
from support.locks import MADE, write_lock
from support.random_models import FORMATS, random_model, saved

A, B, C = "a/kernel", "b/kernel", "c/kernel"


@pytest.mark.parametrize("format", ["keras", "weights.h5", "weights.json", "h5", "h5-weights"])
@pytest.mark.parametrize("without", ["no name left out", "c's left out", "b's and c's left out"])
def test_a_swap_that_edited_layers_would_hide(tmp_path: Path, format: str, without: str) -> None:
    numbers = np.random.default_rng(1)
    arrays = {name: numbers.standard_normal(size).astype(np.float32) for name, size in ((A, 4), (B, 4), (C, 3))}
    weights = WRITERS[format](tmp_path / f"model{SUFFIXES[format]}", arrays)
    lock = write_lock(weights, tmp_path / "m.lock.yml")
    manifest = tmp_path / "weight-gate.yml"
    manifest.write_text(
        f"version: 1\nmodels: [{{weights: {weights.name}, load: false, reference: {{lock: {lock.name}}}}}]\n"
    )
    assert judge_manifest(manifest).models[0].outcome is Outcome.PASSED
    WRITERS[format](weights, {A: arrays[B], B: arrays[A], C: arrays[C]})
    assert judge_manifest(manifest).models[0].outcome is Outcome.FAILED
    head, layers = lock.read_text().split("layers:\n")
    layers = layers.replace("name: a,", "name: \x00,").replace("name: b,", "name: a,").replace("\x00", "b")
    layers = layers.replace("name: a}", "name: \x00}").replace("name: b}", "name: a}").replace("\x00", "b")
    for name in {"no name left out": "", "c's left out": "c", "b's and c's left out": "bc"}[without]:
        layers = layers.replace(f", name: {name}", "")
    lock.write_text(f"{head}layers:\n{layers}")
    model = judge_manifest(manifest).models[0]
    assert model.outcome is Outcome.ERROR
    assert any("is said to be of the layer" in each.reason for each in findings_of(model))


@pytest.mark.parametrize("group", ["group: optimizer, ", ""])
@pytest.mark.parametrize("decoys", [("optimizer/x", "optimizer/y"), ("dense/dense_1/kernel", "dense_1/dense/kernel")])
def test_a_swap_that_lines_without_tensors_would_hide(tmp_path: Path, group: str, decoys: tuple[str, str]) -> None:
    numbers = np.random.default_rng(1)
    one, other = (numbers.standard_normal((3, 3)).astype(np.float32) for _ in range(2))
    weights = tmp_path / "m.npz"
    WRITERS["npz"](weights, {"dense/kernel": one, "dense_1/kernel": other})
    lock = write_lock(weights, tmp_path / "m.lock.yml")
    lines = lock.read_text().split("layers:\n")[0].splitlines()
    first = next(at for at, line in enumerate(lines) if line.startswith("- {name"))
    told = [re.sub(r", layer: [0-9]+", "", line) for line in lines[first : first + 2]]
    nothing = ", ".join(f"{name}: 0.0" for name in LOCKED_STATISTICS)
    made = [
        f"- {{name: {name}, {group}dtype: float32, shape: [3, 3], digest: blake3:{'0' * 64}, {nothing}, "
        f"layer: {at}, variable: kernel}}"
        for at, name in enumerate(decoys)
    ]
    layers = [
        f"- {{steps: [{{node: {at}, name: {name}, kind: dense}}], order: [{at}]}}"
        for at, name in enumerate(("dense", "dense_1"))
    ]
    swapped = [f"{line[:-1]}, layer: {layer}}}" for line, layer in zip(told, (1, 0), strict=True)]
    lock.write_text("\n".join([*lines[:first], *swapped, *made, "layers:", *layers]) + "\n")
    with pytest.raises(UnreadableError, match="is said to be of the layer"):
        parse_lock(lock.read_text(), "m.lock.yml")


def edits(layer: Layer, others: Sequence[Layer]) -> Iterator[Layer]:
    """All that become of a layer by one edit of a line: a fact left out, or another layer's."""
    seen = [step for other in others for step in other.steps]
    for at, step in enumerate(layer.steps):
        for key in ("name", "attribute", "kind", "node"):
            values = {getattr(each, key) for each in seen} | ({None} if key != "node" else {"new"})
            for value in sorted(values - {getattr(step, key)}, key=str)[:6]:
                changed: dict[str, Any] = {key: value}
                yield Layer((*layer.steps[:at], replace(step, **changed), *layer.steps[at + 1 :]), layer.order)
        yield Layer((*layer.steps[:at], *layer.steps[at + 1 :]), layer.order)
    for order in {other.order for other in others} | {None}:
        if order != layer.order:
            yield Layer(layer.steps, order)
    yield Layer((*layer.steps, Step("more", "new")), layer.order)


def edited(lock: Lock, random: Random) -> Lock:
    """The lock with a few of its facts about layers and variables edited, each in all lines that say it."""
    tensors = list(lock.tensors)
    for _ in range(random.randint(1, 4)):
        layers = list({id(each.layer): each.layer for each in tensors if each.layer}.values())
        at = random.randrange(len(tensors))
        one, other = tensors[at], random.choice(tensors)
        how = random.randrange(4)
        if how == 0:
            tensors[at] = replace(one, variable=random.choice((other.variable, other.name.rpartition("/")[2])))
        elif how == 1:
            tensors[at] = replace(one, index=other.index, stored_as=other.stored_as)
        elif how == 2 or one.layer is None:
            tensors[at], there = replace(one, layer=other.layer), tensors.index(other)
            tensors[there] = replace(tensors[there], layer=one.layer)
        else:
            changed = random.choice(list(edits(one.layer, layers)))
            tensors = [replace(each, layer=changed) if each.layer is one.layer else each for each in tensors]
    return replace(lock, tensors=tuple(tensors))


def lock_from(tensors: Any) -> Lock:
    statistics = dict.fromkeys(LOCKED_STATISTICS, 0.0)
    locked: list[LockedTensor] = [locked_as(each, f"blake3:{'0' * 64}", statistics) for each in tensors.values()]
    return Lock("a", f"sha256:{'0' * 64}", "keras", MADE, tuple(locked))


@pytest.mark.parametrize("format", sorted(FORMATS))
def test_an_edit_never_makes_names_trade(format: str) -> None:
    """Against another file of its format, and names, an edited lock pairs a name with that name or leaves it open."""
    refused = read = 0
    for seed in range(30):
        random = Random(seed)
        tensors = saved(random_model(random), format, random).tensors
        if not tensors:
            continue
        lock = lock_from(tensors)
        parse_lock(lock_text(lock), "a")
        for _ in range(20):
            try:
                reference = weights_of(parse_lock(lock_text(edited(lock, random)), "a"), "a", Path("a")).tensors
            except UnreadableError:
                refused += 1
                continue
            read += 1
            pairing = pair(tensors, reference)
            crossed = {name for name in pairing.both if pairing.reference[name].name != name}
            if crossed:
                assert pairing.uncertain or pairing.only_candidate or pairing.only_reference, f"seed {seed}"
    assert refused > 100
    assert read > 100
