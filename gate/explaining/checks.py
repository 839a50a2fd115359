"""Which checks a model gets and what asks for each; which it does not get, and what to add for it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from gate.checks import CHECKS
from gate.explaining.lines import Lines
from gate.explaining.said import Said
from gate.plan import ModelPlan
from gate.position import Position
from gate.run import LOADING_CHECKS, MUTATIONS, READ
from gate.tensors.rules import Expect, Rule
from gate.tensors.weightset import Group
from gate.wording import counted

_AFTER_LOADING = (Expect.IDENTICAL, Expect.CHANGED)


@dataclass(frozen=True)
class Asked:
    """What speaks of a check: the plan, and where its manifest says so. `unloadable` is why nothing is loaded."""

    plan: ModelPlan
    lines: Lines
    unloadable: str = ""

    def first(self, speaks: Callable[[Rule], object]) -> Rule:
        """The first rule that says such a thing; there is one, where a check is made for it."""
        return next(rule for rule in self.plan.rules.all if speaks(rule))


def made(asked: Asked) -> Iterator[Said]:
    """The checks that are made, in their order."""
    weights = asked.plan.positions.get("weights")
    yield Said(READ, "the file is opened, and its reference: always", weights)
    for check in asked.plan.checks:
        if check in LOADING_CHECKS and asked.unloadable:
            continue
        text, position = _WHY[check](asked)
        yield Said(check, text, position)


def not_made(asked: Asked) -> Iterator[Said]:
    """The others, each with what to add."""
    for check in (*CHECKS, MUTATIONS):
        if check in LOADING_CHECKS and asked.unloadable:
            yield Said(check, f"the file is not loaded: {asked.unloadable}")
        elif check not in asked.plan.checks:
            text, position = _NOT[check](asked)
            yield Said(check, text, position)


Why = tuple[str, Position | None]


def _rules(asked: Asked) -> Why:
    rules = len(asked.plan.rules.all)
    if not rules and len(asked.plan.groups) > 1:
        return "`groups` is said: each group that is compared has to be there", asked.lines.of("groups")
    if not rules:
        return "a waiver of `restore` has ended", asked.lines.of("restore")
    return f"{counted(rules, 'rule')}: each has to match a tensor", asked.lines.of("tensors")


def _digest(asked: Asked) -> Why:
    return f"the file is pinned: {asked.plan.digest}", asked.lines.of("digest")


def _structure(asked: Asked) -> Why:
    if asked.plan.reference is not None:
        return "names, shapes and dtypes are the reference's, both ways", asked.lines.of("reference")
    rule = asked.first(lambda each: each.shape is not None or each.dtype)
    at = asked.lines.rule(rule, "shape" if rule.shape is not None else "dtype")
    return "a rule says which shape or dtype", at


def _finite(asked: Asked) -> Why:
    return "no NaN and no infinity but where a rule allows it: always", asked.plan.positions.get("weights")


def _values(asked: Asked) -> Why:
    if asked.plan.reference is not None:
        return "every value is held against the reference's, as its rule says", asked.lines.of("reference")
    rule = asked.first(lambda each: each.values is not None)
    return "a rule gives `values`", asked.lines.rule(rule, "values")


def _statistics(asked: Asked) -> Why:
    if asked.plan.thresholds:
        return f"{', '.join(asked.plan.thresholds)} of each tensor against the reference's", asked.lines.of(
            "statistics"
        )
    rule = asked.first(lambda each: each.statistics)
    key = next(iter(rule.statistics))
    return f"a rule gives the {key} of a tensor", asked.lines.rule(rule, key)


def _restore(asked: Asked) -> Why:
    key = asked.plan.loading.asked if asked.plan.loading else ""
    if key:
        return f"the model is loaded, since `{key}` asks for it: every tensor has to arrive", asked.lines.of(key)
    return "the model is loaded, as every one that can be is: every tensor has to arrive", None


def _roundtrip(asked: Asked) -> Why:
    formats = asked.plan.loading.roundtrip if asked.plan.loading else None
    if formats is None:
        return "saved in the file's own format and loaded again, it is the same model: always where it is loaded", None
    return f"saved as {', '.join(formats)} and loaded again, it is the same model", asked.lines.of("roundtrip")


def _loaded_values(asked: Asked) -> Why:
    rule = asked.first(lambda each: each.expect in _AFTER_LOADING)
    return f"what a rule says is {rule.expect} is so after loading too", asked.lines.rule(rule, "expect")


def _predictions(asked: Asked) -> Why:
    count = len(asked.plan.loading.predictions) if asked.plan.loading else 0
    return f"{counted(count, 'set')} of inputs: the outputs have to be as they are expected", asked.lines.of(
        "predictions"
    )


def _mutations(asked: Asked) -> Why:
    score = asked.plan.mutation_score
    text = f"the manifest has to catch {score:.4g} of the copies that are damaged" if score is not None else ""
    return text, asked.lines.top("policy", "mutation_score")


_WHY: Mapping[str, Callable[[Asked], Why]] = {
    "rules": _rules,
    "digest": _digest,
    "structure": _structure,
    "finite": _finite,
    "values": _values,
    "statistics": _statistics,
    "restore": _restore,
    "roundtrip": _roundtrip,
    "loaded-values": _loaded_values,
    "predictions": _predictions,
    MUTATIONS: _mutations,
}


def _add(text: str) -> Callable[[Asked], Why]:
    return lambda asked: (text, None)  # noqa: ARG005 - one signature for all


def _add_loaded(text: str) -> Callable[[Asked], Why]:
    """For checks of a loaded model: where nothing is loaded, that is what to change."""

    def why(asked: Asked) -> Why:
        if asked.plan.loading is None:
            return "`load: false` says that the file is read as data only: remove it", asked.lines.of("load")
        return text, None

    return why


def _no_roundtrip(asked: Asked) -> Why:
    if asked.plan.loading is None:
        return _add_loaded("")(asked)
    return "`roundtrip: false` says so: remove it", asked.lines.of("roundtrip")


_NOT: Mapping[str, Callable[[Asked], Why]] = {
    "rules": _add("there is no rule that could match nothing: add `tensors:`"),
    "digest": _add("the file is not pinned: add `digest: sha256:…`"),
    "structure": _add("add a `reference`, or a rule with `shape` or `dtype`"),
    "finite": _add("every file gets it"),
    "values": _add("values are compared with nothing: add a `reference`, or a rule with `values`"),
    "statistics": _add(
        "add `statistics: {mean: 1e-3}` beside a reference, or a rule like `mean: {value: 0, atol: 0.1}`"
    ),
    "restore": _add_loaded(""),
    "roundtrip": _no_roundtrip,
    "loaded-values": _add_loaded("add a rule with `expect: identical` or `expect: changed`"),
    "predictions": _add_loaded("add `predictions:` with `inputs`, and what the model has to give for them"),
    MUTATIONS: _add("add `policy: {mutation_score: 0.95}`; `weight-gate mutate` shows what the manifest would catch"),
}


def known() -> Sequence[str]:
    """The checks that this module has words for."""
    return [check for check in _WHY if check in _NOT]


def groups(asked: Asked) -> Iterator[Said]:
    """Which tensors beside the weights are compared."""
    compared = [group for group in Group if group in asked.plan.groups]
    others = [group for group in Group if group not in asked.plan.groups]
    text = f"{', '.join(compared)} compared; {', '.join(others)} listed only" if others else "all compared"
    yield Said(
        "groups", text, asked.lines.of("groups") if len(compared) > 1 else None, [str(each) for each in compared]
    )
