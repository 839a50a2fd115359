"""The JSON report: everything a run found, nothing folded, nothing left out. docs/report.schema.json describes it."""

import json
import math

from gate.position import Position
from gate.reports.escaping import json_text
from gate.results import CheckResult, Coverage, Finding, LeftOut, Loosening, ModelResult, RunResult, Step, Suggestion

SCHEMA_VERSION = 1


def json_report(run: RunResult) -> str:
    r"""The run as JSON, in ASCII: a lone surrogate in a name survives as `\ud800`."""
    return json_text(json.dumps(_run(run), ensure_ascii=True, allow_nan=False, indent=2)) + "\n"


def _run(run: RunResult) -> dict[str, object]:
    return {
        "schema_version": SCHEMA_VERSION,
        "tool": "weight-gate",
        "version": run.version,
        "conclusion": str(run.conclusion),
        "exit_code": run.exit_code,
        "checked_count": run.checked_count,
        "failed_count": run.failed_count,
        "started": run.started,
        "seconds": _number(run.seconds),
        "command": run.command,
        "manifest": run.manifest,
        "environment": dict(sorted(run.environment.items())),
        "models": [_model(model) for model in run.models],
        "left_out": [_left_out(left) for left in run.left_out],
        "loosening": _loosening(run.loosening),
    }


def _loosening(said: Loosening) -> dict[str, object]:
    return {
        "base": said.base or None,
        "fails": said.fails,
        "found": [_finding(finding) for finding in said.found],
        "endless": [_finding(finding) for finding in said.endless],
        "approved": [_finding(finding) for finding in said.approved],
        "notes": list(said.notes),
    }


def _left_out(left: LeftOut) -> dict[str, object]:
    return {
        "name": left.name,
        "weights": left.weights,
        "reason": left.reason,
        "untouched": left.untouched,
        "position": _position(left.position),
    }


def _model(model: ModelResult) -> dict[str, object]:
    return {
        "name": model.name,
        "weights": model.weights,
        "reference": model.reference,
        "outcome": str(model.outcome),
        "position": _position(model.position),
        "seconds": _number(model.seconds),
        "coverage": _coverage(model.coverage),
        "notes": list(model.notes),
        "runtime": dict(sorted(model.runtime.items())),
        "steps": [_step(step) for step in model.steps],
        "checks": [_check(check) for check in model.checks],
        "suggestions": [_suggestion(each) for each in model.suggestions],
    }


def _coverage(coverage: Coverage) -> dict[str, object]:
    return {
        "tensors": coverage.tensors,
        "bytes": coverage.bytes,
        "compared": coverage.compared,
        "compared_bytes": coverage.compared_bytes,
        "identical": coverage.identical,
        "statistics": coverage.statistics,
    }


def _suggestion(suggestion: Suggestion) -> dict[str, object]:
    return {
        "kind": suggestion.kind,
        "title": suggestion.title,
        "details": list(suggestion.details),
        "code": suggestion.code,
        "language": suggestion.language,
    }


def _step(step: Step) -> dict[str, object]:
    return {"what": step.what, "seconds": _number(step.seconds), "peak_bytes": step.peak_bytes}


def _check(check: CheckResult) -> dict[str, object]:
    return {
        "check": check.check,
        "outcome": str(check.outcome),
        "summary": check.summary,
        "position": _position(check.position),
        "checked": check.checked,
        "seconds": _number(check.seconds),
        "findings": [_finding(finding) for finding in check.findings],
    }


def _finding(finding: Finding) -> dict[str, object]:
    return {
        "kind": finding.kind,
        "tensor": finding.tensor,
        "reason": finding.reason,
        "details": list(finding.details),
        "hint": finding.hint,
        "severity": _number(finding.severity),
        "position": _position(finding.position),
    }


def _position(position: Position | None) -> dict[str, object] | None:
    if position is None:
        return None
    return {"file": position.file, "line": position.line, "column": position.column}


def _number(value: float) -> float | str:
    """JSON has no NaN and no infinity: they are the strings "nan", "inf" and "-inf"."""
    return float(value) if math.isfinite(value) else str(float(value))
