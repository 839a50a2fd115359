"""How a file is loaded: what it is, and what the manifest says of it, decide."""

from pathlib import Path

from gate.asked import Architecture, Code, Loading
from gate.errors import GateError
from gate.runtime.loaders.interface import How
from gate.tensors.weightset import Group, WeightSet

_WHOLE = {"keras": "keras", "h5": "keras", "saved_model": "saved_model", "checkpoint": "saver"}
_INTO_ARCHITECTURE = {
    "keras": "weights", "weights.h5": "weights", "weights.json": "weights", "h5": "weights", "checkpoint": "checkpoint",
}  # fmt: skip
_ADD = {
    "checkpoint": "add `architecture:` (what builds the model), or keep the .meta file of a TF1 checkpoint beside it",
    "npz": "nothing loads a file of arrays: name the file that is served",
    "safetensors": "nothing loads it: name the file that is served",
}
_ADD_ARCHITECTURE = "add `architecture:`, what builds the model that it is loaded into"


def way_of(weights: WeightSet, loading: Loading, groups: frozenset[Group]) -> How | str:
    """How to load the file; where it cannot be loaded on its own, what to add to the manifest.

    Raises `GateError` where the manifest asks for what this kind of file cannot have.
    """
    optimizer = Group.OPTIMIZER in groups
    if loading.code is not None:
        return How("code", code=_pair(loading.code))
    if loading.architecture is not None:
        way = _INTO_ARCHITECTURE.get(weights.format)
        if way is None:
            raise GateError(
                f"a file of format {weights.format} is not loaded into an architecture",
                "remove `architecture`, or load it by `load: {code: …}`",
            )
        return How(way, _said(loading.architecture), compile=optimizer, partial=bool(loading.partial))
    if not weights.alone:
        return _ADD.get(weights.format, _ADD_ARCHITECTURE)
    way = _WHOLE[weights.format]
    if loading.tf_keras:
        if way != "keras":
            raise GateError(f"tf-keras does not load a file of format {weights.format}", "remove `load: {keras: 2}`")
        way = "tf_keras"
    return How(way, compile=optimizer)


def way_of_saved(format: str, how: How, original: Path, own_format: str) -> How:
    """How to load what a loaded model was saved as."""
    whole = {"keras": "keras", "h5": "keras", "saved_model": "saved_model"}
    if how.way == "tf_keras" and format in {"keras", "h5"}:
        return How("tf_keras")
    if format == "checkpoint" and how.way == "saver":
        return How("saver")
    if how.in_place and format == own_format:
        return How("weights" if format != "checkpoint" else "checkpoint", how.architecture)
    if format in whole:
        imports = tuple(how.architecture["code"][:1]) if "code" in how.architecture else tuple(how.code[:1])
        return How(whole[format], imports=imports)
    architecture = how.architecture or ({"keras": str(original)} if how.way == "keras" else {})
    if not architecture:
        raise GateError(
            f"what is saved as {format} cannot be loaded again without an `architecture`",
            f"take {format} out of `roundtrip`, or add `architecture`",
        )
    return How("checkpoint" if format == "checkpoint" else "weights", architecture)


def _said(architecture: Architecture) -> dict[str, object]:
    if architecture.code is not None:
        return {"code": _pair(architecture.code)}
    if architecture.keras is not None:
        return {"keras": str(architecture.keras)}
    return {"json": str(architecture.json)}


def _pair(code: Code) -> tuple[str, str]:
    return (str(code.file), code.function)
