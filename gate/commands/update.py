"""`weight-gate update`: show what differs, ask, and make it the reference; all of a model or nothing, and on record."""

import argparse
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TextIO

import gate
from gate.action import Runner, refuse_pull_request_target
from gate.approvals import record, transaction
from gate.approvals.places import refuse_elsewhere, refuse_same
from gate.approvals.proposal import Judged, Proposal, propose, signed
from gate.approvals.remaining import remaining
from gate.approvals.scope import Scope
from gate.approvals.telling import recorded
from gate.approvals.who import commit, who
from gate.commands.candidates import GREEN, candidates, is_missing
from gate.commands.in_use import refuse_in_use
from gate.commands.job import Job, job_of, sources_of
from gate.commands.offers import Offer, Shown
from gate.errors import GateError, UsageError
from gate.globs import GlobError, glob_pattern
from gate.locks.lock import Made
from gate.plan import ModelPlan
from gate.plan_missing import without_reference
from gate.references.lfs import has_pointers
from gate.reports.escaping import plain
from gate.results import ModelResult
from gate.run import Run
from gate.runtime import kernel
from gate.selection import named
from gate.streams import standard_input
from gate.workspace import Workspace

_LONGEST_ANSWER = 1000
_TOOLS = ("tensorflow", "keras", "numpy")
_PLACEHOLDERS = ("why it is meant", "why the change is meant")
_SAY_WHY = "say why the change is meant: --reason 'retrained on …'"
_YES = frozenset({"y", "yes"})
_FIRST = "the first reference"
"""The reason of one that nobody gave another for."""


def run(options: argparse.Namespace, host: Runner, out: TextIO, err: TextIO) -> int:
    """Judges as `check` does, then shows, asks and writes model by model."""
    kernel.close_to_others()
    refuse_pull_request_target(host, allowed=False, allow_code=options.allow_code)
    scope = _scope(options.only)
    if options.reason is not None:
        options.reason = _reason(options.reason)
    _refuse_unnamed(options)
    job = _job(options, host, out)
    if job is None:
        return 1
    chosen = named(job.plans, options.models, job.workspace.base).plans
    _refuse_unreasoned(options, host, job, chosen)
    for plan in chosen:
        _refuse_pointer(plan)
    record.read(job.workspace.base / record.FILE, job.workspace.shown(job.workspace.base / record.FILE))
    with TemporaryDirectory(prefix="weight-gate-", dir=options.scratch) as scratch:
        judged = candidates(job, chosen, options, host, err, Path(scratch))
        return _Update(options, host, out, job, scope, Path(scratch)).work(judged)


def _job(options: argparse.Namespace, host: Runner, out: TextIO) -> Job | None:
    """What there is to do, once an update that was cut off is finished; None where the answer to that is no."""
    job = job_of(options, host)
    begun = transaction.cut_off(job.workspace)
    if not begun:
        return job
    if options.dry_run:
        raise GateError("an update was cut off", "run `weight-gate update` without --dry-run: it finishes it first")
    terminal = None if host.present else standard_input()
    if not options.yes and terminal is None:
        raise UsageError(
            "an update was cut off, and nothing was written: there is no terminal to ask on",
            "say --yes to finish it",
        )
    out.writelines(f"{plain(job.workspace.shown(path))}: begun by an update that was cut off\n" for path in begun)
    if not options.yes and _answer(out, terminal, "finish it? [y/N] ").lower() not in _YES:
        out.write("nothing written\n")
        return None
    finished = transaction.finish(job.workspace)
    out.writelines(f"{plain(job.workspace.shown(path))}: finished, as it was begun before\n" for path in finished)
    return job_of(options, host)


def _answer(out: TextIO, terminal: TextIO | None, question: str) -> str:
    """What is said on the terminal; empty at its end."""
    return _typed(out, terminal, question).strip()


def _typed(out: TextIO, terminal: TextIO | None, question: str) -> str:
    """One line from the terminal, with the break that ends it; none at the terminal's end."""
    if terminal is None:
        return ""
    out.write(plain(question))
    out.flush()
    answer = terminal.readline(_LONGEST_ANSWER)
    if not answer.endswith("\n"):
        out.write("\n")
    return answer


