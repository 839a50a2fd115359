"""What keys about loading mean together. Like `gate.manifest.crosscheck`: plain functions over what was written."""

from collections.abc import Iterator, Mapping
from typing import Any

from gate.manifest.crosscheck import Problem, entries_in, keys_in, real, source
from gate.manifest.fields import REFERENCE_WORD
from gate.manifest.text import found, listed

# What is asked of outputs by comparing them with the expected ones.
COMPARING = ("tolerance", "agreement", "cosine", "difference")
OF_RANDOM_INPUTS = ("seed", "samples")
_NO_REFERENCE = "needs a `reference`, and this model has none"
_ONLY_A_LOCK = (
    "needs a reference that can be loaded, and a lock holds no values: give a file of golden outputs under `expected`, "
    "or another reference"
)


def architecture(said: Mapping[str, Any]) -> Iterator[Problem]:
    """One thing that builds the model."""
    return _exactly_one(said, ("code", "keras", "json"), "builds nothing")


def load(said: Mapping[str, Any]) -> Iterator[Problem]:
    """One thing that loads the file."""
    return _exactly_one(said, ("code", "keras"), "loads nothing")


def _exactly_one(said: Mapping[str, Any], keys: tuple[str, ...], nothing: str) -> Iterator[Problem]:
    given = [key for key in keys if key in said]
    if not given:
        yield (), f"{nothing}: give {listed(keys)}"
    for key in given[1:]:
        yield (key,), f"{given[0]} is given too: remove one of the two"


def restore(said: Mapping[str, Any]) -> Iterator[Problem]:
    """An exception at least."""
    if not {"waive", "partial"} & said.keys():
        yield (), "says nothing: give waive, partial or both"


def agreement(said: Mapping[str, Any]) -> Iterator[Problem]:
    """Numbers that belong to the metric."""
    name = said.get("metric")
    for key, owner in (("k", "topk"), ("threshold", "threshold")):
        if key in said and isinstance(name, str) and name != owner:
            yield (key,), f"{key} belongs to `metric: {owner}`"

    if real(said.get("at_least")) == 0:
        yield ("at_least",), "0 always holds: give the share that has to agree"


def cosine(said: Mapping[str, Any]) -> Iterator[Problem]:
    """A bound that can be missed."""
    if real(said.get("at_least")) == -1:
        yield ("at_least",), "-1 always holds: give the cosine that has to be reached"


def quantile(said: Mapping[str, Any]) -> Iterator[Problem]:
    """A quantile of more than the smallest difference."""
    if real(said.get("q")) == 0:
        yield ("q",), "0 is the smallest difference alone: give the share of elements that has to be within at_most"


def difference(said: Mapping[str, Any]) -> Iterator[Problem]:
    """One bound at least."""
    if not {"max", "mean", "quantile"} & said.keys():
        yield (), "compares nothing: give one of max, mean or quantile"


def metric(said: Mapping[str, Any]) -> Iterator[Problem]:
    """One bound at least, and bounds that some number meets."""
    if not {"at_least", "at_most", "max_drop"} & said.keys():
        yield (), "compares nothing: give one of at_least, at_most or max_drop"
    low, high = real(said.get("at_least")), real(said.get("at_most"))
    if low is not None and high is not None and low > high:
        yield ("at_most",), "no number holds: at_most is less than at_least"


def prediction(said: Mapping[str, Any]) -> Iterator[Problem]:
    """Something that is asked of the outputs, and what it needs."""
    comparing = [key for key in COMPARING if key in said]
    if "expected" not in said:
        for key in comparing:
            yield (key,), f"needs `expected`: what the outputs are compared with, {REFERENCE_WORD} or a file"
        if not comparing and "metric" not in said:
            yield (), "compares nothing: give expected, metric or both"
    if "inputs" in said:
        for key in OF_RANDOM_INPUTS:
            if key in said:
                yield (key,), f"{key} is of random inputs, and these come from a file: remove one of the two"
    elif "metric" in said:
        yield ("metric",), "needs `inputs`: labels come from that file"
    yield from _distinct(said, "outputs")


def model_entry(said: Mapping[str, Any]) -> Iterator[Problem]:
    """Nothing that needs loading without loading, and nothing of the reference without one."""
    yield from _distinct(said, "roundtrip")
    loading = said.get("load")
    if loading is False:
        for key in ("architecture", "restore", "roundtrip", "predictions"):
            if key in said and said[key] is not False:
                yield (key,), "needs loading, and `load: false` says that the file is not loaded: remove one of the two"
    else:
        yield from _one_builder(said, own_loader="code" in keys_in(loading))
    if "reference" not in said:
        yield from _needs_reference(said, _NO_REFERENCE)
    elif source(said["reference"])[0] == "lock":
        yield from _needs_reference(said, _ONLY_A_LOCK)


def _one_builder(said: Mapping[str, Any], *, own_loader: bool) -> Iterator[Problem]:
    itself = "`load: {code: …}` builds the model itself: remove one of the two"
    if "architecture" in said and own_loader:
        yield ("architecture",), itself
    elif "architecture" not in said and "partial" in keys_in(said.get("restore")):
        why = f"and {itself}" if own_loader else "which builds what does not come from the file"
        yield ("restore", "partial"), f"needs an `architecture`, {why}"


def _needs_reference(said: Mapping[str, Any], why: str) -> Iterator[Problem]:
    for index, entry in enumerate(map(keys_in, entries_in(said.get("predictions")))):
        if entry.get("expected") == REFERENCE_WORD:
            yield ("predictions", index, "expected"), f"{REFERENCE_WORD} {why}"
        if "max_drop" in keys_in(entry.get("metric")):
            yield ("predictions", index, "metric", "max_drop"), f"max_drop {why}"


def _distinct(said: Mapping[str, Any], key: str) -> Iterator[Problem]:
    words = entries_in(said.get(key))
    for index, word in enumerate(words):
        if isinstance(word, str) and word in words[:index]:
            yield (key, index), f"{found(word)} is given twice: remove one of the two"
