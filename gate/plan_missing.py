"""What is left of a plan whose reference is missing, and may be: everything that asks nothing of the reference.

A model that is new has nothing to be compared with. The rules that compare are for the commits after this one.
"""

import os
import shlex
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace

from gate.asked import REFERENCE, Loading, Prediction
from gate.errors import GateError, MissingFileError
from gate.git.repository import Repository
from gate.plan import ModelPlan
from gate.references.lock import LockReference
from gate.tensors.rules import Expect, Rule, Rules


def without_reference(plan: ModelPlan) -> ModelPlan:
    """The same model, judged by itself."""
    loading = plan.loading and _loading(plan.loading)
    rules = plan.rules
    return replace(
        plan,
        reference=None,
        renames=(),
        thresholds={},
        rules=Rules(
            filter(None, (rule if rule.expired(rules.today) else _rule(rule) for rule in rules.all)),
            rules.today,
            rules.tolerance,
        ),
        loading=loading,
    )


def of_missing_lock(error: GateError, plan: ModelPlan) -> GateError:
    """`error`; for a lock that is not there with what brings it back: from the commit, or made without a terminal."""
    if not (isinstance(error, MissingFileError) and isinstance(plan.reference, LockReference)):
        return error
    path = plan.reference.path
    with suppress(GateError):
        repository = Repository.around(path.parent)
        kept = repository.inside(path, path.parent)
        if repository.ask("cat-file", "-e", f"HEAD:{os.fsdecode(kept)}") is not None:
            hint = f"bring it back: `{shlex.join(['git', 'checkout', 'HEAD', '--', plan.reference.shown])}`"
            return MissingFileError(error.reason, hint)
    manifest = [plan.written.file] if plan.written and plan.written.file != "weight-gate.yml" else []
    command = shlex.join(["weight-gate", "update", *manifest, "--model", plan.name, "--yes", "--only", "**"])
    return MissingFileError(error.reason, f"make it with `{command}`, and commit it")


def waiting(plan: ModelPlan) -> str:
    """What of a plan is left out with its reference, in words; empty where nothing but the values is."""
    rules = sum(1 for rule in plan.rules.all if rule.expect not in (None, Expect.IGNORED))
    asked = plan.loading.predictions if plan.loading else ()
    predictions = sum(1 for each in asked if _prediction(each) != each)
    counts = {"rule": rules, "rename": len(plan.renames), "statistic": len(plan.thresholds), "prediction": predictions}
    return ", ".join(f"{count} {what}{'s' * (count > 1)}" for what, count in counts.items() if count)


def _rule(rule: Rule) -> Rule | None:
    """What a rule says of the file alone."""
    if rule.expect == Expect.IGNORED:
        return rule
    rest = replace(rule, expect=None)
    alone = (rest.nan, rest.inf, rest.shape, rest.dtype, rest.values)
    return rest if rest.statistics or any(each is not None for each in alone) else None


def _loading(loading: Loading) -> Loading:
    kept = tuple(_predictions(loading))
    asked = "" if loading.asked == "predictions" and not kept else loading.asked
    return replace(loading, predictions=kept, asked=asked)


def _predictions(loading: Loading) -> Iterator[Prediction]:
    for each in loading.predictions:
        if (kept := _prediction(each)) is not None:
            yield kept


def _prediction(asked: Prediction) -> Prediction | None:
    """What is asked of outputs without those of the reference; None where nothing is."""
    metric = asked.metric
    if metric is not None and metric.max_drop is not None:
        bounded = metric.at_least is not None or metric.at_most is not None
        metric = replace(metric, max_drop=None) if bounded else None
    if asked.expected != REFERENCE:
        kept = replace(asked, metric=metric)
    else:
        kept = replace(
            asked,
            expected=None,
            elementwise=False,
            tolerance=None,
            agreement=None,
            cosine=None,
            difference=None,
            metric=metric,
        )
    return None if kept.expected is None and kept.metric is None else kept
