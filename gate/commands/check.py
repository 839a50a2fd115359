"""`weight-gate check`: judge the weights that a manifest names, and report."""

import argparse
import os
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from gate.action import Runner, is_pull_request_target, refuse_pull_request_target
from gate.commands.commenting import comment_on
from gate.commands.strayed import strayed
from gate.errors import GateError, Interrupted, ReportError, UnreadableError, UsageError
from gate.manifest import load_manifest
from gate.plan import ModelPlan, plan
from gate.references.interface import Sources
from gate.reports.annotations import write_annotations
from gate.reports.console import write_console
from gate.reports.files import ReportFiles
from gate.reports.progress import Progress
from gate.run import Run, unusable
from gate.runtime import kernel
from gate.runtime.settings import Settings
from gate.selection import Selection, named, touched
from gate.workspace import Workspace

if TYPE_CHECKING:
    from gate.requirements import Requirements


def run(options: argparse.Namespace, host: Runner, out: TextIO, err: TextIO) -> int:
    """Loads and plans, writes every report as "not run", judges, writes them again."""
    _close_to_others()
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
        loaded = load_manifest(path)
        workspace = Workspace.of_manifest(path, options.root)
        plans = plan(loaded, workspace, datetime.now(UTC).date(), options.device, host.event)
        also = [options.requirements] if options.requirements else []
        _refuse_paths_in_use(paths, [*(file for each in plans for file in each.inputs), *also], path)
        selection = _selection(plans, workspace, options, host)
        arguments = (*_roots(options.root), *_selected(options), *_allowances(options))
        job = Run(
            selection.plans,
            workspace,
            command=shlex.join(["weight-gate", "check", str(path), *arguments]),
            manifest=str(path),
            threads=options.threads,
            settings=_settings(options, workspace, host),
            requirements=_requirements(options, workspace),
            sources=Sources(workspace, cache=options.cache or _cache(), event=host.event),
            left_out=selection.left_out,
        )
    except (_PathInUseError, _EventError) as error:
        report_unusable(error, str(path), _report_files(options, host, {}))
        raise
    except GateError as error:
        report_unusable(error, str(path), files)
        comment_on(unusable(error, str(path)), options, host, out, err)
        raise

    def report() -> None:
        result = job.result
        write_console(result, out, color=options.color, reports={kind: str(at) for kind, at in paths.items()})
        if options.annotations == "always" or (options.annotations == "auto" and host.present):
            write_annotations(result, out)
        files.write(result)

    files.write(job.result)
    try:
        with Progress(err) as progress:
            job.execute(progress.step)
    except Interrupted:
        report()
        raise
    report()
    comment_on(job.result, options, host, out, err)
    return job.result.exit_code


def report_unusable(error: GateError, manifest: str, files: ReportFiles) -> None:
    """Red reports in the place of an earlier run's; what cannot be written does not hide the error itself."""
    with suppress(ReportError):
        files.write(unusable(error, manifest))


def _roots(roots: Sequence[Path]) -> Iterator[str]:
    for root in roots:
        yield from ("--root", str(root))


def _selected(options: argparse.Namespace) -> Iterator[str]:
    for name in options.models:
        yield from ("--model", name)
    if options.changed_since is not None:
        yield from ("--changed-since", options.changed_since)


def _selection(
    plans: Sequence[ModelPlan], workspace: Workspace, options: argparse.Namespace, host: Runner
) -> Selection:
    """The models to judge, as the command line asks for them."""
    taken = named(plans, options.models)
    if options.changed_since is None:
        return taken
    from gate.git.changes import changes  # noqa: PLC0415 - only where it is asked for

    of_all = [Path(options.manifest), *([options.requirements] if options.requirements else [])]
    found = touched(taken.plans, changes(workspace.base, options.changed_since, host.event), workspace, of_all)
    return Selection(found.plans, (*taken.left_out, *found.left_out))


def _allowances(options: argparse.Namespace) -> Iterator[str]:
    if options.allow_code:
        yield "--allow-code"
    if options.requirements:
        yield from ("--requirements", str(options.requirements))
    if options.device:
        yield from ("--device", options.device)


def _cache() -> Path | None:
    """Where fetched references outlive a run (https://specifications.freedesktop.org/basedir-spec), with a home."""
    named = os.environ.get("XDG_CACHE_HOME", "")
    with suppress(RuntimeError):
        return (Path(named) if Path(named).is_absolute() else Path.home() / ".cache") / "weight-gate"
    return None


def _settings(options: argparse.Namespace, workspace: Workspace, host: Runner) -> Settings:
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
        workspace=host.event.workspace if host.event else None,
        **{key: value for key, value in known.items() if value is not None},
    )


def _requirements(options: argparse.Namespace, workspace: Workspace) -> "Requirements | None":
    """The packages that code of the repository needs; raises `UsageError`."""
    if options.requirements is None:
        return None
    if not options.allow_code:
        raise UsageError("--requirements names packages for code, which is not allowed", "say --allow-code too")
    from gate.requirements import read_requirements  # noqa: PLC0415 - only where there are any

    path, shown = options.requirements.absolute(), str(options.requirements)
    workspace.locate(str(path))
    try:
        workspace.confine(path)
    except UnreadableError as error:
        raise UsageError(error.reason, error.hint) from error
    return read_requirements(path, shown)


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


def _close_to_others() -> None:
    """No process of the same user reads our memory, and in it the token and the variables of the job (prctl(2))."""
    with suppress(OSError):
        kernel.prctl(kernel.SET_DUMPABLE, 0)


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
