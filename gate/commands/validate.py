"""`weight-gate validate`: check manifests without reading any weights."""

import argparse
from collections.abc import Iterable
from pathlib import Path
from typing import TextIO

from gate.action import Runner
from gate.errors import ManifestError, UsageError
from gate.manifest import load_manifest
from gate.paths import paths_outside
from gate.reports.escaping import plain
from gate.workspace import Workspace


def run(options: argparse.Namespace, host: Runner, out: TextIO, err: TextIO) -> int:  # noqa: ARG001
    """Says which manifests are valid; raises `ManifestError` with the problems of all the others."""
    problems: list[UsageError] = []
    for name in options.manifests:
        try:
            count = _count_of_models(Path(name), options.root)
        except UsageError as error:
            problems += error.problems if isinstance(error, ManifestError) else (error,)
        else:
            out.write(f"{plain(name)}: valid, {count} model{'' if count == 1 else 's'}\n")
    if problems:
        raise ManifestError(problems)
    return 0


def _count_of_models(path: Path, roots: Iterable[Path]) -> int:
    loaded = load_manifest(path)
    if problems := paths_outside(loaded, Workspace.of_manifest(path, roots)):
        raise ManifestError(problems)
    return len(loaded.manifest.models)
