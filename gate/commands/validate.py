"""`weight-gate validate`: check a manifest without reading any weights."""

import argparse
from pathlib import Path
from typing import TextIO

from gate.action import Runner
from gate.manifest import load_manifest
from gate.reports.escaping import plain


def run(options: argparse.Namespace, host: Runner, out: TextIO, err: TextIO) -> int:  # noqa: ARG001
    """Says that the manifest is valid; what is not raises `ManifestError`."""
    count = len(load_manifest(Path(options.manifest)).manifest.models)
    out.write(f"{plain(str(options.manifest))}: valid, {count} model{'' if count == 1 else 's'}\n")
    return 0
