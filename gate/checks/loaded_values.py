"""The rules once more, on what was loaded: frozen layers are the reference's, trained ones are not, in memory too.

Reading proves it of the file and `restore` that the file arrived; here both are looked at together, so that a rule
holds of what is served. It is only made where there are rules.
"""

from dataclasses import replace

from gate.checks.interface import Subject
from gate.checks.values import check_values
from gate.results import CheckResult
from gate.tensors.weightset import Tensor, WeightSet


def check_loaded_values(subject: Subject) -> CheckResult:
    """The `values` check, with the tensors as the variables hold them after loading."""
    restored = subject.loaded.restored()
    landed = {landing.tensor: variable for variable, landing in restored.landed.items() if landing.tensor is not None}
    homes = {**landed, **restored.home}
    now: dict[str, Tensor] = {}
    for name, tensor in subject.pairing.candidate.items():
        variable = homes.get(tensor.name)
        if variable is not None:
            held = restored.variables[variable]
            now[name] = replace(held, name=tensor.name, group=tensor.group)
    candidate = WeightSet(subject.candidate.path, "loaded", now)
    pairing = replace(subject.pairing, candidate=now)
    loaded = Subject(
        candidate=candidate,
        reference=subject.reference,
        pairing=pairing,
        rules=subject.rules,
        groups=subject.groups,
        positions=subject.positions,
        threads=subject.threads,
    )
    found = check_values(loaded)
    return replace(found, check="loaded-values", summary=f"after loading: {found.summary}")
