"""What is said of two manifests, with or without the tensors that their files hold."""

from collections.abc import Iterable, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from gate.loosening.manifests import looser_manifest
from gate.loosening.tensors import Kind
from gate.manifest.load import LoadedManifest, parse_manifest
from gate.results import Finding
from gate.workspace import Workspace

TODAY = date(2026, 11, 21)
F32 = np.dtype(np.float32)
KERNEL = Kind((F32, F32), ("float32", (4, 3)))
NAMES = ("body/a/kernel", "body/a/bias", "body/b/kernel", "head/kernel", "head/bias")
SEEN = {"m.npz": {name: frozenset({KERNEL}) for name in NAMES}}


def manifest(said: Mapping[str, Any], file: str = "weight-gate.yml") -> LoadedManifest:
    """A manifest with these keys."""
    return parse_manifest(yaml.safe_dump({"version": 1, **said}, sort_keys=False), file)


def one(*rules: Mapping[str, Any], top: Mapping[str, Any] | None = None, **entry: Any) -> dict[str, Any]:
    """A manifest of one model with a reference, these rules and these keys; a key that is None is left out."""
    model = {"weights": "m.npz", "reference": "gold.npz", **({"tensors": list(rules)} if rules else {}), **entry}
    return {**(top or {}), "models": [{key: value for key, value in model.items() if value is not None}]}


def compared(
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    folder: Path,
    seen: Mapping[str, Any] | None = SEEN,
    today: date = TODAY,
) -> tuple[Finding, ...]:
    """What `after` lets through that `before` does not."""
    workspace = Workspace(folder, [folder])
    return looser_manifest(manifest(before, "base.yml"), manifest(after), workspace, seen or {}, today)


def told(findings: Iterable[Finding]) -> set[tuple[str, str | None]]:
    """Kinds and tensors."""
    return {(each.kind, each.tensor) for each in findings}
