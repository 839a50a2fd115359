"""Damages models that are made of arrays, in this process: files, a manifest, the run, and then the campaign."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import yaml

from gate.checks.interface import Subject
from gate.manifest import load_manifest
from gate.mutations import DAMAGES
from gate.mutations.campaign import mutate
from gate.mutations.interface import Base, Mutation, Site
from gate.mutations.judge import DATA_CHECKS, Judge
from gate.mutations.verdict import Score, Verdict
from gate.plan import plan
from gate.results import Outcome, RunResult
from gate.run import Run
from gate.workspace import Workspace
from support.files import SUFFIXES, WRITERS
from support.judging import TODAY

T = TypeVar("T")
Arrays = Mapping[str, Any]
With = Callable[[Subject, tuple[str, ...]], T]


def written(
    folder: Path,
    candidate: Arrays,
    reference: Arrays | None = None,
    tensors: list[dict[str, Any]] | None = None,
    format: str = "npz",
    lock: str = "",
    top: Mapping[str, Any] | None = None,
    **entry: Any,
) -> Path:
    """A manifest beside its files; a file is no reference for itself, so both are written."""
    said: dict[str, Any] = {"weights": f"new/model{SUFFIXES[format]}", "load": False}
    for name, arrays in (("new", candidate), ("old", reference)):
        if arrays is not None:
            (folder / name).mkdir(exist_ok=True)
            WRITERS[format](folder / name / f"model{SUFFIXES[format]}", arrays)
    if reference is not None:
        said["reference"] = f"old/model{SUFFIXES[format]}"
    if lock:
        said["reference"] = {"lock": lock}
    if tensors:
        said["tensors"] = tensors
    manifest = folder / "weight-gate.yml"
    manifest.write_text(yaml.safe_dump({"version": 1, **(top or {}), "models": [{**said, **entry}]}, sort_keys=False))
    return manifest


def judged(manifest: Path, do: With[T] | None = None) -> tuple[RunResult, list[T]]:
    """The run, and what `do` made of each model while its files were open."""
    workspace = Workspace.of_manifest(manifest)
    job = Run(plan(load_manifest(manifest), workspace, TODAY), workspace, "weight-gate check", str(manifest), 2)
    found: list[T] = []
    raised: list[BaseException] = []

    def done(subject: Subject) -> None:
        model = job.result.models[-1]
        if do and model.outcome in (Outcome.PASSED, Outcome.WAIVED):
            try:
                found.append(do(subject, tuple(check.check for check in model.checks)))
            except BaseException as error:  # noqa: BLE001 - the run would make an outcome of it
                raised.append(error)

    result = job.execute(done=done)
    if raised:
        raise raised[0]
    return result, found


def damaged(manifest: Path, kind: str, *site: str, seed: int = 0) -> tuple[Verdict, Mutation, dict[str, Any]]:
    """One damage of one site: its verdict, what it is, and the arrays that it changes."""

    def do(subject: Subject, checks: tuple[str, ...]) -> tuple[Verdict, Mutation, dict[str, Any]]:
        base = Base(subject, seed)
        mutation = made(base, kind, site)
        verdict = Judge(base, tuple(check for check in DATA_CHECKS if check in checks)).verdict(mutation)
        return verdict, mutation, {name: overlay.read().copy() for name, overlay in mutation.changed.items()}

    result, (found,) = judged(manifest, do)
    assert result.exit_code == 0, result
    return found


def made(base: Base, kind: str, site: Site) -> Mutation:
    """The damage as the campaign would do it there."""
    sites = list(DAMAGES[kind].sites(base))
    assert not site or site in sites, (kind, site, sites)
    at = site or sites[0]
    found = DAMAGES[kind].make(base, at, base.random(kind, "\0".join(at)))
    assert found is not None
    return found


def score_of(manifest: Path, seed: int = 0, count: int = 100, *kinds: str) -> Score:
    """The score of the one model."""
    result, (score,) = judged(manifest, lambda subject, checks: mutate(subject, checks, seed, count, kinds))
    assert result.exit_code == 0, result
    return score


def small() -> dict[str, Any]:
    """A small model whose numbers are easy to follow; all are exact in float32."""
    f = np.float32
    return {
        "conv/kernel": (np.arange(1, 37, dtype=f) / 8).reshape(3, 3, 2, 2),
        "conv/bias": np.array([0.5, -0.25], f),
        "bn/gamma": np.array([1.5, 0.5], f),
        "bn/beta": np.array([0.25, -1], f),
        "bn/moving_mean": np.array([3, -2], f),
        "bn/moving_variance": np.array([4, 0.25], f),
        "head/kernel": np.array([[1, 2, 3], [4, 5, 6], [7, 8, 10]], f),
        "head/bias": np.array([0.125, 0, -2], f),
    }
