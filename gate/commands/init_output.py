"""What `weight-gate init` prints."""

import argparse
import os
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TextIO

from gate.commands.init_place import Place
from gate.init.draft import Entry
from gate.init.propose import Proposal
from gate.init.walk import Walked
from gate.init.workflow import PLACE
from gate.reports.console import write_console
from gate.reports.escaping import harmless, plain
from gate.reports.stream import Color
from gate.reports.table import write_table
from gate.reports.wording import VERDICTS
from gate.results import RunResult
from gate.wording import counted

_COLUMNS = ("model", "format", "tensors", "reference", "to decide")
_FEW = 6
_MOST_NAMED = 12
_REPORTS = "weight-gate-reports"
_UNTOLD = frozenset({".git", "__pycache__"})
"""Folders that nobody wonders about."""


def _say(out: TextIO, *lines: str) -> None:
    out.writelines(harmless(f"{plain(line)}\n") for line in lines)


def say_found(proposal: Proposal, walked: Walked, place: Place, out: TextIO, color: Color) -> None:
    """A row for each model, and a line for whatever is none."""
    rows = [
        (
            place.shown(entry.model.weights.path),
            entry.model.weights.title,
            len(entry.model.weights.weights),
            _told(entry, place),
            len(entry.decide),
        )
        for entry in proposal.entries
    ]
    if rows:
        write_table(out, _COLUMNS, rows, color=color)
        out.write("\n")
    _say(out, *(f"not judged  {each.error}" for each in proposal.broken))
    if proposal.broken:
        _say(out, "            to leave them out: remove them, or name what to look at, `weight-gate init PATH…`")
    _say(out, *(f"no model    {place.shown(each.path)}: {each.why}" for each in proposal.others))
    _say(out, *(f"no model    {place.shown(each.path)}: arrays, but no weights" for each in proposal.arrays))
    passed_over: dict[str, list[str]] = {}
    for each in walked.skipped:
        if each.path.name not in _UNTOLD:
            passed_over.setdefault(each.why, []).append(place.shown(each.path))
    for why, skipped in passed_over.items():
        more = f" and {len(skipped) - _FEW} more" if len(skipped) > _FEW else ""
        _say(out, f"passed over {', '.join(skipped[:_FEW])}{more}: {why}")


def _told(entry: Entry, place: Place) -> str:
    reference = entry.keys.get("reference")
    if entry.lock is not None:
        return place.shown(entry.lock)
    return str(reference["git"] if isinstance(reference, Mapping) else reference or "none")


def say_nothing(walked: Walked, options: argparse.Namespace, out: TextIO) -> None:
    """That there is nothing to write a manifest for."""
    where = ", ".join(str(path) for path in options.paths) or "this folder"
    _say(
        out, f"no weight file that can be read in {where}: {counted(walked.entries, 'file')} looked at, nothing written"
    )


def say_texts(texts: Mapping[Path, str], locks: Sequence[Path], place: Place, out: TextIO) -> None:
    """What a dry run has to show: all texts but those of locks, which take a look at every value."""
    for path, text in texts.items():
        _say(out, f"would write {place.shown(path)}:")
        _say(out, *(f"  {line}" if line else "" for line in text.splitlines()))
    _say(out, *(f"would write {place.shown(path)}" for path in locks))


def say_written(texts: Mapping[Path, str], options: argparse.Namespace, place: Place, out: TextIO) -> None:
    """What is there now; the manifest is the first."""
    first, *others = texts
    locks = [path for path in others if path != place.top / PLACE]
    more = f" and {counted(len(locks), 'lock')}" if locks else ""
    _say(out, f"wrote       {place.shown(first)}{more}")
    if options.workflow:
        _say(out, f"wrote       {place.shown(place.top / PLACE)}")
    else:
        _say(out, f"not written {PLACE.as_posix()}, a check of each pull request: say --workflow")


def say_all_named(place: Place, out: TextIO) -> None:
    """That a manifest which is there has nothing to add."""
    _say(out, f"{place.shown(place.manifest)} names all of the weights that were found: nothing to add")


def say_patch(patch: str, proposal: Proposal, options: argparse.Namespace, place: Place, out: TextIO) -> None:
    """What would be added to a manifest that is there."""
    _say(out, *patch.rstrip("\n").split("\n"))
    for entry in proposal.entries:
        _say(out, *(f"to decide   {place.shown(entry.model.weights.path)}: {each}" for each in entry.decide))
        if entry.lock is not None:
            _say(out, f"with        {place.shown(entry.lock)}")
    if not options.dry_run:
        _say(out, "weight-gate init --add writes it")


def say_kept(kept: Mapping[Path, bool], place: Place, out: TextIO) -> None:
    """The locks that stay as they were."""
    for path, fits in kept.items():
        said = "it fits the weights" if fits else "the weights are others, so `check` is red until `weight-gate update`"
        _say(out, f"kept        {place.shown(path)}: {said}")


def say_next(texts: Mapping[Path, str], place: Place, out: TextIO) -> None:
    """What to do with what was written."""
    paths = [shlex.quote(place.shown(path)) for path in texts]
    if len(paths) > _MOST_NAMED:
        paths = [paths[0], "'*.lock.yml'", *([paths[-1]] if place.top / PLACE in texts else [])]
    _say(out, f"next        git add {' '.join(paths)}")
    if os.path.lexists(place.top / ".git") and _REPORTS not in _ignored(place.top / ".gitignore"):
        _say(out, f"            echo {_REPORTS}/ >> .gitignore, since `check` writes its reports there")


def _ignored(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def say_result(result: RunResult, proposal: Proposal, options: argparse.Namespace, out: TextIO) -> None:
    """One line where it is green, all of it where it is not."""
    out.write("\n")
    if result.exit_code:
        write_console(result, out, color=options.color)
        return
    compared = sum(model.coverage.compared for model in result.models)
    tensors = sum(model.coverage.tensors for model in result.models)
    loaded = sum(1 for model in result.models if model.runtime)
    decide = sum(len(entry.decide) for entry in proposal.entries)
    _say(
        out,
        f"{result.command}: {VERDICTS[result.conclusion]}: {counted(len(result.models), 'model')}, {loaded} loaded, "
        f"{compared:,} of {tensors:,} tensors compared",
    )
    if decide:
        _say(out, f"{counted(decide, 'comment')} in {result.manifest} to decide")
