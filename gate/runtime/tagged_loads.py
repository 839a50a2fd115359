"""Which tensor of a file lands in which variable: tagged copies are loaded, and what each variable then holds is read.

`gate.runtime.tags` says what is filled in and what it means, `gate.runtime.tagged_copy` fills it in.
"""

from collections.abc import Callable, Mapping
from typing import Any

from gate.checks.evidence import Landing, NotLoaded
from gate.errors import GateError
from gate.runtime import dump
from gate.runtime.artifact import Artifact
from gate.runtime.homes import aligned
from gate.runtime.loaders.interface import How
from gate.runtime.scratch import remove
from gate.runtime.session import Session, believed
from gate.runtime.tags import Codebook, Seen
from gate.tensors.weightset import Tensor, WeightSet


def landings(
    artifact: Artifact, how: How, tensors: Mapping[str, Tensor], variables: WeightSet, fresh: Callable[[], Session]
) -> dict[str, Landing]:
    """What landed in each of `variables`, those of the real load.

    `fresh` gives a process in which nothing was loaded: one for all rounds, or where code runs one for each, since a
    second build in a process may call its layers otherwise. Raises `NotLoaded` where each build is another model.
    """
    codebook = Codebook([each.dtype for each in tensors.values()], [each.dtype for each in variables])
    rounds: list[list[Mapping[str, Any]]] = []
    listed: list[Mapping[str, Any]] = []
    every = list(range(codebook.rounds))
    for numbers in [[number] for number in every] if how.runs_code else [every]:
        found = _loaded(fresh(), artifact, how, tensors, variables, numbers)
        listed = _told(found, "variables")
        rounds += _told(found, "rounds")
    if not all(isinstance(each, list) for each in rounds):
        raise _senseless()
    if any(len(each) != len(listed) for each in rounds):
        counts = ", ".join(str(len(each)) for each in rounds)
        raise NotLoaded(
            f"the model is not the same each time it is built: {counts} variables",
            "have the code build one model, whatever was built before",
        )
    with believed("the tagged copy"):
        tagged = dump.variables(listed, None, "the tagged copy", artifact.path)
    names = list(tensors)
    places = {name: place for place, name in enumerate(tagged.tensors)}
    landed = {}
    for name, other in aligned(variables.tensors, tagged.tensors).items():
        words = [_seen(each[places[other]]) for each in rounds]
        index = codebook.decode([Seen(value, mixed) for value, mixed, _ in words])
        parts = codebook.parts([parts for _, _, parts in words]) if index is None else ()
        landed[name] = Landing(None if index is None else names[index], tuple(names[part] for part in parts))
    return landed


def _loaded(
    session: Session,
    artifact: Artifact,
    how: How,
    tensors: Mapping[str, Tensor],
    variables: WeightSet,
    rounds: list[int],
) -> dict[str, Any]:
    target = session.folder / "tagged"
    artifact.neighbours(target)
    try:
        return session.ask(
            "tagged",
            "load tagged copies",
            how=vars(how),
            format=artifact.format,
            files=[str(file) for file in artifact.files],
            keys=[tensor.stored_as for tensor in tensors.values()],
            dtypes=[tensor.dtype.name for tensor in tensors.values()],
            through=[tensor.dtype.name for tensor in variables],
            target=str(target),
            as_folder=artifact.as_folder,
            rounds=rounds,
            sentinel=how.in_place,
        )
    finally:
        remove(target)


def _told(answer: Mapping[str, Any], key: str) -> list[Any]:
    found = answer.get(key)
    if not isinstance(found, list):
        raise _senseless()
    return found


def _seen(said: Mapping[str, Any]) -> tuple[int | float | None, bool, tuple[int | float, ...]]:
    try:
        value, mixed, parts = said["value"], said["mixed"], said["parts"]
    except (KeyError, TypeError) as error:
        raise _senseless() from error
    if not isinstance(value, int | float | None) or not isinstance(parts, list):
        raise _senseless()
    return value, bool(mixed), tuple(part for part in parts if isinstance(part, int | float))


def _senseless() -> GateError:
    return GateError("the process that loads it gave an answer that makes no sense", "see what its code prints")
