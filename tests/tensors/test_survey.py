"""Many tensors at once: the same results with any number of threads and any cut."""

import numpy as np
import pytest

from gate.errors import UnreadableError
from gate.tensors import survey
from gate.tensors.compare import Criterion, compare
from gate.tensors.survey import Job, measure
from gate.tensors.tolerance import Tolerance
from support.tensors import broken, tensor


@pytest.mark.parametrize("threads", [1, 2, 5])
@pytest.mark.parametrize("piece", [1, 64, 10**7])
def test_equals_one_comparison_per_tensor(threads: int, piece: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(survey, "PIECE_BYTES", piece)
    rng = np.random.default_rng(1)
    criterion = Criterion(Tolerance(1e-3, 1e-3))
    jobs = []
    for i, size in enumerate([0, 1, 3, 100, 257]):
        expected = rng.standard_normal(size)
        jobs.append(Job(tensor(f"t{i}", expected + 1e-3 * rng.standard_normal(size)), tensor("e", expected), criterion))
    found = measure(jobs, threads)
    for job in jobs:
        assert job.expected is not None
        assert found[job.actual.name] == compare(job.actual.read(), job.expected.read(), criterion)


def test_an_unreadable_tensor_hides_no_other() -> None:
    good = tensor("good", [1.0, 2.0])
    found = measure([Job(broken("bad"), good), Job(good, good), Job(good, broken("bad"), name="other")], 2)
    assert isinstance(found["bad"], UnreadableError)
    assert isinstance(found["other"], UnreadableError)
    assert not isinstance(found["good"], UnreadableError)
    assert found["good"].identical


def test_without_an_expected_tensor_only_nan_and_infinities_are_counted() -> None:
    found = measure([Job(tensor("t", [1.0, np.nan, np.inf]))], 1)["t"]
    assert not isinstance(found, UnreadableError)
    assert (found.nan, found.inf, found.violating) == (1, 1, 0)
