"""One confined child that loads, and what its answers mean: data, or an error in words."""

import os
import re
import time
from collections.abc import Iterable, Mapping
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from gate.checks.evidence import NotLoaded, NotSaved, Outputs, Said, Unable
from gate.errors import GateError, UnreadableError
from gate.formats.text import printable, size
from gate.interpreter import command, late_imports
from gate.results import Step
from gate.runtime import dump
from gate.runtime.child import Child, ChildLimits, ChildTrouble
from gate.runtime.environment import scrubbed
from gate.runtime.handover import take
from gate.runtime.loaders.interface import How
from gate.runtime.nursery import Nursery
from gate.runtime.scratch import free_bytes, remove
from gate.runtime.settings import Settings
from gate.tensors.weightset import WeightSet

_LONGEST_LINE = 300
_KINDS: dict[str, type[GateError]] = {"refused": Unable, "unsavable": NotSaved}
_MOST_SAID = 200
_ANSWERS: Mapping[str, Mapping[str, type]] = {
    "start": {"runtime": dict, "confinement": dict},
    "load": {"variables": list},
    "dump": {"variables": list},
    "tagged": {"variables": list, "rounds": list},
    "damaged": {"variables": list},
    "predict": {"outputs": dict, "samples": int, "made_up": list},
    "metric": {"value": float},
    "activations": {"layers": dict},
    "save": {"path": str},
}
"""What the answers to each request have."""
_PLACE = re.compile(r"^ +File (.*, line \d+ in .*)$", re.MULTILINE)
# What TensorFlow's C++ code says of processors and GPUs is no last word.
_NOISE = re.compile(
    r"[IWE]\d{4} \d\d:\d\d:|\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+: [IWE] |WARNING: All log messages before"
)


