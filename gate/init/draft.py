"""One entry of the manifest for each model: what it is compared with, by which rules, and what is left to decide."""

import os
import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from gate.covering import covering
from gate.init.facts import Differences
from gate.init.group import Model
from gate.locks.naming import SUFFIX, lock_name
from gate.manifest.crosscheck import stem
from gate.manifest.yaml_writing import flow
from gate.tensors.weightset import Group

_CONTROL = re.compile("[\\x00-\\x1f\\x7f-\\x9f\\u2028\\u2029\\ud800-\\udfff]")
_ELSEWHERE = re.compile(r"(?:HEAD|origin)[:/~^]|git[:+@]|[A-Za-z][A-Za-z0-9+.-]*://")
_NOT_IN_A_REFERENCE = re.compile(r"[*?]")
_PLACEHOLDER = "PATH.py:FUNCTION"


@dataclass
class Entry:
    """One model as the manifest will have it. `keys` are in the order in which they are written."""

    model: Model
    keys: dict[str, Any] = field(default_factory=dict)
    rules: list[tuple[Mapping[str, Any], str]] = field(default_factory=list)
    """Each with why it is there."""
    decide: list[str] = field(default_factory=list)
    lock: Path | None = None
    """Where its lock is written."""


def nameable(path: Path) -> bool:
    """Whether a manifest, which is lines of text, can hold the path."""
    return not _CONTROL.search(str(path))


class Paths:
    """Paths as a manifest in `base` writes them."""

    def __init__(self, base: Path) -> None:
        self.base = base

    def shown(self, path: Path) -> str:
        """Relative, with slashes."""
        return os.path.relpath(path, self.base)

    def weights(self, path: Path) -> str:
        """As `weights:` has it, where `*`, `?` and `[` would begin a glob."""
        return re.sub(r"[*?\[]", r"[\g<0>]", self.shown(path))

    def reference(self, path: Path) -> str | None:
        """As `reference:` has it, where braces are placeholders; None for a path that cannot stand there."""
        shown = self.shown(path)
        if _NOT_IN_A_REFERENCE.search(shown):
            return None
        doubled = shown.replace("{", "{{").replace("}", "}}")
        return f"./{doubled}" if _ELSEWHERE.match(doubled) else doubled


def drafted(models: Sequence[Model], paths: Paths) -> list[Entry]:
    """Entries with their weights, and a name where the file's own is not enough."""
    entries = [Entry(model, {"weights": paths.weights(model.weights.path)}) for model in models]
    shown = [paths.shown(model.weights.path) for model in models]
    for entry, path, name in zip(entries, shown, _names(shown), strict=True):
        if name is not None and entry.keys["weights"] == path:  # with a glob there is no `name`
            entry.keys["name"] = name or entry.model.weights.stem
    return entries


def _names(shown: Sequence[str]) -> Iterator[str | None]:
    """What to call each model: nothing where its stem is its own, else as much of its path as tells it apart."""
    stems = Counter(stem(path) for path in shown)
    for path in shown:
        own = stem(path)
        if own and stems[own] == 1:
            yield None
            continue
        parts = PurePosixPath(path).parts
        alike = [PurePosixPath(other).parts for other in shown if other != path and stem(other) == own]
        length = next(
            (depth for depth in range(1, len(parts)) if all(parts[-depth:] != other[-depth:] for other in alike)),
            len(parts),
        )
        yield "/".join(parts[-length:])


def compare_with_locks(entries: Sequence[Entry], paths: Paths) -> None:
    """Gives each entry a lock beside its weights."""
    wished = Counter(_beside(entry, "{stem}", paths) for entry in entries)
    for entry in entries:
        placeholder = "{stem}" if wished[_beside(entry, "{stem}", paths)] == 1 else "{file}"
        entry.lock = _beside(entry, placeholder, paths)
        written = paths.reference(entry.lock)
        if written is None:
            folder = paths.reference(entry.lock.parent)
            if folder is None:
                entry.lock = paths.base / entry.lock.name
            written = os.path.normpath(f"{folder or '.'}/{placeholder}{SUFFIX}")
        entry.keys["reference"] = {"lock": written}


