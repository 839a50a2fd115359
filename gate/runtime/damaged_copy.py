"""A copy of a file in which some tensors hold other values, loaded in a process of its own: what it predicts.

The copy is written there, by what writes tagged copies: libhdf5 is not made for hostile files.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

from gate.asked import Loading
from gate.checks.evidence import Again, Evidence, Outputs, Restored
from gate.errors import GateError
from gate.runtime.artifact import Artifact
from gate.runtime.dump import Writer
from gate.runtime.loaders.interface import How
from gate.runtime.session import Session
from gate.tensors.weightset import Array


def load_damaged(
    session: Session, artifact: Artifact, how: How, keys: Sequence[str], values: Mapping[str, Array]
) -> None:
    """Has the copy written and loaded; `keys` are those of all tensors, `values` the ones that are others."""
    target, data = session.folder / "damaged", session.folder / "values.bin"
    writer = Writer(data)
    try:
        entries = [{"key": key, **writer.add(array)} for key, array in values.items()]
    finally:
        writer.close()
    artifact.neighbours(target)
    session.ask(
        "damaged",
        "load a damaged copy",
        how=vars(how),
        format=artifact.format,
        files=[str(file) for file in artifact.files],
        keys=list(keys),
        values=str(data),
        entries=entries,
        target=str(target),
        as_folder=artifact.as_folder,
        sentinel=how.in_place,
    )


class DamagedCopy:
    """Predictions of the copy, and of the `undamaged` model what they are held to; nothing else is asked of it."""

    own_format = ""
    not_saved = "a damaged copy is not saved again"
    strangers: tuple[str, ...] = ()

    def __init__(
        self, undamaged: Evidence, session: Session, loading: Loading, requests: Sequence[Mapping[str, Any]]
    ) -> None:
        self._undamaged = undamaged
        self._session = session
        self._loading = loading
        self._requests = requests
        self._outputs: dict[int, Outputs] = {}

    @property
    def on_gpu(self) -> bool:
        return self._undamaged.on_gpu

    def restored(self) -> Restored:
        raise _unasked()

    def repeats(self) -> Iterator[Again]:
        raise _unasked()

    def roundtrip(self, format: str) -> AbstractContextManager[Again]:  # noqa: ARG002
        raise _unasked()

    def outputs(self, number: int) -> Outputs:
        if number not in self._outputs:
            request = self._requests[number]
            self._outputs[number] = self._session.predict("predict damaged", f"damaged-{number}", **request)
        return self._outputs[number]

    def one_by_one(self, number: int) -> tuple[Outputs, Outputs] | None:  # noqa: ARG002
        return None

    def expected(self, number: int) -> Outputs:
        return self._undamaged.expected(number)

    def metric(self, number: int, of_reference: bool = False) -> float:
        asked = self._loading.predictions[number].metric
        if of_reference or asked is None:
            return self._undamaged.metric(number, of_reference)
        code = [str(asked.code.file), asked.code.function]
        return float(self._session.ask("metric", "the metric, damaged", **self._requests[number], code=code)["value"])

    def diverges(self, number: int, rtol: float, atol: float) -> str:  # noqa: ARG002
        return ""


def _unasked() -> GateError:
    return GateError("a damaged copy only predicts", "report this as a defect of weight-gate")