def _scope(globs: Sequence[str]) -> Scope:
    for glob in globs:
        try:
            if not glob:
                raise ValueError("it is empty")
            glob_pattern(glob)
        except (ValueError, GlobError) as error:
            raise UsageError(f"--only {glob!r} is no glob: {error}", "write it as `match:` has it") from error
    return Scope(tuple(dict.fromkeys(globs)))


def _reason(said: str) -> str:
    """A reason on one line; what stands in a command to be filled in is none."""
    text = " ".join(said.split())
    if not text:
        raise UsageError("the reason is empty", _SAY_WHY)
    if text.casefold() in _PLACEHOLDERS or not any(map(str.isalnum, text)):
        raise UsageError(f"{text} is no reason", _SAY_WHY)
    if len(text) > record.LONGEST:
        raise UsageError(f"the reason is longer than {record.LONGEST} characters", "say it shorter")
    return text


def _refuse_unnamed(options: argparse.Namespace) -> None:
    if options.yes and not options.only and not options.dry_run:
        raise UsageError(
            "nothing was written: --yes approves only what is named",
            "say which tensors with --only, as in --only 'head/**'; --only '**' is everything",
        )


def _refuse_unreasoned(options: argparse.Namespace, host: Runner, job: Job, chosen: Sequence[ModelPlan]) -> None:
    """Before anything is loaded: only a first reference has a reason of its own."""
    if not options.yes or options.dry_run or options.reason or _terminal(host) is not None:
        return
    if not all(is_missing(plan, job.workspace) for plan in chosen):
        raise UsageError("nothing was written: an approval needs a reason", "say why with --reason 'retrained on …'")


def _terminal(host: Runner) -> TextIO | None:
    """Where somebody can be asked; in a job nobody is."""
    return None if host.present else standard_input()


def _refuse_pointer(plan: ModelPlan) -> None:
    if plan.problem is None and has_pointers(plan.path):
        raise GateError(
            f"{plan.weights} is a Git LFS pointer, and a reference is made of the file itself",
            "run `git lfs pull` first",
        )


