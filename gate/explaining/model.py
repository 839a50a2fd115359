"""One model of a manifest, explained: the plan as `check` would carry it out, line by line."""

from collections.abc import Sequence
from contextlib import ExitStack

from gate.errors import UsageError
from gate.explaining.checks import Asked, groups, made, not_made
from gate.explaining.choose import advice, tensors_called
from gate.explaining.lines import Lines
from gate.explaining.loading import loading, unloadable
from gate.explaining.opened import Opened, opened
from gate.explaining.reference import file_said, reference_said, renames
from gate.explaining.rules import shares
from gate.explaining.said import ModelExplained, TensorExplained
from gate.explaining.tensors import explain_tensor, hidden_tensor
from gate.explaining.waivers import policy, waivers
from gate.manifest import LoadedManifest
from gate.plan import ModelPlan
from gate.references.interface import Sources
from gate.tensors.weightset import Tensor


def explain_model(
    loaded: LoadedManifest, plan: ModelPlan, sources: Sources, words: Sequence[str] = ()
) -> ModelExplained:
    """What is asked of a model, and of the tensors that `words` mean, names or globs.

    Raises `UsageError` for a glob that makes no sense.
    """
    lines = Lines(loaded, plan)
    with ExitStack() as files:
        found = opened(plan, sources, files)
        names = _names(found)
        add, trouble = unloadable(found.plan, found.candidate)
        asked = Asked(found.plan, lines, add)
        tensors, unknown = _tensors(found, lines, words, names)
        rules, unruled = shares(found.plan.rules, names, complete=not found.reference_unknown)
        return ModelExplained(
            name=plan.name,
            weights=plan.weights,
            position=plan.positions.get("weights"),
            files=(
                file_said(plan, found.candidate),
                reference_said(plan, found, lines),
                *renames(found.plan),
                *groups(asked),
            ),
            made=tuple(made(asked)),
            not_made=tuple(not_made(asked)),
            loading=tuple(loading(found.plan, found.candidate, lines, add)),
            waivers=tuple(waivers(plan)),
            policy=tuple(policy(loaded.manifest.policy, lines)),
            rules=rules,
            unruled=unruled,
            tensors=tensors,
            troubles=(*found.troubles, *([trouble] if trouble else ())),
            unknown=unknown,
        )


def _names(found: Opened) -> tuple[str, ...] | None:
    """The names that rules are matched against; of the file alone where the reference is not here."""
    if found.subject is not None:
        return found.subject.pairing.names
    if found.candidate is None:
        return None
    return tuple(tensor.name for tensor in found.candidate if tensor.group in found.plan.groups)


def _tensors(
    found: Opened, lines: Lines, words: Sequence[str], names: Sequence[str] | None
) -> tuple[tuple[TensorExplained, ...], dict[str, UsageError]]:
    """The tensors that `words` mean, each once; and the words that mean none."""
    hidden = _hidden(found)
    alone = found.candidate.tensors if found.candidate else {}
    explained: dict[str, TensorExplained] = {}
    unknown: dict[str, UsageError] = {}
    for word in words:
        # What a rule says of a name can be told without the file.
        called = tensors_called(word, (word,) if names is None else names)
        aside = tensors_called(word, hidden)
        if not called and not aside:
            known = [*(names or ()), *hidden]
            reason = f"{found.plan.weights} has no tensor {word}"
            unknown[word] = UsageError(reason, advice(word, known, "its tensors are"))
        for name in called:
            tensor = explain_tensor(name, found.plan, found.subject, lines, alone.get(name))
            explained.setdefault(name, tensor)
        for name in aside:
            explained.setdefault(name, hidden_tensor(*hidden[name], lines))
    return tuple(explained.values()), unknown


def _hidden(found: Opened) -> dict[str, tuple[Tensor, str]]:
    """The tensors of groups that are not compared, and which file has them."""
    sides = ((found.reference, "reference"), (found.candidate, "file"))
    return {
        tensor.name: (tensor, side)
        for weights, side in sides
        for tensor in weights or ()
        if tensor.group not in found.plan.groups
    }
