"""One confined child that loads, and what its answers mean: data, or an error in words."""

import os
import shutil
import sys
import time
from collections.abc import Iterable, Mapping
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from gate.checks.evidence import NotLoaded, Outputs, Said
from gate.errors import GateError, UnreadableError
from gate.formats.text import printable, size
from gate.results import Step
from gate.runtime import dump
from gate.runtime.child import Child, ChildLimits, ChildTrouble
from gate.runtime.environment import scrubbed
from gate.runtime.loaders.interface import How
from gate.runtime.nursery import Nursery
from gate.runtime.settings import Settings
from gate.tensors.weightset import WeightSet

_LONGEST_LINE = 300


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
        self.steps = [] if steps is None else steps
        self._trouble: GateError | None = None  # a child that is gone stays gone
        folder.mkdir(parents=True)
        environment = scrubbed(settings.environment, folder, device)
        limits = ChildLimits(settings.seconds, settings.memory_bytes)
        if runs_code:  # what depends on the order of a set shall differ from one process to the next
            environment["PYTHONHASHSEED"] = "random"
        start = time.perf_counter()
        self._child = Child(
            [sys.executable, "-m", "gate.runtime"], environment, folder, limits, None if runs_code else nursery
        )
        self.steps.append(Step("start TensorFlow", time.perf_counter() - start, self._child.peak_bytes))
        try:
            found = self.ask(
                "start",
                "start TensorFlow",
                file_bytes=dump.free_bytes(folder),
                parent=os.getpid(),
                base=str(settings.base if runs_code else folder),
                readable=[str(path) for path in (*readable, *(settings.roots if runs_code else ()))],
                writable=[str(folder)],
                device=device,
                threads=settings.threads,
                seed=seed,
            )
        except BaseException:
            self.close()
            raise
        self.runtime: dict[str, Any] = found["runtime"]
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
        self.said += [Said(str(text), str(source)) for text, source in answer.pop("messages", ())]
        if (error := answer.get("error")) is not None:
            raise self._error(error)
        return answer

    def load(self, how: How, path: str, what: str = "load") -> list[Mapping[str, Any]]:
        """Loads a file; what variables there are, without data."""
        found = self.ask("load", what, how=vars(how), path=path, sentinel=how.in_place)
        return list(found["variables"])

    def variables(self, shown: str, what: str = "hand over the variables") -> WeightSet:
        """All variables of what is loaded, mapped."""
        to = self.folder / "variables.bin"
        to.unlink(missing_ok=True)
        found = self.ask("dump", what, to=str(to))
        with _believed(shown):
            return dump.variables(found["variables"], dump.Dump(to, shown), shown, to)

    def predict(self, what: str, name: str, **more: Any) -> Outputs:
        """Outputs, mapped."""
        to = self.folder / f"{name}.bin"
        to.unlink(missing_ok=True)
        found = self.ask("predict", what, to=str(to), **more)
        with _believed(what):
            data = dump.Dump(to, what)
            return Outputs(
                {str(key): data.array(entry) for key, entry in found["outputs"].items()}, int(found["samples"])
            )

    def activations(self, **more: Any) -> Outputs:
        """What each layer makes of the first samples."""
        to = self.folder / "activations.bin"
        found = self.ask("activations", "look into the layers", to=str(to), **more)
        with _believed("the layers"):
            data = dump.Dump(to, "the layers")
            return Outputs({str(key): data.array(entry) for key, entry in found["layers"].items()}, int(more["limit"]))

    @property
    def peak_bytes(self) -> int:
        return self._child.peak_bytes

    def close(self) -> None:
        """Ends the child and removes what it wrote; arrays that are mapped stay."""
        self._child.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _error(self, error: Mapping[str, Any]) -> GateError:
        reason, hint = printable(str(error["reason"])), printable(str(error["hint"]))
        if error["kind"] == "full":
            free = size(dump.free_bytes(self.folder.parent))
            return GateError(
                f"the disk is full ({reason}): {free} are free in {self.folder.parent}",
                "name a folder with more room with --scratch",
            )
        if error["kind"] == "memory":
            limit, peak = size(self.settings.memory_bytes), size(self.peak_bytes)
            return GateError(
                f"there was not enough memory to load it: peak {peak}, limit {limit}; {reason}",
                "give the job more memory",
            )
        if error["kind"] == "failed":
            return GateError(f"loading ended in an error: {reason}", "load it by hand to see why")
        return NotLoaded(reason, hint) if error["verdict"] else GateError(reason, hint)


class _believed:  # noqa: N801 - reads as what it does
    """Within: an answer that is not what it should be is an `UnreadableError`."""

    def __init__(self, what: str) -> None:
        self.what = what

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, KeyError | TypeError | ValueError | AttributeError | IndexError | OSError):
            raise UnreadableError(
                f"{self.what}: the process that loads it gave an answer that makes no sense",
                "see what the project's code prints or writes; without any, report this as a defect of weight-gate",
            ) from error


def _last_words(output: str) -> str:
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    return f"; the last it printed: {printable(lines[-1][:_LONGEST_LINE])}" if lines else ""


def room_for(folder: Path, needed: int, what: str) -> None:
    """Raises `GateError` where `needed` bytes do not fit into a scratch folder."""
    free = dump.free_bytes(folder)
    if needed > free:
        raise GateError(
            f"{what} needs {size(needed)} of scratch space, and {folder} has {size(free)} free",
            "name a folder with more room with --scratch",
        )
