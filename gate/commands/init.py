"""`weight-gate init`: a first manifest for the weights of a repository, and the locks that it names."""

import argparse
import os
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TextIO

import gate
from gate.action import Runner
from gate.approvals.transaction import File, write
from gate.approvals.who import commit, who
from gate.commands.init_output import say_found, say_nothing, say_result, say_texts, say_written
from gate.commands.init_place import Place
from gate.commands.init_verdict import checked
from gate.commands.strayed import strayed
from gate.errors import UnreadableError, UsageError
from gate.formats import open_weights
from gate.init.draft import Entry
from gate.init.propose import BRANCH, Proposal, Step, propose
from gate.init.text import manifest_text
from gate.init.walk import walk
from gate.init.workflow import PLACE, is_lfs, workflow_text
from gate.locks.lock import Made
from gate.locks.make import lock_of
from gate.locks.text import lock_text
from gate.references.git import GitReference
from gate.references.interface import Missing, Sources
from gate.reports.progress import Progress
from gate.results import EXIT_CODES, Conclusion
from gate.run import available_cpus
from gate.runtime import kernel

_REASON = "the first lock, by weight-gate init"


def run(options: argparse.Namespace, host: Runner, out: TextIO, err: TextIO) -> int:
    """Looks, proposes, writes all or nothing, and checks what it wrote."""
    with suppress(OSError):
        kernel.prctl(kernel.SET_DUMPABLE, 0)  # as `check` does: a process that loads is not to look into this one
    place = Place.of(options.manifest)
    threads = options.threads or available_cpus()
    _taken(options, place, ())
    with Progress(err) as progress:
        walked = walk(_roots(options.paths, place), place.top)
        proposal = propose(walked, place.paths, progress.step, threads, options.reference)
        if options.reference == "git":
            _allow_missing(proposal.entries, place, host)
        targets = _taken(options, place, proposal.entries)
        locks = {} if options.dry_run else _locks(proposal, place, progress.step, threads)
    say_found(proposal, walked, place, out, options.color)
    if not proposal.entries:
        say_nothing(walked, options, out)
        return EXIT_CODES[Conclusion.ERROR if proposal.broken else Conclusion.NOTHING_CHECKED]
    texts = {place.manifest: manifest_text(proposal.entries, proposal.remarks(place.paths)), **locks}
    if options.workflow:
        texts[place.top / PLACE] = _workflow(proposal, place)
    if options.dry_run:
        say_texts(texts, [path for path in targets if path not in texts], place, out)
        return EXIT_CODES[Conclusion.ERROR] if proposal.broken else 0
    write([File(path, text.encode("utf-8")) for path, text in texts.items()], place.workspace)
    say_written(texts, options, place, out)
    result = checked(proposal, place, options, host, err)
    say_result(result, proposal, options, out)
    return EXIT_CODES[Conclusion.ERROR] if proposal.broken else result.exit_code


def _roots(paths: Sequence[Path], place: Place) -> list[Path]:
    """The folders and files to look at, as they really lie; raises `UsageError` for one that no manifest may name."""
    found = []
    for path in paths or [Path()]:
        real = path.resolve() if path.is_dir() else path.parent.resolve() / path.name
        if not real.is_relative_to(place.top):
            raise UsageError(
                f"{path} lies outside {place.top}, and a manifest names nothing from there",
                "go to the repository that the weights are in, or name a manifest there with --manifest",
            )
        found.append(real)
    return found


def _taken(options: argparse.Namespace, place: Place, entries: Iterable[Entry]) -> list[Path]:
    """Every path that will be written; raises `UsageError` where one may not be."""
    targets = [place.manifest, *(entry.lock for entry in entries if entry.lock is not None)]
    if options.workflow:
        targets.append(place.top / PLACE)
    for path in targets:
        if link := strayed(path, [place.top]):
            raise UsageError(
                f"{place.shown(path)} would be written through {link}, a link out of the repository",
                "remove the link, or name another manifest with --manifest",
            )
        if path.is_dir():
            raise UsageError(f"{place.shown(path)} is a folder", "name a file with --manifest")
    there = [place.shown(path) for path in targets if os.path.lexists(path)]
    if there and not (options.force or options.dry_run):
        raise UsageError(
            f"nothing was written: {', '.join(there)} {'is' if len(there) == 1 else 'are'} there already",
            "say --force to write over it, or name another manifest with --manifest",
        )
    return targets


def _allow_missing(entries: Iterable[Entry], place: Place, host: Runner) -> None:
    """Of a model that the branch does not have yet the entry says so; raises `GateError` without the branch."""
    for entry in entries:
        path = entry.model.weights.path
        with TemporaryDirectory(prefix="weight-gate-") as scratch:
            sources = Sources(place.workspace, Path(scratch), event=host.event)
            found = GitReference(BRANCH, path, place.paths.shown(path), path, missing=True).fetch(sources)
        if isinstance(found, Missing):
            entry.keys["reference"] = {"git": BRANCH, "missing": "allowed"}
            entry.decide.append(f"{BRANCH} does not have it yet: once it is merged, take `missing: allowed` out")


def _locks(proposal: Proposal, place: Place, step: Step, threads: int) -> dict[Path, str]:
    """The text of each lock; an entry whose file cannot be read after all is taken out."""
    made = Made(
        when=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        by=who(None, place.manifest.parent),
        reason=_REASON,
        commit=commit(place.manifest.parent),
        tools={"weight-gate": gate.__version__},
    )
    texts: dict[Path, str] = {}
    for entry in list(proposal.entries):
        if entry.lock is None:
            continue
        shown = place.paths.shown(entry.model.weights.path)
        step(shown, "lock")
        try:
            with open_weights(entry.model.weights.path, shown=shown) as weights:
                texts[entry.lock] = lock_text(lock_of(weights, made, threads))
        except UnreadableError as error:
            proposal.give_up(entry, error)
    return texts


def _workflow(proposal: Proposal, place: Place) -> str:
    files = (file for entry in proposal.entries for file in entry.model.weights.files)
    history = any("git" in reference for reference in _references(proposal) if isinstance(reference, Mapping))
    manifest = place.manifest.relative_to(place.top).as_posix()
    return workflow_text(manifest, lfs=is_lfs(place.top, files), history=history)


def _references(proposal: Proposal) -> Iterable[object]:
    return (entry.keys.get("reference") for entry in proposal.entries)
