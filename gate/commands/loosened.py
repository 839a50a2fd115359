"""What `weight-gate check` says of the manifest itself, beside what it says of each model."""

import argparse
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from gate.action import Runner
from gate.checks.interface import Subject
from gate.commands.job import Job
from gate.errors import defect
from gate.loosening.endless import alone
from gate.loosening.entries import relative
from gate.loosening.said import CHECK
from gate.loosening.wanted import is_wanted
from gate.position import Position
from gate.results import CheckResult, Loosening, ModelResult, Outcome, RunResult

if TYPE_CHECKING:
    from gate.loosening.models import Seen


class Watch:
    """Sees the tensors of each model that is judged, and then what the manifest asks of them, and asked before."""

    def __init__(self, job: Job, options: argparse.Namespace, host: Runner) -> None:
        self.job = job
        self.ref: str | None = getattr(options, "base", None)
        self.event = host.event
        self._is_compared = is_wanted(self.ref, self.event)
        self._path = {plan.weights: relative(plan.path, job.workspace) for plan in job.plans}
        self._seen: dict[str, Seen] = {}
        self._said: Loosening | None = None
        self._check: CheckResult | None = None

    def see(self, subject: Subject) -> None:
        """Notes what the files of a model hold: names, dtypes, shapes."""
        path = self._path.get(subject.candidate.path)
        if not self._is_compared or path is None:
            return
        from gate.loosening.tensors import kind_of  # noqa: PLC0415 - as in `judge`

        ours, theirs = subject.pairing.candidate, subject.pairing.reference
        found = {name: frozenset({kind_of(ours.get(name), theirs.get(name))}) for name in subject.pairing.names}
        for name, kinds in self._seen.get(path, {}).items():
            found[name] = found.get(name, frozenset()) | kinds
        self._seen[path] = found

    def judge(self) -> None:
        """Once the models are judged."""
        job = self.job
        if not self._is_compared:
            self._said = alone(job.loaded)
            return
        from gate.loosening.compare import failed, judged  # noqa: PLC0415 - with git and locks, where there is a base

        today = datetime.now(UTC).date()
        try:
            found = judged(job.path, job.loaded, job.workspace, self.ref, self.event, self._seen, today)
        except Exception as error:  # noqa: BLE001 - as in `gate.run`: a defect of ours must not hide the verdict
            found = failed(defect(error), job.loaded)
        self._said, self._check = found.loosening, found.check

    def added(self, result: RunResult) -> RunResult:
        """The run's result with what was found; as long as it is not, with a check that was not reached."""
        check = self._check
        if self._said is None and self._is_compared:
            check = CheckResult(CHECK, Outcome.NOT_RUN, "not run", position=self.job.loaded.position("models"))
        if check is not None:
            result = replace(result, models=(*result.models, self._model(check)))
        return replace(result, loosening=self._said or Loosening())

    def _model(self, check: CheckResult) -> ModelResult:
        name = str(self.job.path)
        return ModelResult(name=name, weights=name, checks=(check,), position=check.position or Position(name))
