"""An explanation as JSON, for machines. The keys are stable: more may come, none changes its meaning."""

import json
import math
from collections.abc import Sequence
from typing import Any

from gate.errors import GateError
from gate.explaining.said import Matched, ModelExplained, RuleShare, Said, TensorExplained
from gate.position import Position


def document(manifest: str, models: Sequence[ModelExplained]) -> str:
    """ASCII; a place is `{"file": …, "line": …, "column": …}`, null where no line of the manifest says it."""
    made = {"manifest": manifest, "models": [_model(each) for each in models]}
    return json.dumps(_numbers(made), indent=2, allow_nan=False) + "\n"


def _model(model: ModelExplained) -> dict[str, Any]:
    return {
        "name": model.name,
        "weights": model.weights,
        "at": _at(model.position),
        **{key: [_said(each) for each in getattr(model, key)] for key in _LISTS},
        "rules": [_share(each) for each in model.rules],
        "unruled": list(model.unruled),
        "tensors": [_tensor(each) for each in model.tensors],
        "troubles": [_trouble(each) for each in model.troubles],
    }


_LISTS = ("files", "made", "not_made", "loading", "waivers", "policy")


def _said(said: Said) -> dict[str, Any]:
    return {"key": said.key, "value": said.value, "text": said.text, "at": _at(said.position)}


def _share(share: RuleShare) -> dict[str, Any]:
    return {
        "match": share.match,
        "says": share.says,
        "at": _at(share.position),
        "ended": share.ended or None,
        "holds_for": None if share.ruled is None else list(share.ruled),
        "overruled_for": list(share.overruled),
    }


def _tensor(tensor: TensorExplained) -> dict[str, Any]:
    return {
        "name": tensor.name,
        **tensor.facts,
        "compared_with": _said(tensor.compared),
        "keys": [_said(each) for each in tensor.keys],
        "rules": [_matched(each) for each in tensor.rules],
    }


def _matched(rule: Matched) -> dict[str, Any]:
    keys = [{**_said(said), "overruled_by": _at(above)} for said, above in rule.keys]
    return {"match": rule.match, "at": _at(rule.position), "ended": rule.ended or None, "keys": keys}


def _trouble(error: GateError) -> dict[str, Any]:
    return {"reason": error.reason, "hint": error.hint, "at": _at(error.position)}


def _at(position: Position | None) -> dict[str, Any] | None:
    return None if position is None else dict(vars(position))


def _numbers(value: Any) -> Any:
    """NaN and infinities, which JSON does not have, as texts."""
    if isinstance(value, float) and not math.isfinite(value):
        return repr(value)
    if isinstance(value, dict):
        return {key: _numbers(each) for key, each in value.items()}
    return [_numbers(each) for each in value] if isinstance(value, list | tuple) else value