class _Update:
    """One call of the command, once the models are judged."""

    def __init__(
        self, options: argparse.Namespace, host: Runner, out: TextIO, job: Job, scope: Scope, scratch: Path
    ) -> None:
        self.options = options
        self.out = out
        self.job = job
        self.base = job.workspace.base
        self.scope = scope
        self.scratch = scratch
        self.shown = Shown(out, options.color)
        self.terminal = _terminal(host)
        self.sources = sources_of(job.workspace, options, host)
        self.reason: str = options.reason or ""
        self.written: set[Path] = set()

    def work(self, judged: Sequence[Judged]) -> int:
        """Shows everything first, and refuses what is asked wrongly before anything is written."""
        red = [each for each in judged if each.created or each.result.outcome not in GREEN]
        for each in judged:
            if each not in red:
                self.shown.line(f"{each.plan.name}: nothing to approve, everything held")
        self._refuse_idle(red)
        offers = [self._offer(each) for each in red]
        for offer in offers:
            verb = "would write:" if self.options.dry_run else "an approval writes:"
            self.shown.offer(offer, self.job.loaded, verb)
        if not self.options.dry_run:
            self._refuse([offer for offer in offers if offer.is_open])
        return max((self._settle(offer) for offer in offers), default=0)

    # What is offered.

    def _offer(self, judged: Judged) -> Offer:
        try:
            proposal = self._proposal(judged)
            targets = [file.target for file in proposal.files]
            refuse_same([self.base / record.FILE, *targets], self.job.workspace)
            for target in targets:
                refuse_elsewhere(target, self.job.workspace)
                refuse_in_use(target, judged.plan, self.job)
            after, alone = self._after(proposal)
            return Offer(judged, proposal, remaining(proposal, after, alone))
        except GateError as error:
            return Offer(judged, refusal=error)

    def _proposal(self, judged: Judged) -> Proposal:
        """What would be written, as the files are now."""
        folder = self.scratch / f"proposal-{self.job.plans.index(judged.plan)}"
        folder.mkdir(exist_ok=True)
        return propose(judged, self.scope, self.job.workspace, self.job.loaded, folder)

    def _after(self, proposal: Proposal) -> tuple[ModelResult, ModelResult | None]:
        """The model judged against what would be written, and where some of it is left out, by itself too."""
        plans = [proposal.plan]
        if proposal.left:
            plans.append(without_reference(replace(proposal.plan, digest=None)))
        workspace = Workspace(self.base, [*self.job.workspace.roots, self.scratch])
        sources = replace(self.sources, workspace=workspace)
        found = Run(plans, workspace, "", threads=self.options.threads, sources=sources).execute()
        return found.models[0], found.models[1] if proposal.left else None

    # What is refused.

    def _refuse_idle(self, red: Sequence[Judged]) -> None:
        names = {name for each in red if each.seen for name in each.seen.names}
        for glob in self.scope.idle(names) if names else ():
            raise UsageError(
                f"--only {glob!r} matches no tensor of what is red", "see the names with `weight-gate check`"
            )

    def _refuse(self, offers: Sequence[Offer]) -> None:
        if not offers:
            return
        if not self.options.yes and self.terminal is None:
            raise UsageError(
                "nothing was written: there is no terminal to ask on",
                "say --yes and which tensors with --only, or --dry-run to see what would be written",
            )
        needed = any(offer.proposal and offer.proposal.values_differ for offer in offers)
        if needed and not self.reason and self.terminal is None:
            raise UsageError(
                "nothing was written: an approval needs a reason", "say why with --reason 'retrained on …'"
            )

    # What is done.

    def _settle(self, offer: Offer) -> int:
        """Asks and writes; the exit code as far as this model is concerned."""
        if not offer.is_open:
            return 4 if offer.is_error else 1
        code = 1 if offer.remaining.left else 0
        if self.options.dry_run:
            return code
        name = offer.judged.plan.name
        if not self.options.yes and _answer(self.out, self.terminal, f"approve {name}? [y/N] ").lower() not in _YES:
            self.shown.line(f"{name}: nothing written")
            return 1
        proposal = self._proposal(offer.judged)
        manifest = self.base / self.job.path.name  # pins of several models stand in it
        if again := self.written.intersection(file.target for file in proposal.files) - {manifest}:
            self.shown.line(
                f"{name}: {self.job.workspace.shown(min(again))} was written for another model: run it again"
            )
            return 1
        self._write(proposal)
        self.written.update(file.target for file in proposal.files)
        self.shown.line(f"{name}: written, and recorded in {record.FILE}")
        if offer.remaining.left:
            self.shown.line(f"{name}: still red: {', '.join(offer.remaining.names)}")
        return code

    def _write(self, proposal: Proposal) -> None:
        if not self.reason and proposal.values_differ:
            self.reason = self._asked_for()
        reason = self.reason or _FIRST
        when = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        by = who(self.options.by, self.base)
        runtime = proposal.judged.result.runtime
        tools = {"weight-gate": gate.__version__, **{key: runtime[key] for key in _TOOLS if key in runtime}}
        proposal = signed(proposal, Made(when, by, reason, commit(self.base), tools))
        kept = self.base / record.FILE
        approval = recorded(proposal, when, by, reason)

        def text() -> bytes:
            """As the record is once nobody else writes it."""
            return record.added(kept, self.job.workspace.shown(kept), approval).encode()

        transaction.write([transaction.File(kept, text), *proposal.files], self.job.workspace)

    def _asked_for(self) -> str:
        """A reason from the terminal, which is asked until it gives one, or ends."""
        while True:
            answer = _typed(self.out, self.terminal, "why is the change meant? ")
            try:
                return _reason(answer)
            except UsageError as error:
                if not answer.endswith("\n"):
                    raise
                self.shown.line(error.reason)
