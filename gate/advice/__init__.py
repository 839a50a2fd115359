"""What one may do about a model that is not green: one module per kind of suggestion. Decides nothing."""

from collections.abc import Callable, Iterable, Iterator

from gate.advice import approval, tolerance
from gate.checks.interface import Subject
from gate.results import ModelResult, Suggestion

Adviser = Callable[[Subject, ModelResult], Iterable[Suggestion]]

# In the order of reports.
ADVISERS: tuple[Adviser, ...] = (tolerance.advise, approval.advise)


def suggestions(subject: Subject, judged: ModelResult) -> Iterator[Suggestion]:
    """What all advisers say of a model that was judged, while its tensors can still be read."""
    for adviser in ADVISERS:
        yield from adviser(subject, judged)
