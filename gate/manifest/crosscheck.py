"""What keys of a manifest mean together. Plain functions over mappings: of validated models, or of what was written.

They take the keys that were written. Where a value may be of any type, because it comes from a manifest with other
problems, they look no further than what they understand, so that all problems of a manifest are found at once.
"""

import posixpath
import re
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from gate.manifest import values
from gate.manifest.fields import DTYPES, STATISTICS
from gate.manifest.text import Path, listed, quoted
from gate.path_globs import is_glob

# Where in the mapping, and what is wrong.
Problem = tuple[Path, str]

OF_THE_REFERENCE = ("close", "identical", "changed", "any", "new", "removed")
SAYING = ("expect", "tolerance", "nan", "inf", "shape", "dtype", "values", *STATISTICS)
_WAIVERS = "`expect: ignored`, `expect: any`, `nan: allowed`, `inf: allowed`, `tolerance`"
_OF_A_REFERENCE: Mapping[str, tuple[str, ...]] = {
    "file": (),
    "lock": (),
    "git": ("path", "missing", "removed"),
    "url": ("sha256",),
}
_NOT_NEGATIVE = ("std", "norm", "sparsity")


def stem(path: str) -> str:
    """The last part of `path` up to its first dot, leading dots left out; empty where there is none."""
    return posixpath.basename(posixpath.normpath(path)).lstrip(".").split(".")[0]


def statistic_expectation(said: Mapping[str, Any]) -> Iterator[Problem]:
    """One of value, at_least, at_most, that do not contradict one another."""
    if not {"value", "at_least", "at_most"} & said.keys():
        yield (), "expects nothing: give value, at_least or at_most"
        return
    if "value" not in said:
        for key in ("rtol", "atol"):
            if key in said:
                yield (key,), f"{key} belongs to a value: at_least and at_most are exact"
    low, value, high = (real(said.get(key)) for key in ("at_least", "value", "at_most"))
    if low is not None and high is not None and low > high:
        yield ("at_most",), "no number holds: at_most is less than at_least"
    elif value is not None and ((low is not None and value < low) or (high is not None and value > high)):
        yield ("value",), "no number holds: value is not within at_least and at_most"


def statistic_threshold(said: Mapping[str, Any]) -> Iterator[Problem]:
    """One of rtol and atol at least."""
    if not {"rtol", "atol"} & said.keys():
        yield (), "expects nothing: give atol, rtol or both"


def statistics(said: Mapping[str, Any]) -> Iterator[Problem]:
    """One statistic at least."""
    if not said:
        yield (), f"compares nothing: give one of {listed(STATISTICS)}"


def name_rule(said: Mapping[str, Any]) -> Iterator[Problem]:
    """A template that fits the regular expression."""
    pattern, template = said.get("from"), said.get("to")
    if isinstance(pattern, str) and isinstance(template, str):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                compiled = re.compile(pattern)
        except (re.error, RecursionError, OverflowError):
            return  # said where `from` is read
        try:
            compiled.sub(template, "")
        except (re.error, IndexError) as error:
            yield ("to",), f"{quoted(template)} does not fit the regular expression: {error}"


def tensor_rule(said: Mapping[str, Any]) -> Iterator[Problem]:
    """A rule that says something, and nothing that contradicts itself."""
    expect = said.get("expect")
    if not any(key in said for key in SAYING):
        yield (), f"says nothing of the tensors it matches: give one of {listed(SAYING)}"
        return
    if expect == "ignored" and "reason" not in said:
        yield ("expect",), "ignored needs a reason: say why the tensor is not checked"
    if expect in ("ignored", "removed"):
        why = "is not looked at" if expect == "ignored" else "is not in the file"
        for key in SAYING[1:]:
            if key in said:
                yield (key,), f"{key} has no meaning with `expect: {expect}`: such a tensor {why}"
        if "until" in said and expect == "removed":
            yield from _until(said)
        return
    if expect == "identical" and "tolerance" in said:
        yield ("tolerance",), "identical is bit for bit and has no tolerance: remove one of the two"
    yield from _until(said)
    yield from _values(said)
    yield from _statistics(said)


def _until(said: Mapping[str, Any]) -> Iterator[Problem]:
    if "until" not in said:
        return
    # After its day a rule is gone. Where it demanded something, the gate would then silently ask for less.
    demands = [key for key in SAYING if key in said and key != "tolerance" and said[key] not in ("allowed", "any")]
    if demands:
        lost = f"{listed(demands, 'and')} would no longer be asked for after that day"
        yield ("until",), f"is for rules that waive something ({_WAIVERS}): {lost}"
    elif "reason" not in said:
        yield ("until",), "a waiver needs a reason: say why it is there"


def _values(said: Mapping[str, Any]) -> Iterator[Problem]:
    if "values" not in said:
        return
    try:
        shape = values.shape_of(values.checked_values(said["values"]))
    except ValueError:
        return  # said where `values` is read
    declared = said.get("shape")
    if (
        isinstance(declared, list | tuple)
        and all(type(size) is int for size in declared)
        and list(declared) != list(shape)
    ):
        yield ("values",), f"the values have the shape {list(shape)}, but `shape` says something else"
    dtype = said.get("dtype")
    if isinstance(dtype, str) and dtype in DTYPES and (why := values.unfit(said["values"], dtype)):
        yield ("values",), why


