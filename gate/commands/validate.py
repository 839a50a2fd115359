"""`weight-gate validate`: check a manifest without reading any weights."""

import argparse
from pathlib import Path
from typing import TextIO

from gate.action import Runner
from gate.errors import ManifestError
from gate.manifest import load_manifest
from gate.paths import paths_outside
from gate.reports.escaping import plain
from gate.workspace import Workspace


def run(options: argparse.Namespace, host: Runner, out: TextIO, err: TextIO) -> int:  # noqa: ARG001
    """Says that the manifest is valid; what is not raises `ManifestError`."""
    path = Path(options.manifest)
    loaded = load_manifest(path)
    if problems := paths_outside(loaded, Workspace.of_manifest(path, options.root)):
        raise ManifestError(problems)
    count = len(loaded.manifest.models)
    out.write(f"{plain(str(options.manifest))}: valid, {count} model{'' if count == 1 else 's'}\n")
    return 0