class Session:
    """A child at work. `folder` is its scratch folder, which goes with it."""

    def __init__(
        self,
        settings: Settings,
        device: str,
        folder: Path,
        readable: Iterable[Path],
        runs_code: bool,
        nursery: Nursery | None = None,
        seed: int = 0,
        steps: list[Step] | None = None,
    ) -> None:
        if find_spec("tensorflow") is None:
            raise GateError(
                "TensorFlow is not installed, so the model cannot be loaded",
                "pip install 'weight-gate[tensorflow]', or write `load: false` to have the data checks alone",
            )
        self.settings = settings
        self.folder = folder
        self.said: list[Said] = []
        self.strangers: dict[str, None] = {}
        self.steps = [] if steps is None else steps
        self._trouble: GateError | None = None  # a child that is gone stays gone
        folder.mkdir(parents=True)
        self._private = folder.with_name(f"{folder.name}-taken")
        self._private.mkdir()
        environment = scrubbed(settings.environment, folder, device, settings.untrusted)
        late = late_imports(settings.environment, settings.untrusted) if runs_code else []
        limits = ChildLimits(settings.seconds, settings.memory_bytes)
        start = time.perf_counter()
        self._child = Child(command("gate.runtime", seeded=True), environment, folder, limits, nursery)
        self.steps.append(Step("start TensorFlow", time.perf_counter() - start, self._child.peak_bytes))
        try:
            found = self.ask(
                "start",
                "start TensorFlow",
                file_bytes=free_bytes(folder),
                parent=os.getpid(),
                base=str(settings.base if runs_code else folder),
                readable=[
                    str(path) for path in (*readable, *settings.packages, *late, *(settings.roots if runs_code else ()))
                ],
                packages=[*map(str, settings.packages), *late],
                writable=[str(folder)],
                device=device,
                threads=settings.threads,
                seed=seed,
            )
        except BaseException:
            self.close()
            raise
        self.runtime: dict[str, Any] = found["runtime"]
        if settings.installed:
            self.runtime["packages"] = settings.installed
        self.confinement: dict[str, Any] = found["confinement"]
        if settings.require_sandbox and not self.confinement["complete"]:
            self.close()
            raise GateError(
                f"the process that loads is not fully confined: {self.confinement['text']}",
                "run where the kernel has Landlock and seccomp, or without --require-sandbox",
            )

    def ask(self, do: str, what: str, **more: Any) -> dict[str, Any]:
        """Has something done; `what` names it in the report. Raises `GateError`; `NotLoaded` for refused weights."""
        if self._trouble is not None:
            raise self._trouble
        start = time.perf_counter()
        try:
            answer = self._child.ask({"do": do, **more})
        except ChildTrouble as trouble:
            self._trouble = GateError(trouble.reason, f"{trouble.hint}{_last_words(trouble.output)}")
            raise self._trouble from trouble
        finally:
            self.steps.append(Step(what, time.perf_counter() - start, self._child.peak_bytes))
        with believed(what):
            self.said += [Said(str(text), str(source)) for text, source in answer.pop("messages", ())][:_MOST_SAID]
            if (error := answer.get("error")) is not None:
                raise self._error(error)
            if any(not isinstance(answer[part], kind) for part, kind in _ANSWERS[do].items()):
                raise ValueError("a part of another kind")
        return answer

    def load(self, how: How, path: str, what: str = "load", sentinel: bool = False) -> list[Mapping[str, Any]]:
        """Loads a file; what variables there are, without data."""
        found = self.ask("load", what, how=vars(how), path=path, sentinel=sentinel)
        return list(found["variables"])

    def variables(self, shown: str, what: str = "hand over the variables") -> WeightSet:
        """All variables of what is loaded, mapped."""
        to = self.folder / "variables.bin"
        found = self.ask("dump", what, to=str(to))
        with believed(shown):
            return dump.variables(found["variables"], self._handed_over(to, shown), shown, to)

    def predict(self, what: str, name: str, **more: Any) -> Outputs:
        """Outputs, mapped."""
        to = self.folder / f"{name}.bin"
        found = self.ask("predict", what, to=str(to), **more)
        with believed(what):
            self.strangers.update(dict.fromkeys(map(str, found["strangers"])))
            data = self._handed_over(to, what)
            return Outputs(
                {str(key): data.array(entry) for key, entry in found["outputs"].items()},
                int(found["samples"]),
                tuple(map(str, found["made_up"])),
            )

    def activations(self, **more: Any) -> Outputs:
        """What each layer makes of the first samples."""
        to = self.folder / "activations.bin"
        found = self.ask("activations", "look into the layers", to=str(to), **more)
        with believed("the layers"):
            data = self._handed_over(to, "the layers")
            return Outputs({str(key): data.array(entry) for key, entry in found["layers"].items()}, int(more["limit"]))

    def _handed_over(self, file: Path, what: str) -> dump.Dump:
        return dump.Dump(take(file, self._private, what), what)

    @property
    def peak_bytes(self) -> int:
        return self._child.peak_bytes

    def close(self) -> None:
        """Ends the child and removes what it wrote; arrays that are mapped stay."""
        self._child.close()
        remove(self.folder)
        remove(self._private)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _error(self, error: Mapping[str, Any]) -> GateError:
        reason, hint = printable(str(error["reason"])), printable(str(error["hint"]))
        if error["kind"] == "full":
            free = size(free_bytes(self.folder.parent))
            return GateError(
                f"it needed more room than the disk has ({reason}): {free} are free in {self.folder.parent}",
                "name a folder with more room with --scratch",
            )
        if error["kind"] == "memory":
            limit, peak = size(self.settings.memory_bytes), size(self.peak_bytes)
            return GateError(
                f"there was not enough memory to load it: peak {peak}, limit {limit}; {reason}",
                "give the job more memory",
            )
        if error["kind"] == "failed":
            return Unable(f"loading ended in an error: {reason}", "load it by hand to see why")
        if error["verdict"]:
            return NotLoaded(reason, hint)
        return _KINDS.get(error["kind"], GateError)(reason, hint)


class believed:  # noqa: N801 - reads as what it does
    """Within: an answer that is not what it should be is an `UnreadableError`."""

    def __init__(self, what: str) -> None:
        self.what = what

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, LookupError | TypeError | ValueError | AttributeError | ArithmeticError | OSError):
            raise UnreadableError(
                f"{self.what}: the process that loads it gave an answer that makes no sense",
                "see what the project's code prints or writes; without any, report this as a defect of weight-gate",
            ) from error


def _last_words(output: str) -> str:
    """What it printed last, and where it was when it crashed."""
    printed, _, stack = output.partition("Fatal Python error:")
    lines = [line.strip() for line in printed.splitlines() if line.strip()]
    last = next((line for line in reversed(lines) if not _NOISE.match(line)), "")
    place = _PLACE.search(stack)
    told = f"; the last it printed: {printable(last[:_LONGEST_LINE])}" if last else ""
    return told + (f"; it was in {printable(place[1][:_LONGEST_LINE])}" if place else "")
