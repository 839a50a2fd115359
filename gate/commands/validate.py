"""`weight-gate validate`: check manifests without reading any weights."""

import argparse
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

from gate.action import Runner
from gate.errors import ManifestError, UsageError
from gate.hooks import hooks_missing
from gate.manifest import LoadedManifest, load_manifest
from gate.paths import paths_outside
from gate.reports.escaping import plain
from gate.reports.loosening import APPROVED, LOOSENED, parts_of
from gate.results import EXIT_CODES, Conclusion, Finding, Outcome
from gate.workspace import Workspace

_CODES = {Outcome.FAILED: EXIT_CODES[Conclusion.FAILURE], Outcome.ERROR: EXIT_CODES[Conclusion.ERROR]}


def run(options: argparse.Namespace, host: Runner, out: TextIO, err: TextIO) -> int:  # noqa: ARG001
    """Says which manifests are valid; raises `ManifestError` with the problems of all the others."""
    problems: list[UsageError] = []
    codes = [0]
    for name in options.manifests:
        path = Path(name)
        try:
            loaded, workspace = _read(path, options.root)
        except UsageError as error:
            problems += error.problems if isinstance(error, ManifestError) else (error,)
            continue
        count = len(loaded.manifest.models)
        out.write(f"{plain(name)}: valid, {count} model{'' if count == 1 else 's'}\n")
        if options.base is not None:
            codes.append(_compared(path, loaded, workspace, options.base, out))
    if problems:
        raise ManifestError(problems)
    return max(codes)


def _read(path: Path, roots: Iterable[Path]) -> tuple[LoadedManifest, Workspace]:
    loaded, workspace = load_manifest(path), Workspace.of_manifest(path, roots)
    if problems := paths_outside(loaded, workspace) or hooks_missing(loaded, workspace):
        raise ManifestError(problems)
    return loaded, workspace


def _compared(path: Path, loaded: LoadedManifest, workspace: Workspace, ref: str, out: TextIO) -> int:
    """Says what it lets through that the one of `ref` does not."""
    from gate.loosening.compare import judged  # noqa: PLC0415 - only where it is asked for

    found = judged(path, loaded, workspace, ref, None, {}, datetime.now(UTC).date())
    said, check = found.loosening, found.check
    for part in parts_of(said):
        word = "red by policy" if said.fails and part.heading == LOOSENED else "warning"
        word = "note" if part.heading == APPROVED else word
        out.write(plain(f"{word}: {part.heading}. {part.meaning}") + "\n")
        out.writelines(_lines(part.findings))
    if check and check.outcome is Outcome.ERROR:
        out.writelines(f"error: {line.lstrip()}" for line in _lines(check.findings))
    out.writelines(f"note: {plain(note)}\n" for note in said.notes)
    return _CODES[check.outcome] if check else 0


def _lines(findings: Iterable[Finding]) -> Iterator[str]:
    for each in findings:
        at = f"{each.position}: " if each.position else ""
        name = f"{each.tensor}: " if each.tensor else ""
        yield "  " + plain(f"{at}{name}{each.reason}" + (f": {each.hint}" if each.hint else "")) + "\n"
