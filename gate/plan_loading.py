"""What a manifest says of loading one model -> what is asked of it (`gate.asked`). Reads nothing."""

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from gate.asked import (
    REFERENCE,
    Agreement,
    Architecture,
    Code,
    Difference,
    Loading,
    Metric,
    Prediction,
    Waiver,
)
from gate.position import Position
from gate.tensors.tolerance import Tolerance
from gate.workspace import Workspace

if TYPE_CHECKING:
    from gate.manifest import LoadedManifest
    from gate.manifest.model import ModelEntry, PredictionEntry

_ASKING = ("architecture", "load", "restore", "roundtrip", "predictions")
_CRITERIA = ("expected", "tolerance", "agreement", "cosine", "difference", "metric", "inputs")


def plan_loading(
    loaded: "LoadedManifest", workspace: Workspace, today: date, index: int, entry: "ModelEntry"
) -> Loading | None:
    """None where the manifest says `load: false`."""
    if entry.load is False:
        return None
    locate = _Locate(workspace)
    architecture = None
    if entry.architecture is not None:
        said = entry.architecture
        architecture = Architecture(locate.code(said.code), locate.file(said.keras), locate.file(said.json_))
    restore = entry.restore
    waivers = restore.waive if restore else ()
    return Loading(
        asked=next((key for key in _ASKING if getattr(entry, key)), ""),
        architecture=architecture,
        code=locate.code(entry.load.code) if entry.load else None,
        tf_keras=bool(entry.load and entry.load.keras),
        waivers=tuple(
            Waiver(each.match, each.reason, each.until, loaded.position("models", index, "restore", "waive", number))
            for number, each in enumerate(waivers)
        ),
        partial=restore.partial if restore else (),
        roundtrip=() if entry.roundtrip is False else entry.roundtrip,
        predictions=tuple(
            _prediction(each, _positions(loaded, index, number, each), locate)
            for number, each in enumerate(entry.predictions)
        ),
        device=loaded.manifest.defaults.device,
        today=today,
    )


class _Locate:
    """Paths as the manifest has them -> where they are."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace

    def file(self, written: str | None) -> Path | None:
        return None if written is None else self.workspace.locate(written)

    def code(self, written: str | None) -> Code | None:
        from gate.manifest.fields import split_code  # noqa: PLC0415 - `diff` plans without pydantic

        if written is None:
            return None
        file, function = split_code(written)
        return Code(self.workspace.locate(file), function, written)


def _positions(loaded: "LoadedManifest", index: int, number: int, entry: "PredictionEntry") -> Mapping[str, Position]:
    route = ("models", index, "predictions", number)
    keys = [key for key in _CRITERIA if getattr(entry, key) is not None]
    return {"": loaded.position(*route), **{key: loaded.position(*route, key) for key in keys}}


def _prediction(entry: "PredictionEntry", positions: Mapping[str, Position], locate: _Locate) -> Prediction:
    expected: Path | str | None = REFERENCE if entry.from_reference else locate.file(entry.expected)
    said = entry.agreement
    bounds = entry.difference
    quantile = bounds.quantile if bounds else None
    metric = entry.metric
    code = locate.code(metric.code) if metric else None
    return Prediction(
        inputs=locate.file(entry.inputs),
        seed=entry.seed,
        samples=entry.samples,
        signature=entry.signature,
        outputs=entry.outputs,
        expected=expected,
        elementwise=entry.is_elementwise,
        tolerance=Tolerance(entry.tolerance.rtol, entry.tolerance.atol) if entry.tolerance else None,
        agreement=Agreement(said.metric, said.at_least, said.k, said.threshold) if said else None,
        cosine=entry.cosine.at_least if entry.cosine else None,
        difference=Difference(bounds.max, bounds.mean, (quantile.q, quantile.at_most) if quantile else None)
        if bounds
        else None,
        metric=Metric(code, metric.at_least, metric.at_most, metric.max_drop) if metric and code else None,
        positions=positions,
    )
