"""What a command line asks for: the manifest, its workspace, the models that are meant, and the run over them."""

import argparse
import os
import shlex
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from gate.action import Runner
from gate.errors import ManifestError, UnreadableError, UsageError
from gate.hooks import hooks_missing
from gate.manifest import LoadedManifest, load_manifest
from gate.plan import ModelPlan, plan
from gate.references.interface import Sources
from gate.run import Run
from gate.runtime.settings import Settings
from gate.selection import Selection, named, touched
from gate.workspace import Workspace

if TYPE_CHECKING:
    from gate.requirements import Requirements


@dataclass(frozen=True)
class Job:
    """A manifest and what is planned for all of its models."""

    path: Path
    loaded: LoadedManifest
    workspace: Workspace
    plans: tuple[ModelPlan, ...]

    @property
    def inputs(self) -> Iterator[Path]:
        """The files that the manifest names."""
        return (file for each in self.plans for file in each.inputs)


def job_of(options: argparse.Namespace, host: Runner) -> Job:
    """The manifest that `options` name, loaded and planned; raises `UsageError` and `ManifestError`."""
    path = Path(options.manifest)
    loaded = load_manifest(path)
    workspace = Workspace.of_manifest(path, options.root)
    device = getattr(options, "device", None)
    plans = plan(loaded, workspace, datetime.now(UTC).date(), device, host.event)
    if problems := hooks_missing(loaded, workspace):
        raise ManifestError(problems)
    return Job(path, loaded, workspace, plans)


def run_of(job: Job, options: argparse.Namespace, host: Runner) -> Run:
    """The run over the models that `options` select, with the options of `gate.arguments.shared.add_loading`."""
    selection = _selection(job.plans, job.workspace, options, host)
    arguments = (*_roots(options.root), *_selected(options), *_allowances(options))
    return Run(
        selection.plans,
        job.workspace,
        command=shlex.join(["weight-gate", "check", str(job.path), *arguments]),
        manifest=str(job.path),
        threads=options.threads,
        settings=_settings(options, job.workspace, host),
        requirements=_requirements(options, job.workspace),
        sources=sources_of(job.workspace, options, host),
        left_out=selection.left_out,
    )


def sources_of(workspace: Workspace, options: argparse.Namespace, host: Runner) -> Sources:
    """Where references may come from."""
    return Sources(workspace, cache=options.cache or _cache(), event=host.event)


def _roots(roots: Sequence[Path]) -> Iterator[str]:
    for root in roots:
        yield from ("--root", str(root))


def _selected(options: argparse.Namespace) -> Iterator[str]:
    for name in options.models:
        yield from ("--model", name)
    if getattr(options, "changed_since", None) is not None:
        yield from ("--changed-since", options.changed_since)
    if getattr(options, "base", None) is not None:
        yield from ("--base", options.base)


def _selection(
    plans: Sequence[ModelPlan], workspace: Workspace, options: argparse.Namespace, host: Runner
) -> Selection:
    """The models to judge, as the command line asks for them."""
    taken = named(plans, options.models, workspace.base)
    if getattr(options, "changed_since", None) is None:
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
