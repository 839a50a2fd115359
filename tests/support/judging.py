"""Judges arrays as the gate does, in this process: writes the files and a manifest, plans, runs."""

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from gate.manifest import load_manifest
from gate.plan import plan
from gate.results import CheckResult, Finding, ModelResult, RunResult
from gate.run import Run
from gate.workspace import Workspace
from support.files import WRITERS

TODAY = date(2026, 11, 21)

Arrays = Mapping[str, Any]


def judge_manifest(path: Path, today: date = TODAY) -> RunResult:
    """The run of a manifest that lies beside its files."""
    workspace = Workspace.of_manifest(path)
    return Run(plan(load_manifest(path), workspace, today), workspace, "weight-gate check", str(path), 2).execute()


def judge(
    folder: Path,
    candidate: Arrays,
    reference: Arrays | None = None,
    format: str = "npz",
    tensors: list[dict[str, Any]] | None = None,
    today: date = TODAY,
    **entry: Any,
) -> ModelResult:
    """The result for `candidate` against `reference` under the rules `tensors` and more keys of the model's entry."""
    suffix = {"h5-weights": "h5"}.get(format, format)
    said: dict[str, Any] = {"weights": str(Path("new") / f"model.{suffix}")}
    (folder / "new").mkdir()
    WRITERS[format](folder / "new" / f"model.{suffix}", candidate)
    if reference is not None:
        (folder / "old").mkdir()
        WRITERS[format](folder / "old" / f"model.{suffix}", reference)
        said["reference"] = str(Path("old") / f"model.{suffix}")
    if tensors is not None:
        said["tensors"] = tensors
    manifest = folder / "weight-gate.yml"
    manifest.write_text(yaml.safe_dump({"version": 1, "models": [{**said, **entry}]}, sort_keys=False))
    return judge_manifest(manifest, today).models[0]


def check_of(model: ModelResult, name: str) -> CheckResult:
    return next(check for check in model.checks if check.check == name)


def findings_of(model: ModelResult) -> list[Finding]:
    return [finding for check in model.checks for finding in check.findings]


def outcomes_of(model: ModelResult) -> dict[str, str]:
    return {check.check: str(check.outcome) for check in model.checks}


def sample() -> dict[str, Any]:
    """A small model's arrays, each unlike the others: values are multiples of irrational numbers, none is constant."""
    shapes = {
        "conv_a/kernel": (4, 4), "conv_a/bias": (4,), "conv_b/kernel": (4, 4), "conv_b/bias": (4,),
        "bn/gamma": (4,), "bn/beta": (4,), "bn/moving_mean": (4,), "bn/moving_variance": (4,),
        "head/kernel": (4, 3), "head/bias": (3,),
    }  # fmt: skip
    arrays = {}
    for i, (name, shape) in enumerate(shapes.items()):
        count = int(np.prod(shape))
        arrays[name] = np.sin(np.sqrt(2) * (i + 1) * np.arange(1, count + 1)).astype(np.float32).reshape(shape)
    return arrays
