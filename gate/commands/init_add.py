"""`weight-gate init` where there is a manifest already: entries for the weights that it does not name, as a patch."""

import argparse
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

from gate.action import Runner
from gate.commands.init_place import Place
from gate.commands.init_verdict import asked_of_check
from gate.commands.job import job_of, run_of
from gate.init.draft import Entry
from gate.init.group import Model
from gate.init.propose import Proposal
from gate.manifest import LoadedManifest, load_manifest
from gate.manifest.edit import Append, edited
from gate.manifest.unified_diff import unified_diff
from gate.plan import plan
from gate.reports.progress import Progress
from gate.results import RunResult


@dataclass(frozen=True)
class Addition:
    """The manifest as it is, and the files that it names."""

    loaded: LoadedManifest
    named: Collection[Path]

    @classmethod
    def of(cls, place: Place, host: Runner) -> "Addition":
        """Raises `UsageError` where the file is no manifest."""
        loaded = load_manifest(place.manifest, place.shown(place.manifest))
        plans = plan(loaded, place.workspace, datetime.now(UTC).date(), None, host.event)
        return cls(loaded, frozenset(file for each in plans for file in each.inputs))

    def restrict(self, proposal: Proposal) -> None:
        """Takes out what the manifest names already, as a model or as another's reference."""
        proposal.entries[:] = [each for each in proposal.entries if not self._is_named(each.model)]

    def _is_named(self, model: Model) -> bool:
        each = model.weights
        several = (each, *model.same, *model.steps, *([model.golden] if model.golden else []))
        return any(path in self.named for one in several for path in (one.path, *one.files))

    def text(self, proposal: Proposal) -> str:
        """The manifest with all entries at its end; raises `EditError`."""
        edits = [Append(("models",), _plain(entry)) for entry in proposal.entries]
        return edited(self.loaded.text, edits, self.loaded.file)

    def patch(self, proposal: Proposal, place: Place) -> str:
        return unified_diff(self.loaded.text, self.text(proposal), place.manifest.relative_to(place.top).as_posix())


def _plain(entry: Entry) -> dict[str, Any]:
    rules = [dict(rule) for rule, _ in entry.rules]
    return {**entry.keys, **({"tensors": rules} if rules else {})}


def checked_alone(
    proposal: Proposal, place: Place, options: argparse.Namespace, host: Runner, err: TextIO
) -> RunResult:
    """Runs `check` of the models that are new."""
    asked = asked_of_check(place, options)
    job = job_of(asked, host)
    added = job.plans[len(job.plans) - len(proposal.entries) :]
    with Progress(err) as progress:
        return run_of(replace(job, plans=added), asked, host).execute(progress.step)
