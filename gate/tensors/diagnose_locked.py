"""Why a tensor is not the one of a lock, where digests tell: found under another name, or never set.

Like `gate.tensors.diagnose` it only says what is certain. Of a lock that is what has the very same bytes.
"""

from gate.tensors.diagnose import Diagnosis, Library, constant, constant_tensor, found_under, listed
from gate.tensors.weightset import Tensor


def explain_locked_value(
    name: str, actual: Tensor, expected: Tensor, digest: str, candidate: Library, reference: Library
) -> Diagnosis | None:
    """What can be said of a tensor whose `digest` is not that of a lock; nothing where nothing is certain."""
    if actual.size < 2 or expected.locked is None:
        return None
    if (value := constant(actual.read())) is not None:
        return None if _is_constant(expected) else constant_tensor(value)
    found = reference.of_digest(digest, actual, without=name)
    if not found:
        return None
    if len(found) == 1 and candidate.of_digest(expected.locked.digest, expected, without=name) == found:
        text = f"swapped: it holds what the lock has as {found[0]}, and {found[0]} holds what belongs here"
        return Diagnosis("swapped-tensor", text, tuple(found))
    return Diagnosis("misplaced-tensor", f"it holds what the lock has as {listed(found)}")


def explain_locked_missing(name: str, missing: Tensor, others: Library) -> Diagnosis | None:
    """Where the values of a tensor of a lock are found in the file's surplus tensors."""
    if missing.locked is None or missing.size < 2 or _is_constant(missing):
        return None
    found = others.of_digest(missing.locked.digest, missing, without=name)
    return found_under(found) if found else None


def _is_constant(tensor: Tensor) -> bool:
    """Whether all elements of a tensor of a lock are the same, as many unset ones are: it could be any of those."""
    told = tensor.locked.statistics if tensor.locked else {}
    return "min" in told and told["min"] == told.get("max")
