"""Did loading bring every tensor of the file, unchanged, into the variable of its name, and nothing else anywhere?

The tags of `gate.runtime.tags` tell which tensor landed in which variable; names tell where it belongs; then what the
real file left in each variable is compared with the tensor that landed there, bit for bit.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from gate.asked import Loading, Waiver
from gate.checks.evidence import Landing, NotLoaded, Restored
from gate.checks.framework_warnings import warnings_of
from gate.checks.interface import UNCHECKABLE, Subject, result, unreadable
from gate.checks.wording import counted, kind_of, number, place, share
from gate.errors import UnreadableError
from gate.position import Position
from gate.results import CheckResult, Finding, Outcome
from gate.tensors.compare import Criterion, Measurement
from gate.tensors.dtypes import dtype_name
from gate.tensors.survey import Job, measure
from gate.tensors.weightset import Group, Tensor

NOT_LOADED, NOT_RESTORED, ELSEWHERE, ALTERED = "not-loaded", "not-restored", "restored-elsewhere", "altered"
FAILED = "load-failed"
_BITS = Criterion(bitwise=True, nan=True, inf=True)


def check_restore(subject: Subject) -> CheckResult:
    """Judges the load of the file, tensor by tensor and variable by variable."""
    at = subject.positions.get("load") or subject.positions.get("weights")
    try:
        restored = subject.loaded.restored()
    except NotLoaded as error:
        return result("restore", error.reason, [Finding(FAILED, error.reason, hint=error.hint, position=at)], 1, at)
    account = Account(restored, subject.loading, subject.groups, at)
    findings = [*account.findings(), *_altered(account, subject.threads)]
    kept, waived = _without_waived(findings, subject.loading, account)
    kept += warnings_of(restored.said, at)
    kept += _idle_waivers(subject.loading, account)
    return result("restore", account.summary(kept, waived), kept, len(account.asked_tensors), at)


@dataclass
class Account:
    """Who landed where, and who should have."""

    restored: Restored
    loading: Loading
    groups: frozenset[Group]
    at: Position | None
    landed_in: dict[str, list[str]] = field(init=False)
    """The variables in which a tensor of the file landed."""

    def __post_init__(self) -> None:
        self.landed_in = {}
        for variable, landing in self.restored.landed.items():
            if landing.tensor is not None:
                self.landed_in.setdefault(landing.tensor, []).append(variable)
        self.home_of = {variable: tensor for tensor, variable in self.restored.home.items()}

    @property
    def asked_tensors(self) -> list[str]:
        """The file's tensors of the compared groups, without those that stay behind by the manifest's word."""
        return [
            name for name, tensor in self.restored.tensors.items() if tensor.group in self.groups and self._wanted(name)
        ]

    @property
    def asked_variables(self) -> list[str]:
        """The variables that have to come from the file."""
        return [name for name in self.restored.variables if self._counts(name) and self._from_the_file(name)]

    def findings(self) -> Iterator[Finding]:
        """What did not land, or landed in the wrong place; then the variables that nothing was loaded into."""
        told: set[str] = set()
        for name in self.asked_tensors:
            if name not in self.restored.texts:
                yield from self._tensor(name, told)
        for name in self.asked_variables:
            if name not in told and not self._is_written(name):
                yield self._unwritten(name)
        for name in self.restored.variables:
            if self._counts(name) and not self._from_the_file(name) and self._is_written(name):
                yield self._not_new(name)

    def pairs(self) -> Iterator[tuple[str, str]]:
        """(variable, tensor that landed in it), of what was asked for; texts go by their names."""
        asked = set(self.asked_tensors)
        for variable in self.restored.variables:
            landing = self.restored.landed.get(variable, Landing(None))
            tensor = landing.tensor
            if tensor is None and (home := self.home_of.get(variable)) in self.restored.texts:
                tensor = home
            if tensor is not None and tensor in asked:
                yield variable, tensor

    def summary(self, findings: list[Finding], waived: int) -> str:
        """`312 of 312 tensors restored, 100 % of bytes; 312 of 312 variables written by the load`."""
        tensors = self.restored.tensors
        asked = self.asked_tensors
        wrong = {finding.tensor for finding in findings}
        wrong_homes = {self.restored.home.get(name) for name in asked if name in wrong}
        fine = [name for name in asked if name not in wrong and self._arrived(name)]
        variables = self.asked_variables
        written = [name for name in variables if self._is_written(name) and name not in wrong | wrong_homes]
        of_bytes = share(sum(tensors[name].nbytes for name in fine), sum(tensors[name].nbytes for name in asked))
        text = f"{len(fine):,} of {counted(len(asked), 'tensor')} restored, {of_bytes} of bytes"
        text += f"; {len(written):,} of {counted(len(variables), 'variable')} written by the load"
        if left := [n for n, t in tensors.items() if t.group in self.groups and not self._wanted(n)]:
            text += f"; {counted(len(left), 'tensor')} left in the file, as told"
        if waived:
            text += f"; {counted(waived, 'finding')} waived"
        if unknown := [name for name in asked if name in self.restored.uncertain]:
            text += f"; of {counted(len(unknown), 'tensor')} no name tells the variable: taken as they landed"
        return text

    def _arrived(self, name: str) -> bool:
        return name in self.landed_in or name in self.restored.texts or not self.restored.tensors[name].size

    def _tensor(self, name: str, told: set[str]) -> Iterator[Finding]:
        if not self.restored.tensors[name].size:
            return
        home, found = self.restored.home.get(name), self.landed_in.get(name, [])
        if not found:
            if home is not None:
                told.add(home)
            yield self._lost(name, home)
        elif home is None and name not in self.restored.uncertain:
            if strangers := [each for each in found if each not in self.home_of]:
                yield self._renamed(name, strangers)
            else:
                yield self._elsewhere(name, None, found)
        elif home is not None and home not in found:
            told.update((home, *found))
            yield self._elsewhere(name, home, found)

    def _lost(self, name: str, home: str | None) -> Finding:
        details = []
        if home is not None:
            details.append(f"the variable {home} {self._holds(home)}")
        else:
            details.append("no variable of the model has its name")
        parts = [each for each, landing in self.restored.landed.items() if name in landing.parts]
        if parts:
            details.append(f"parts of it are in {', '.join(parts[:3])}")
        return Finding(
            NOT_LOADED,
            "the load put it into no variable",
            tensor=name,
            details=tuple(details),
            hint="loading succeeded without it: see that the model and the loader fit the file",
            severity=1.0,
            position=self.at,
        )

    def _elsewhere(self, name: str, home: str | None, found: list[str]) -> Finding:
        there = found[0]
        details = []
        if home is not None:
            other = self.restored.landed.get(home, Landing(None)).tensor
            if other is not None and self.restored.home.get(other) == there:
                details.append(f"swapped: {home} holds what the file has as {other}")
            else:
                details.append(f"{home} {self._holds(home)}")
        elif (owner := self.home_of.get(there)) is not None:
            details.append(f"{there} is the variable of the file's {owner}; none has the name of this tensor")
        return Finding(
            ELSEWHERE,
            f"it landed in {there}" + (f", not in {home}" if home is not None else ""),
            tensor=name,
            details=tuple(details),
            hint="the loader goes by order, class or path where it should go by name: "
            "build the layers in the order of the file, or save the file from this model",
            severity=2.0,
            position=self.at,
        )

    def _renamed(self, name: str, found: list[str]) -> Finding:
        return Finding(
            ELSEWHERE,
            f"it landed in {found[0]}, a variable of another name, of which the file has no tensor",
            tensor=name,
            hint="give the layer the name that it has in the file, or waive it under `restore`",
            severity=1.0,
            position=self.at,
        )

    def _unwritten(self, name: str) -> Finding:
        tensor = self.home_of.get(name)
        details = [f"it {self._holds(name)}"]
        if tensor is None:
            details.append("the file has no tensor of its name")
        return Finding(
            NOT_RESTORED,
            "the load did not write it: it holds what it was built with",
            tensor=name,
            details=tuple(details),
            hint="save the file with this variable, or waive it under `restore`",
            severity=1.0,
            position=self.at,
        )

    def _not_new(self, name: str) -> Finding:
        return Finding(
            ELSEWHERE,
            f"the load wrote it, and `partial` leaves it as it was built: it holds the file's "
            f"{self.restored.landed[name].tensor}",
            tensor=name,
            hint="name it under `partial`, or give its layer a name of its own",
            severity=1.0,
            position=self.at,
        )

    def _holds(self, variable: str) -> str:
        landing = self.restored.landed.get(variable, Landing(None))
        if landing.tensor is not None:
            return f"holds what the file has as {landing.tensor}"
        if landing.parts:
            return f"holds parts of {', '.join(landing.parts)}"
        return "holds nothing of the file"

    def _is_written(self, variable: str) -> bool:
        landing = self.restored.landed.get(variable, Landing(None))
        text = self.home_of.get(variable) in self.restored.texts
        return landing.tensor is not None or text or not self.restored.variables[variable].size

    def _counts(self, variable: str) -> bool:
        """Whether a variable is of the groups that were asked for; states of generators that no file holds are not."""
        tensor = self.restored.landed.get(variable, Landing(None)).tensor or self.home_of.get(variable)
        group = self.restored.tensors[tensor].group if tensor is not None else self.restored.variables[variable].group
        if group is Group.RNG and tensor is None:
            return False
        return group in self.groups

    def _from_the_file(self, variable: str) -> bool:
        return self.loading.comes_from_the_file(variable)

    def _wanted(self, tensor: str) -> bool:
        home = self.restored.home.get(tensor)
        return not self.loading.partial or self.loading.comes_from_the_file(home if home is not None else tensor)


def _altered(account: Account, threads: int) -> Iterator[Finding]:
    """What landed, and is not what the file has: other values, another dtype, another shape."""
    jobs = []
    for variable, tensor in account.pairs():
        ours, theirs = account.restored.variables[variable], account.restored.tensors[tensor]
        if (ours.shape, dtype_name(ours.dtype)) != (theirs.shape, dtype_name(theirs.dtype)):
            yield _another_kind(variable, ours, tensor, theirs, account.at)
        else:
            jobs.append(Job(ours, theirs, _BITS, variable))
    names = {job.key: job for job in jobs}
    landed = dict(account.pairs())
    for variable, found in measure(jobs, threads).items():
        if isinstance(found, UnreadableError):
            yield unreadable(variable, found, account.at)
        elif found.violating:
            yield _changed(landed[variable], variable, names[variable], found, account.at)


def _another_kind(variable: str, ours: Tensor, name: str, theirs: Tensor, at: Position | None) -> Finding:
    return Finding(
        ALTERED,
        f"the file has {kind_of(theirs)}, the variable {variable} {kind_of(ours)}",
        tensor=name,
        hint="give the layer the dtype of the file, or save the file in the dtype that is served",
        severity=1.0,
        position=at,
    )


def _changed(name: str, variable: str, job: Job, found: Measurement, at: Position | None) -> Finding:
    details = []
    if found.worst is not None:
        where = place(found.worst.index, job.actual.shape)
        details.append(f"at {where}: {number(found.worst.actual)}, the file has {number(found.worst.expected)}")
    return Finding(
        ALTERED,
        f"{found.violating:,} of {counted(found.elements, 'element')} of the variable {variable} are not the file's",
        tensor=name,
        details=tuple(details),
        hint="the loader changes what it reads: see whether that is meant, and save what is served",
        severity=1.0,
        position=at,
    )


def _without_waived(findings: Iterable[Finding], loading: Loading, account: Account) -> tuple[list[Finding], int]:
    """The findings that no waiver covers, and how many are covered."""
    active = [each for each in loading.waivers if not each.expired(loading.today)]
    kept, waived = [], 0
    for finding in findings:
        names = _names_of(finding, account.restored.home)
        if finding.kind != UNCHECKABLE and any(each.matches(name) for each in active for name in names):
            waived += 1
        else:
            kept.append(finding)
    return kept, waived


def _names_of(finding: Finding, home: Mapping[str, str]) -> list[str]:
    name = finding.tensor or ""
    return [name, home[name]] if name in home else [name]


def _idle_waivers(loading: Loading, account: Account) -> Iterator[Finding]:
    """A waiver that matches nothing, or whose day has passed, guards nothing."""
    names = {*account.restored.tensors, *account.restored.variables}
    for each in loading.waivers:
        if not any(each.matches(name) for name in names):
            yield Finding(
                UNCHECKABLE,
                f"the waiver `{each.match}` matches no tensor and no variable",
                hint="correct the pattern, or remove the waiver",
                position=each.position,
            )
    for pattern in loading.partial:
        waiver = Waiver(pattern, "")
        if not any(waiver.matches(name) for name in account.restored.variables):
            yield Finding(
                UNCHECKABLE,
                f"`partial` names `{pattern}`, and no variable matches it",
                hint=f"correct the pattern; the variables are {', '.join(list(account.restored.variables)[:5])}, …",
                position=account.at,
            )


def restore_waivers(subject: Subject) -> tuple[CheckResult, ...]:
    """One waived result for each waiver that holds, with its reason."""
    loading = subject.loading
    return tuple(
        CheckResult(
            f"restore waived: {each.match}",
            Outcome.WAIVED,
            f"need not be restored: {each.reason}" + (f" (until {each.until})" if each.until else ""),
            position=each.position,
        )
        for each in loading.waivers
        if not each.expired(loading.today)
    )
