"""What `weight-gate update` shows of a model: the findings that made it red, and what an approval would write."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TextIO

from gate.approvals.proposal import Judged, Proposal
from gate.approvals.remaining import Remaining
from gate.approvals.telling import as_lock, elsewhere, plan_of
from gate.commands.candidates import GREEN
from gate.errors import GateError
from gate.manifest import LoadedManifest
from gate.reports.console import width_of, wrap, write_code, write_model
from gate.reports.escaping import harmless, plain
from gate.reports.stream import Color
from gate.results import CheckResult, ModelResult, Outcome
from gate.run import READ
from gate.wording import counted

_MOST_FINDINGS = 5
_NARROWEST = 20


@dataclass(frozen=True)
class Offer:
    """A model that is not as it should be: what would be written, or why nothing can be."""

    judged: Judged
    proposal: Proposal | None = None
    remaining: Remaining = field(default_factory=Remaining)
    refusal: GateError | None = None

    @property
    def is_open(self) -> bool:
        """Whether there is something to say yes to."""
        return self.proposal is not None and bool(self.proposal.files) and not self.remaining.barred

    @property
    def is_error(self) -> bool:
        """Whether what bars it is that something could not be judged."""
        if self.judged.seen is None or any(
            check.check == READ and check.outcome is Outcome.ERROR for check in self.judged.result.checks
        ):
            return True
        return any(check.outcome is Outcome.ERROR for check in self.remaining.barred)


class Shown:
    """The stream that all of it goes to, every text escaped."""

    def __init__(self, out: TextIO, color: Color) -> None:
        self._out = out
        self._color = color

    def offer(self, offer: Offer, loaded: LoadedManifest, verb: str) -> None:
        """One model."""
        judged = offer.judged
        self._model(judged)
        if offer.refusal is not None:
            self.line(f"cannot be approved: {offer.refusal.reason}", 2)
            if offer.refusal.hint:
                self.line(f"what to do: {offer.refusal.hint}", 2)
        elif offer.remaining.barred:
            self.line("nothing of it can be approved as long as this is red:", 2)
            self._checks(offer.remaining.barred)
        elif offer.proposal is not None and offer.proposal.files:
            self.line(verb, 2)
            for text in plan_of(offer.proposal):
                self.line(text, 4 + len(text) - len(text.lstrip()))
            if offer.proposal.patch:
                write_code(offer.proposal.patch, "diff", self._out, color=self._color)
            if offer.remaining.left:
                self.line("and leaves red:", 2)
                self._checks(offer.remaining.left)
        elif judged.seen is not None and judged.seen.changes and not (offer.proposal and offer.proposal.taken):
            self.line("--only means nothing that differs", 2)
        if judged.reference_is_red:
            self._out.writelines(f"  {harmless(plain(text))}\n" for text in elsewhere(judged))
            write_code(*as_lock(judged, loaded), self._out, color=self._color)

    def line(self, text: str, indent: int = 0) -> None:
        """One paragraph; its further lines stand in."""
        lines = wrap(plain(text).strip(), max(width_of(self._out) - indent - 2, _NARROWEST))
        self._out.writelines(f"{' ' * (indent + 2 * (number > 0))}{line}\n" for number, line in enumerate(lines))

    def _model(self, judged: Judged) -> None:
        """The findings as `check` prints them, without all that is green."""
        model = judged.result
        if model.outcome in GREEN:
            reference = judged.plan.reference
            self.line(f"{model.name}: {reference.shown if reference else 'the reference'} is not there yet")
            return
        red = tuple(check for check in model.checks if check.outcome not in GREEN)
        short = ModelResult(model.name, model.weights, model.reference, red, model.coverage, position=model.position)
        write_model(short, self._out, color=self._color)

    def _checks(self, checks: Iterable[CheckResult]) -> None:
        for check in checks:
            self.line(f"{check.check}: {check.summary}", 4)
            for finding in check.findings[:_MOST_FINDINGS]:
                name = f"{finding.tensor}: " if finding.tensor else ""
                where = f" ({finding.position})" if finding.position else ""
                self.line(f"{name}{finding.reason}{where}", 6)
            if len(check.findings) > _MOST_FINDINGS:
                self.line(f"and {counted(len(check.findings) - _MOST_FINDINGS, 'more finding')}", 6)