def _beside(entry: Entry, placeholder: str, paths: Paths) -> Path:
    """In the folder of the weights; where these are the manifest's own folder, in there."""
    path = entry.model.weights.path
    name = lock_name(path.name, by_stem=placeholder == "{stem}")
    return (paths.base if path == paths.base else path.parent) / name


def compare_with_golden(entry: Entry, found: Differences, paths: Paths) -> None:
    """Makes the golden file the reference, with rules for what differs from it today; says why where it cannot."""
    golden = entry.model.golden
    if golden is None:
        return
    written = paths.reference(golden.path)
    if found.why_not or written is None:
        why = found.why_not or "its name cannot stand in `reference`"
        entry.decide.append(f"{paths.shown(golden.path)} looks like its reference, and is not: {why}")
        return
    entry.keys["reference"] = written
    if found.differing:
        names = [each.name for each in entry.model.weights.weights]
        _rules(entry, found.differing, "changed", "what differs from the reference today")
        entry.decide.append(
            f"{len(found.differing)} of {len(names)} tensors differ from the reference today. Is `changed`, never the "
            "same, what you ask of them? Or a `tolerance`, `statistics`, `predictions`?"
        )


def freeze(entry: Entry, found: Differences) -> None:
    """A rule for what the file's architecture does not train, where there is something to hold it against."""
    weights = entry.model.weights
    if "reference" not in entry.keys or not weights.frozen:
        return
    names = [each.name for each in weights.weights]
    differing = set(found.differing)
    still = [name for name in names if name in weights.frozen and name not in differing]
    if still:
        _rules(entry, still, "identical", "`trainable: false` in the file")
    if len(still) < len(weights.frozen):
        entry.decide.append("of what the file calls `trainable: false`, some differs from the reference")


def _rules(entry: Entry, names: Collection[str], expect: str, why: str) -> None:
    """Rules for these weights and no others, with the reason beside the first."""
    meant = frozenset(names)
    others = [each.name for each in entry.model.weights.weights if each.name not in meant]
    for number, glob in enumerate(covering(names, others)):
        entry.rules.append(({"match": glob, "expect": expect}, why if number == 0 else ""))


def ask(entry: Entry, everything: Sequence[Model], paths: Paths, builders: Sequence[tuple[Path, str]] = ()) -> None:
    """What the files say that somebody has to decide. `builders` are functions that may build a model."""
    model = entry.model
    weights = model.weights
    if model.same:
        same = ", ".join(paths.shown(each.path) for each in model.same)
        entry.decide.append(
            f"{same}: the same tensors. To keep it so: an entry with `reference: {paths.shown(weights.path)}`"
        )
    if model.steps:
        steps = [paths.shown(each.path) for each in model.steps]
        listed = ", ".join(steps) if len(steps) < 4 else f"{steps[0]} … {steps[-1]} ({len(steps)})"
        entry.decide.append(f"not judged, since this is the latest: {listed}")
    if not weights.alone:
        entry.decide.append(_loading(model, everything, paths, builders))
    optimizer = weights.count(Group.OPTIMIZER)
    if optimizer:
        entry.decide.append(
            f"{optimizer} tensors of the optimizer's state are listed and not compared: "
            "`groups: {optimizer: compare}` compares them"
        )


def _loading(model: Model, everything: Sequence[Model], paths: Paths, builders: Sequence[tuple[Path, str]]) -> str:
    weights = model.weights
    if weights.format in ("npz", "safetensors"):
        return "nothing loads a file of arrays, so it is read as data: is this the file that is served?"
    whole = [
        each.weights.path
        for each in everything
        if each is not model and each.weights.format == "keras" and each.weights.kinds == weights.kinds
    ]
    told = "weights alone are read as data and not loaded. To prove that they load, add what builds the model: "
    if whole:
        return f"{told}`{flow({'architecture': {'keras': paths.shown(whole[0])}})[1:-1]}`"
    code = next((f"{paths.shown(path)}:{name}" for path, name in builders if nameable(path)), _PLACEHOLDER)
    return (
        f"{told}`{flow({'architecture': {'code': code}})[1:-1]}`. Code of the repository runs only by "
        "`weight-gate check --allow-code`, in the workflow by `with: {allow-code: true}`"
    )
