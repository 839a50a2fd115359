"""`weight-gate init`: a first manifest for the weights of a repository, and the locks that it names."""

import argparse
import os
import shlex
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TextIO

import gate
from gate.action import Runner
from gate.approvals.transaction import File, write
from gate.approvals.who import commit, who
from gate.commands.init_add import Addition, checked_alone
from gate.commands.init_output import (
    say_all_named,
    say_found,
    say_kept,
    say_next,
    say_nothing,
    say_patch,
    say_result,
    say_texts,
    say_written,
)
from gate.commands.init_place import Place
from gate.commands.init_verdict import checked
from gate.commands.strayed import strayed
from gate.errors import GateError, UnreadableError, UsageError
from gate.file_digest import digest_of
from gate.formats import open_weights
from gate.init.draft import Entry
from gate.init.propose import BRANCH, Proposal, Step, propose
from gate.init.text import SCHEMA, manifest_text
from gate.init.walk import walk
from gate.init.workflow import PLACE, is_lfs, workflow_text
from gate.locks.lock import Made
from gate.locks.make import lock_of
from gate.locks.text import lock_text, read_lock
from gate.manifest.load import manifest_above
from gate.references.git import GitReference
from gate.references.interface import Missing, Sources
from gate.reports.progress import Progress
from gate.results import EXIT_CODES, Conclusion
from gate.run import available_cpus
from gate.runtime import kernel

_REASON = "the first lock, by weight-gate init"


def run(options: argparse.Namespace, host: Runner, out: TextIO, err: TextIO) -> int:
    """Looks, proposes, writes all or nothing, and checks what it wrote."""
    kernel.close_to_others()
    place = Place.of(options.manifest)
    threads = options.threads or available_cpus()
    _refuse_below_another(options, place)
    addition = _addition(options, place, host)
    if addition is None:
        _taken(options, place, ())
    with Progress(err) as progress:
        walked = walk(_roots(options.paths, place), place.top)
        proposal = propose(walked, place.paths, progress.step, threads, options.reference)
        if addition is not None:
            addition.restrict(proposal)
        if options.reference == "git":
            _allow_missing(proposal.entries, place, host)
        only_shown = bool(options.dry_run) or (addition is not None and not options.add)
        targets = _taken(options, place, proposal.entries, addition)
        kept = _kept(proposal.entries, place)
        locks = {} if only_shown else _locks(proposal, place, progress.step, threads, kept)
    say_found(proposal, walked, place, out, options.color)
    if addition is not None and (only_shown or not proposal.entries):
        _show(addition, proposal, options, place, out)
        return EXIT_CODES[Conclusion.ERROR] if proposal.broken else 0
    if not proposal.entries:
        say_nothing(walked, options, out)
        return EXIT_CODES[Conclusion.ERROR if proposal.broken else Conclusion.NOTHING_CHECKED]
    texts = {place.manifest: _text(proposal, place, addition), **locks}
    if options.workflow:
        texts[place.top / PLACE] = _workflow(proposal, place)
    if options.dry_run:
        say_texts(texts, [path for path in targets if path not in texts], place, out)
        return EXIT_CODES[Conclusion.ERROR] if proposal.broken else 0
    write([File(path, text.encode("utf-8")) for path, text in texts.items()], place.workspace)
    say_written(texts, options, place, out)
    say_kept(kept, place, out)
    result = (checked if addition is None else checked_alone)(proposal, place, options, host, err)
    say_result(result, proposal, options, out)
    say_next(texts, place, out)
    return EXIT_CODES[Conclusion.ERROR] if proposal.broken else result.exit_code


def _text(proposal: Proposal, place: Place, addition: Addition | None) -> str:
    if addition is not None:
        return addition.text(proposal)
    schema = (place.manifest.parent / SCHEMA).is_file()
    return manifest_text(proposal.entries, proposal.remarks(place.paths), schema)


def _refuse_below_another(options: argparse.Namespace, place: Place) -> None:
    """A second manifest below another is what hardly anybody means; raises `UsageError`."""
    above = manifest_above(place.manifest)
    if above is None or place.manifest.exists() or options.force or options.dry_run:
        return
    shown = os.path.relpath(above, Path.cwd())
    raise UsageError(
        f"nothing was written: {shown} is there already, for the whole repository",
        f"say `weight-gate init --manifest {shlex.quote(shown)} --add` to add to it, or --force for one of its own",
    )


def _addition(options: argparse.Namespace, place: Place, host: Runner) -> Addition | None:
    """The manifest that is there, unless it is to be written over; raises `UsageError` where it is none."""
    if not place.manifest.is_file() or options.force or strayed(place.manifest, [place.top]):
        return None
    try:
        return Addition.of(place, host)
    except UsageError:
        if options.add:
            raise
        return None


def _show(addition: Addition, proposal: Proposal, options: argparse.Namespace, place: Place, out: TextIO) -> None:
    """What would be added, if anything; raises `UsageError` for a manifest that somebody meant to write anew."""
    if not proposal.entries:
        say_all_named(place, out)
        return
    say_patch(addition.patch(proposal, place), proposal, options, place, out)
    if not options.dry_run:
        raise _is_there([place.manifest], place)


def _kept(entries: Iterable[Entry], place: Place) -> dict[Path, bool]:
    """The locks that are there, which are approvals and stay, and whether the weights are as they say."""
    found: dict[Path, bool] = {}
    for entry in entries:
        if entry.lock is None or not os.path.lexists(entry.lock):
            continue
        with suppress(GateError):
            lock = read_lock(entry.lock, place.shown(entry.lock))
            with open_weights(entry.model.weights.path) as weights:
                found[entry.lock] = lock.digest == digest_of(weights.files)
    return found


def _is_there(paths: Iterable[Path], place: Place) -> UsageError:
    there = [place.shown(path) for path in paths]
    return UsageError(
        f"nothing was written: {', '.join(there)} {'is' if len(there) == 1 else 'are'} there already",
        "say --add to add what it does not name, --force to write over it, or name another manifest with --manifest",
    )


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


def _taken(
    options: argparse.Namespace, place: Place, entries: Iterable[Entry], addition: Addition | None = None
) -> list[Path]:
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
    there = [path for path in targets if os.path.lexists(path) and (addition is None or path != place.manifest)]
    if addition is not None:
        there = [path for path in there if options.add and path not in _kept(entries, place)]
    if there and not (options.force or options.dry_run):
        raise _is_there(there, place)
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


def _locks(proposal: Proposal, place: Place, step: Step, threads: int, kept: Collection[Path]) -> dict[Path, str]:
    """The text of each lock that is not `kept`; an entry whose file cannot be read after all is taken out."""
    made = Made(
        when=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        by=who(None, place.manifest.parent),
        reason=_REASON,
        commit=commit(place.manifest.parent),
        tools={"weight-gate": gate.__version__},
    )
    texts: dict[Path, str] = {}
    for entry in list(proposal.entries):
        if entry.lock is None or entry.lock in kept:
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