def _statistics(said: Mapping[str, Any]) -> Iterator[Problem]:
    for key in STATISTICS:
        if key not in said:
            continue
        if said.get("dtype") in ("string", "complex64", "complex128"):
            yield (key,), f"statistics need real numbers, not {said['dtype']}"
        if key in _NOT_NEGATIVE:
            for bound, number in _bounds(said[key]):
                if number < 0:
                    yield (key, bound), f"{key} is never negative"
                elif key == "sparsity" and number > 1:
                    yield (key, bound), "sparsity is a share from 0 to 1, not a percentage"


def _bounds(entry: Any) -> Iterator[tuple[str, float]]:
    said = {"value": entry} if real(entry) is not None else keys_in(entry)
    for key in ("value", "at_least", "at_most"):
        if (number := real(said.get(key))) is not None:
            yield key, number


def model_entry(said: Mapping[str, Any]) -> Iterator[Problem]:
    """What needs a reference has one; what is of one file has no glob."""
    weights = said.get("weights")
    if isinstance(weights, str):
        yield from _of_one_file(said, weights)
    if "reference" not in said:
        yield from _needs_reference(said)


def _of_one_file(said: Mapping[str, Any], weights: str) -> Iterator[Problem]:
    kind, of_reference = source(said.get("reference"))
    file = of_reference.get("file")
    reference = posixpath.normpath(file) if isinstance(file, str) else None
    if is_glob(weights):
        for key, what in (("name", "is called by its own name"), ("digest", "has its own digest")):
            if key in said:
                yield (key,), f"`weights` is a glob, and each file that matches {what}: remove one of the two"
        if kind == "url":
            yield ("reference",), "`weights` is a glob, and the digest of one file cannot be that of each: remove one"
        beside = posixpath.join(posixpath.dirname(posixpath.normpath(weights)), "{file}")
        same = reference == beside
    else:
        if "name" not in said and not stem(weights):
            yield ("weights",), f"no name can be taken from {quoted(weights)}: give a `name`"
        if kind == "git" and of_reference.get("removed"):
            yield ("reference", "removed"), "`weights` is no glob: nothing of it can be removed but the whole entry"
        same = reference == posixpath.normpath(weights)
    if same:
        yield ("reference",), "is the weight file itself: comparing a file with itself proves nothing"


def _needs_reference(said: Mapping[str, Any]) -> Iterator[Problem]:
    for key in ("names", "statistics"):
        if key in said:
            yield (key,), "needs a `reference`, and this model has none"
    rules = said.get("tensors")
    rules = [keys_in(rule) for rule in entries_in(rules)]
    inline = any(key in rule for rule in rules for key in ("values", *STATISTICS))
    for index, rule in enumerate(rules):
        expect = rule.get("expect")
        if isinstance(expect, str) and expect in OF_THE_REFERENCE:
            yield ("tensors", index, "expect"), f"{expect} needs a `reference`, and this model has none"
        if "tolerance" in rule and not inline:
            yield (
                ("tensors", index, "tolerance"),
                "compares nothing: this model has neither a `reference` nor a rule with `values` or statistics",
            )


def reference(said: Mapping[str, Any]) -> Iterator[Problem]:
    """One source, and only keys of that source."""
    sources = [key for key in _OF_A_REFERENCE if key in said]
    if not sources:
        yield (), f"names no source: give {listed(list(_OF_A_REFERENCE))}"
        return
    if len(sources) > 1:
        yield (), f"has several sources: leave one of {listed(sources, 'and')}"
        return
    for source, keys in _OF_A_REFERENCE.items():
        for key in keys:
            if key in said and source != sources[0]:
                yield (key,), f"{key} belongs to a reference from {source}"
    if sources == ["url"] and "sha256" not in said:
        yield (), "needs `sha256`: what lies at an address can change without a word"


def source(reference: Any) -> tuple[str, Mapping[str, Any]]:
    """Where a reference comes from, `file`, `lock`, `git` or `url`, or nowhere, and what is said of it."""
    if isinstance(reference, str):
        return "file", {"file": reference}
    said = keys_in(reference)
    return next((key for key in _OF_A_REFERENCE if key in said), ""), said


def manifest(said: Mapping[str, Any]) -> Iterator[Problem]:
    """No two models of one name."""
    first: dict[str, int] = {}
    models = said.get("models")
    for index, entry in enumerate(entries_in(models)):
        model = keys_in(entry)
        name, weights = model.get("name"), model.get("weights")
        key = "name"
        if name is None and isinstance(weights, str) and not is_glob(weights):
            name, key = stem(weights), "weights"
        if not isinstance(name, str) or not name:
            continue
        if name in first:
            yield (
                ("models", index, key),
                f"models[{first[name]}] is called {quoted(name)} too: give each model a `name` of its own",
            )
        first.setdefault(name, index)


def keys_in(entry: Any) -> Mapping[str, Any]:
    """The keys that were written in `entry`, validated or not; none where it is no mapping."""
    if isinstance(entry, Mapping):
        return entry
    said: Iterable[tuple[str, Any]] = entry.said() if hasattr(entry, "said") else ()
    return {key: value for key, value in said if value is not None}


def entries_in(entries: Any) -> Sequence[Any]:
    """The entries of a list, validated or not; none where it is no list."""
    return entries if isinstance(entries, list | tuple) else ()


def real(value: Any) -> float | None:
    """`value` where it is a number."""
    return value if type(value) in (int, float) else None
