"""What is left of a plan whose reference is missing, and may be: everything that asks nothing of the reference.

A model that is new has nothing to be compared with. The rules that compare are for the commits after this one.
"""

from collections.abc import Iterator
from dataclasses import replace

from gate.asked import REFERENCE, Loading, Prediction
from gate.plan import ModelPlan
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
