"""`weight-gate check`: judge the weights that a manifest names, and report."""

import argparse
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TextIO

from gate.action import Runner, is_pull_request_target, refuse_pull_request_target
from gate.commands.commenting import comment_on
from gate.commands.job import job_of, run_of
from gate.commands.loosened import Watch
from gate.commands.strayed import strayed
from gate.errors import GateError, Interrupted, ReportError, UsageError
from gate.reports.annotations import write_annotations
from gate.reports.console import write_console
from gate.reports.files import ReportFiles
from gate.reports.progress import Progress
from gate.run import unusable
from gate.runtime import kernel


def run(options: argparse.Namespace, host: Runner, out: TextIO, err: TextIO) -> int:
    """Loads and plans, writes every report as "not run", judges, writes them again."""
    kernel.close_to_others()
    path = Path(options.manifest)
    paths = _report_paths(options)
    files = _report_files(options, host, paths)
    try:
        _refuse_the_event(options, host)
        _refuse_paths_in_use(paths, (), path)
        _refuse_links_out(paths, path, host)
        if is_pull_request_target(host) and host.event is not None:
            from gate.commands.judged import refuse_another_commit  # noqa: PLC0415 - only in this event

            refuse_another_commit(path.parent, host.event)
        planned = job_of(options, host)
        also = [options.requirements] if options.requirements else []
        _refuse_paths_in_use(paths, [*planned.inputs, *also], path)
        job, watch = run_of(planned, options, host), Watch(planned, options, host)
    except (_PathInUseError, _EventError) as error:
        report_unusable(error, str(path), _report_files(options, host, {}))
        raise
    except GateError as error:
        report_unusable(error, str(path), files)
        comment_on(unusable(error, str(path)), options, host, out, err)
        raise

    def report() -> None:
        result = watch.added(job.result)
        lie = {kind: str(at) for kind, at in paths.items()}
        write_console(result, out, color=options.color, reports=lie, quiet=options.quiet)
        if options.annotations == "always" or (options.annotations == "auto" and host.present):
            write_annotations(result, out)
        files.write(result)

    files.write(watch.added(job.result))
    try:
        with Progress(err) as progress:
            job.execute(progress.step, watch.see)
        watch.judge()
    except Interrupted:
        report()
        raise
    report()
    result = watch.added(job.result)
    comment_on(result, options, host, out, err)
    return result.exit_code


def report_unusable(error: GateError, manifest: str, files: ReportFiles, asked: tuple[str, str] | None = None) -> None:
    """Red reports in the place of an earlier run's; what cannot be written does not hide the error itself."""
    with suppress(ReportError):
        files.write(unusable(error, manifest, asked))


def _report_paths(options: argparse.Namespace) -> dict[str, Path]:
    """Where each kind of report goes; the kinds are keys of `gate.reports.registry.REPORTS`."""
    junit = "junit-strict" if options.junit_dialect == "strict" else "junit"
    named = {junit: options.junit_path, "json": options.json_path, "summary": options.summary_path}
    defaults = {junit: "junit.xml", "json": "report.json", "summary": "summary.md"}
    if options.no_reports:
        return {kind: path for kind, path in named.items() if path}
    return {kind: path or options.reports / defaults[kind] for kind, path in named.items()}


def _report_files(options: argparse.Namespace, host: Runner, paths: Mapping[str, Path]) -> ReportFiles:
    summary = host.step_summary if options.step_summary == "auto" else None
    return ReportFiles(paths, step_summary=summary, outputs=host.outputs)


class _EventError(UsageError):
    """The event that started the job is refused: nothing is read, and nothing written but what the runner reads."""


def _refuse_the_event(options: argparse.Namespace, host: Runner) -> None:
    allowed = options.pull_request_target == "allow"
    try:
        refuse_pull_request_target(host, allowed=allowed, allow_code=options.allow_code)
    except UsageError as error:
        raise _EventError(error.reason, error.hint) from error


class _PathInUseError(UsageError):
    """There is something that must not be written over, be it with an error."""


def _refuse_paths_in_use(reports: Mapping[str, Path], inputs: Iterable[Path], manifest: Path) -> None:
    """A report must not lie on what is judged, nor on another report."""
    taken = {path.resolve(): "is read by this run" for path in (manifest, *inputs)}
    for kind, path in reports.items():
        if why := taken.get(path.resolve()):
            raise _PathInUseError(
                f"the {kind} report cannot be written to {path}, which {why}", "name another path for it"
            )
        taken[path.resolve()] = f"is the {kind} report's"


def _refuse_links_out(reports: Mapping[str, Path], manifest: Path, host: Runner) -> None:
    """A link in the workspace may be the pull request's: it must not decide where the gate's user writes."""
    workspace = host.event.workspace if host.event else None
    for kind, path in reports.items():
        if link := strayed(path, [manifest.parent, *([workspace] if workspace else [])]):
            raise _PathInUseError(
                f"the {kind} report cannot be written to {path}: {link} is a link that leads out of the workspace or"
                " into .git",
                "remove the link, or name the folder itself",
            )
