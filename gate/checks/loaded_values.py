"""The rules once more, on what was loaded: frozen layers are the reference's, trained ones are not, in memory too.

Reading proves it of the file and `restore` that the file arrived; here both are looked at together, so that a rule
holds of what is served. It is only made where there are rules. What `values` found of the file is not told again.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from gate.checks.evidence import NotLoaded, Restored
from gate.checks.interface import UNCHECKABLE, Subject, result
from gate.checks.landings import Account, is_waived
from gate.checks.values import check_values
from gate.checks.wording import kind_of
from gate.results import CheckResult, Finding, worst
from gate.tensors.weightset import Tensor, WeightSet
from gate.wording import counted

CHECK = "loaded-values"


def check_loaded_values(subject: Subject) -> CheckResult:
    """The `values` check, with the tensors as the variables hold them after loading."""
    at = subject.positions.get("load") or subject.positions.get("weights")
    try:
        restored = subject.loaded.restored()
    except NotLoaded as error:
        return result(CHECK, error.reason, [Finding("load-failed", error.reason, hint=error.hint, position=at)], 1, at)
    free = _free(subject, restored)
    held = _held(subject.pairing.candidate, restored, free)
    loaded = replace(
        subject,
        candidate=WeightSet(subject.candidate.path, "loaded", held),
        pairing=replace(subject.pairing, candidate=held),
        thresholds={},
        evidence=None,
    )
    found = check_values(loaded)
    told = {_said(finding) for finding in check_values(subject).findings}
    findings = [finding for finding in found.findings if _said(finding) not in told]
    again = len(found.findings) - len(findings)
    findings += _lacking(subject, loaded, free)
    if not found.checked and not (findings or again or free):
        findings.append(Finding(UNCHECKABLE, "no value that was loaded was compared", position=at))
    same = f"{counted(again, 'finding')} as in the file; " if again else ""
    summary = f"after loading: {same}{found.summary}"
    summary += f"; {counted(len(free), 'tensor')} that need not be loaded left out" if free else ""
    judged = result(CHECK, summary, findings, found.checked, found.position)
    return replace(judged, outcome=worst((judged.outcome, found.outcome)))


def _free(subject: Subject, restored: Restored) -> frozenset[str]:
    """The names of tensors that need not arrive: the manifest says so, or nothing shows whether they did."""
    account = Account(restored, subject.loading, subject.groups, None)
    free = {*account.left, *account.tables}

    def is_free(tensor: str) -> bool:
        return tensor in free or is_waived((tensor, restored.home.get(tensor, tensor)), subject.loading)

    return frozenset(name for name, tensor in subject.pairing.candidate.items() if is_free(tensor.name))


def _held(tensors: Mapping[str, Tensor], restored: Restored, free: frozenset[str]) -> dict[str, Tensor]:
    """What variables hold, by the names under which tensors are compared: those of the name, else where it landed."""
    landed = {landing.tensor: variable for variable, landing in restored.landed.items() if landing.tensor is not None}
    homes = {**landed, **restored.home}
    held: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        variable = restored.variables.get(homes.get(tensor.name, ""))
        if variable is not None and name not in free:
            held[name] = replace(variable, name=tensor.name, group=tensor.group)
    return held


def _lacking(subject: Subject, loaded: Subject, free: frozenset[str]) -> Iterator[Finding]:
    """What is compared of the file, and cannot be of what was loaded."""
    held = loaded.pairing.candidate
    for name in subject.judged:
        if name not in free and _is_compared(subject, name) and not _is_compared(loaded, name):
            yield _unheld(subject, name, held.get(name))


def _is_compared(subject: Subject, name: str) -> bool:
    return name in subject.pairing.candidate and (
        name in subject.compared or subject.expectations[name].values is not None
    )


def _unheld(subject: Subject, name: str, held: Tensor | None) -> Finding:
    if held is None:
        reason = "no variable of the loaded model holds it, so its rule says nothing of what is served"
    else:
        reason = f"the file has {kind_of(subject.pairing.candidate[name])}, and what was loaded is {kind_of(held)}"
    return Finding(
        "not-comparable",
        reason,
        tensor=name,
        hint="see what `restore` says of it; what need not be loaded is waived there, with a reason",
        severity=1.0,
        position=subject.position(name, "expect"),
    )


def _said(finding: Finding) -> tuple[str, str | None, str, tuple[str, ...]]:
    return (finding.kind, finding.tensor, finding.reason, finding.details)
