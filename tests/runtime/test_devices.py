"""Where a model is computed: what is asked for, what there is, and what every report says of it."""

import json
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from gate.runtime.devices import described, prepare
from gate.runtime.loaders.interface import Refused
from support.cli import ROOT, run_gate

MODEL = ROOT / "examples" / "digits" / "models" / "digits.keras"
HAS_GPU = any(Path("/dev").glob("nvidia[0-9]*"))
here_is_no_gpu = pytest.mark.skipif(HAS_GPU, reason="a GPU is here")


class Machine:
    """What `tensorflow` and `keras` say on a machine with some GPUs, and what they were told."""

    def __init__(self, gpus: list[str], tf32: bool = True, threads: int = 0) -> None:
        self.gpus = gpus
        self.told: list[tuple[Any, ...]] = []
        tell = self.telling
        self.tensorflow = SimpleNamespace(
            __version__="2.99",
            config=SimpleNamespace(
                list_physical_devices=self.devices,
                threading=SimpleNamespace(
                    set_intra_op_parallelism_threads=tell("intra"),
                    set_inter_op_parallelism_threads=tell("inter"),
                    get_intra_op_parallelism_threads=lambda: threads,
                ),
                experimental=SimpleNamespace(
                    set_memory_growth=tell("growth"),
                    enable_op_determinism=tell("determinism"),
                    tensor_float_32_execution_enabled=lambda: tf32,
                    get_device_details=lambda gpu: {"device_name": gpu} if gpu != "unnamed" else {},
                ),
            ),
        )

    def telling(self, what: str) -> Callable[..., None]:
        return lambda *given: self.told.append((what, *given))

    def devices(self, kind: str) -> list[str]:
        self.told.append(("asked", kind))
        return self.gpus

    def install(self, monkeypatch: pytest.MonkeyPatch) -> "Machine":
        for name, module in (("tensorflow", self.tensorflow), ("keras", SimpleNamespace(__version__="3.99"))):
            made = ModuleType(name)
            vars(made).update(vars(module))
            monkeypatch.setitem(sys.modules, name, made)
        return self


# What is asked for


def test_a_gpu_that_is_not_there_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    Machine([]).install(monkeypatch)
    with pytest.raises(Refused, match="`device: gpu` was asked for, and TensorFlow sees none here") as caught:
        prepare("gpu", None)
    assert "device: auto" in caught.value.hint
    assert not caught.value.verdict


@pytest.mark.parametrize("device", ["auto", "gpu"])
def test_gpus_take_memory_as_they_need_it_and_compute_the_same_each_time(
    monkeypatch: pytest.MonkeyPatch, device: str
) -> None:
    machine = Machine(["A", "B"]).install(monkeypatch)
    prepare(device, None)
    assert [each for each in machine.told if each[0] != "asked"] == [
        ("growth", "A", True),
        ("growth", "B", True),
        ("determinism",),
    ]


def test_nobody_looks_for_gpus_where_there_are_to_be_none(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(["A"]).install(monkeypatch)
    prepare("cpu", None)
    assert described("cpu")["device"] == "cpu"
    assert machine.told == []


def test_auto_without_a_gpu_is_the_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine([]).install(monkeypatch)
    prepare("auto", None)
    assert {each[0] for each in machine.told} == {"asked"}
    assert described("auto")["device"] == "cpu"


def test_threads_are_as_told(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine([]).install(monkeypatch)
    prepare("cpu", 3)
    assert machine.told == [("intra", 3), ("inter", 3)]


# What is said


def test_a_gpu_is_told_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    Machine(["Tesla T4", "unnamed"], threads=5).install(monkeypatch)
    assert described("auto") == {
        "tensorflow": "2.99",
        "keras": "3.99",
        "device": "Tesla T4, GPU",
        "on_gpu": True,
        "onednn": "on",
        "tf32": "on",
        "threads": 5,
    }


@pytest.mark.parametrize(("gpus", "tf32", "expected"), [(["A"], True, "on"), (["A"], False, "off"), ([], True, "off")])
def test_tf32_is_of_gpus(monkeypatch: pytest.MonkeyPatch, gpus: list[str], tf32: bool, expected: str) -> None:
    Machine(gpus, tf32).install(monkeypatch)
    assert described("auto")["tf32"] == expected


@pytest.mark.parametrize(("value", "expected"), [(None, "on"), ("1", "on"), ("0", "off")])
def test_onednn_is_as_the_environment_says(monkeypatch: pytest.MonkeyPatch, value: str | None, expected: str) -> None:
    Machine([]).install(monkeypatch)
    monkeypatch.delenv("TF_ENABLE_ONEDNN_OPTS", raising=False)
    if value is not None:
        monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", value)
    assert described("cpu")["onednn"] == expected


def test_threads_that_nobody_set_are_one_a_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    Machine([]).install(monkeypatch)
    assert described("cpu")["threads"] == len(os.sched_getaffinity(0))


# The gate


def checked(folder: Path, device: str | None, *options: str) -> tuple[int, dict[str, Any], str]:
    """Exit code, the model of the report, and what was printed, on one line."""
    shutil.copyfile(MODEL, folder / "model.keras")
    defaults = f"defaults: {{device: {device}}}\n" if device else ""
    model = "models:\n  - {weights: model.keras, roundtrip: false}\n"
    (folder / "weight-gate.yml").write_text(f"version: 1\n{defaults}{model}")
    found = run_gate("check", *options, cwd=folder)
    report = json.loads((folder / "weight-gate-reports" / "report.json").read_text())
    return found.returncode, report["models"][0], " ".join(found.stdout.split())


@pytest.mark.tensorflow
@here_is_no_gpu
@pytest.mark.parametrize(
    ("device", "options"), [("gpu", []), (None, ["--device", "gpu"]), ("cpu", ["--device", "gpu"])]
)
def test_a_gpu_that_is_asked_for_and_missing_is_an_error(
    tmp_path: Path, device: str | None, options: list[str]
) -> None:
    code, model, printed = checked(tmp_path, device, *options)
    assert code == 4, printed
    assert "`device: gpu` was asked for, and TensorFlow sees none here" in printed
    assert "run on a machine with a GPU and its drivers, or say `device: auto`" in printed
    assert {each["check"]: each["outcome"] for each in model["checks"]} | {"restore": "error"} == {
        each["check"]: each["outcome"] for each in model["checks"]
    }


@pytest.mark.tensorflow
@here_is_no_gpu
@pytest.mark.parametrize(("device", "options"), [(None, ["--threads", "1"]), ("gpu", ["--device", "cpu"])])
def test_the_device_that_computed_is_in_the_report(tmp_path: Path, device: str | None, options: list[str]) -> None:
    code, model, printed = checked(tmp_path, device, *options)
    assert code == 0, printed
    runtime = model["runtime"]
    assert runtime["device"] == "cpu"
    assert runtime["tf32"] == "off"
    assert runtime["onednn"] == "on"
    assert runtime["threads"] == ("1" if "--threads" in options else str(len(os.sched_getaffinity(0))))
    assert {"tensorflow", "keras", "confinement"} <= runtime.keys()
