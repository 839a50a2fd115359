"""`weight-gate check`: judge the weights that a manifest names, and report."""

import argparse
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

from gate.action import Runner
from gate.errors import Interrupted, ReportError, UsageError
from gate.manifest import load_manifest
from gate.plan import plan
from gate.reports.annotations import write_annotations
from gate.reports.console import write_console
from gate.reports.files import ReportFiles
from gate.reports.outputs import github_outputs
from gate.reports.progress import Progress
from gate.run import Run, unusable
from gate.runtime.settings import Settings
from gate.workspace import Workspace


def run(options: argparse.Namespace, host: Runner, out: TextIO, err: TextIO) -> int:
    """Loads and plans, writes every report as "not run", judges, writes them again."""
    path = Path(options.manifest)
    try:
        loaded = load_manifest(path)
        workspace = Workspace.of_manifest(path, options.root)
        plans = plan(loaded, workspace, datetime.now(UTC).date(), options.device)
    except UsageError as error:
        _report_unusable(error, options, host)
        raise
    job = Run(
        plans,
        workspace,
        command=shlex.join(["weight-gate", "check", str(path), *_roots(options.root), *_allowances(options)]),
        manifest=str(path),
        threads=options.threads,
        settings=_settings(options, workspace),
    )
    paths = _report_paths(options)
    _refuse_paths_in_use(paths, job.inputs, path)
    files = ReportFiles(paths, step_summary=host.step_summary)

    def report() -> None:
        result = job.result
        write_console(result, out, color=options.color, reports={kind: str(at) for kind, at in paths.items()})
        if options.annotations == "always" or (options.annotations == "auto" and host.present):
            write_annotations(result, out)
        if host.outputs:
            junit = next((str(at) for kind, at in paths.items() if kind.startswith("junit")), None)
            json_path = str(paths["json"]) if "json" in paths else None
            _append(host.outputs, github_outputs(result, junit, json_path))
        files.write(result)

    files.write(job.result)
    try:
        with Progress(err) as progress:
            job.execute(progress.step)
    except Interrupted:
        report()
        raise
    report()
    return job.result.exit_code


def _report_unusable(error: UsageError, options: argparse.Namespace, host: Runner) -> None:
    """Red reports in the place of an earlier run's; what cannot be written does not hide the error itself."""
    paths = _report_paths(options)
    with suppress(ReportError, UsageError):
        _refuse_paths_in_use(paths, (), Path(options.manifest))
        ReportFiles(paths, step_summary=host.step_summary).write(unusable(error, str(options.manifest)))


def _roots(roots: Sequence[Path]) -> Iterator[str]:
    for root in roots:
        yield from ("--root", str(root))


def _allowances(options: argparse.Namespace) -> Iterator[str]:
    if options.allow_code:
        yield "--allow-code"
    if options.device:
        yield from ("--device", options.device)


def _settings(options: argparse.Namespace, workspace: Workspace) -> Settings:
    """What the processes that load may take and do."""
    known = {
        "scratch": options.scratch,
        "seconds": options.timeout,
        "memory_bytes": options.memory,
        "threads": options.threads,
    }
    if options.scratch is not None and not options.scratch.is_dir():
        raise UsageError(f"--scratch {options.scratch} is no folder", "name a folder that is there")
    return Settings(
        base=workspace.base,
        roots=workspace.roots,
        allow_code=options.allow_code,
        require_sandbox=options.require_sandbox,
        **{key: value for key, value in known.items() if value is not None},
    )


def _report_paths(options: argparse.Namespace) -> dict[str, Path]:
    """Where each kind of report goes; the kinds are keys of `gate.reports.registry.REPORTS`."""
    junit = "junit-strict" if options.junit_dialect == "strict" else "junit"
    named = {junit: options.junit_path, "json": options.json_path, "summary": options.summary_path}
    defaults = {junit: "junit.xml", "json": "report.json", "summary": "summary.md"}
    if options.no_reports:
        return {kind: path for kind, path in named.items() if path}
    return {kind: path or options.reports / defaults[kind] for kind, path in named.items()}


def _refuse_paths_in_use(reports: Mapping[str, Path], inputs: Iterable[Path], manifest: Path) -> None:
    """A report must not lie on what is judged, nor on another report."""
    taken = {path.resolve(): "is read by this run" for path in (manifest, *inputs)}
    for kind, path in reports.items():
        if why := taken.get(path.resolve()):
            raise UsageError(f"the {kind} report cannot be written to {path}, which {why}", "name another path for it")
        taken[path.resolve()] = f"is the {kind} report's"


def _append(path: Path, text: str) -> None:
    try:
        with path.open("a", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise ReportError(
            f"the outputs could not be written to {path}: {error.strerror}", "see that GITHUB_OUTPUT names a file"
        ) from error
