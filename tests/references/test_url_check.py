"""References from addresses in whole runs: every format, without a network the second time, interrupted, and loaded."""

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.cli import ROOT, run_gate
from support.files import WRITERS, example
from support.https import PROXIES, Server, body, https_server, slowly

DIGITS = ROOT / "examples" / "digits" / "models"
FORMATS = ("keras", "weights.h5", "h5", "npz", "safetensors")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with https_server(tmp_path) as running:
        yield running


def environment(server: Server, folder: Path) -> dict[str, str]:
    proxies = {name: "" for each in PROXIES for name in (each, each.upper())}
    return {**proxies, "SSL_CERT_FILE": str(server.authority), "XDG_CACHE_HOME": str(folder / "home")}


def entry(server: Server, weights: str, path: str, data: bytes, **more: Any) -> dict[str, Any]:
    """A model with a reference that the server has."""
    url = server.serve(path, body(data))
    return {"weights": weights, "reference": {"url": url, "sha256": hashlib.sha256(data).hexdigest()}, **more}


def manifest(folder: Path, *entries: dict[str, Any]) -> None:
    (folder / "weight-gate.yml").write_text(json.dumps({"version": 1, "models": entries}))


def check(server: Server, folder: Path, *options: str | Path) -> tuple[int, list[dict[str, Any]]]:
    done = run_gate("check", *options, cwd=folder, env=environment(server, folder))
    assert done.stderr == ""
    report = json.loads((folder / "weight-gate-reports" / "report.json").read_text("utf-8"))
    return done.returncode, report["models"]


def outcomes(model: dict[str, Any]) -> dict[str, str]:
    return {each["check"]: each["outcome"] for each in model["checks"]}


def reason(model: dict[str, Any]) -> str:
    return str(next(each["reason"] for check in model["checks"] for each in check["findings"]))


def every_format(server: Server, folder: Path) -> None:
    entries = []
    for number, key in enumerate(FORMATS):
        WRITERS[key](folder / f"m{number}.{key}", example())
        data = WRITERS[key](folder / "reference", example()).read_bytes()
        entries.append(entry(server, f"m{number}.{key}", f"/golden/v1/m.{key}", data, load=False))
    manifest(folder, *entries)


def test_every_format_and_no_network_the_second_time(server: Server, tmp_path: Path) -> None:
    every_format(server, tmp_path)
    code, models = check(server, tmp_path)
    assert code == 0, models
    assert [model["reference"] for model in models] == [f"{server.url}/golden/v1/m.{key}" for key in FORMATS]
    assert all(outcomes(model)["values"] == "passed" for model in models)
    server.answers.clear()
    assert check(server, tmp_path)[0] == 0
    assert len(server.asked) == len(FORMATS)
    assert {path.name for path in (tmp_path / "home" / "weight-gate" / "references").iterdir()} == {
        each["reference"]["sha256"] for each in json.loads((tmp_path / "weight-gate.yml").read_text())["models"]
    }


def test_the_cache_is_where_one_says(server: Server, tmp_path: Path) -> None:
    every_format(server, tmp_path)
    assert check(server, tmp_path, "--cache", "here")[0] == 0
    assert not (tmp_path / "home").exists()
    assert len(list((tmp_path / "here" / "references").glob("*/m.*"))) == len(FORMATS)


def test_without_a_cache_that_can_be_written(server: Server, tmp_path: Path) -> None:
    """As in a container with a file system that is read only: what is fetched lies in the scratch folder meanwhile."""
    every_format(server, tmp_path)
    (tmp_path / "scratch").mkdir()
    for _ in range(2):
        assert check(server, tmp_path, "--cache", "/dev/null", "--scratch", "scratch")[0] == 0
    assert len(server.asked) == 2 * len(FORMATS)
    assert list((tmp_path / "scratch").iterdir()) == []


def test_another_file_is_an_error_on_the_line_of_the_manifest(server: Server, tmp_path: Path) -> None:
    WRITERS["npz"](tmp_path / "m.npz", example())
    said = entry(server, "m.npz", "/m.npz", (tmp_path / "m.npz").read_bytes(), load=False)
    said["reference"]["url"] += "?signature=sEcReT"
    server.serve("/m.npz", body(b"another"))
    manifest(tmp_path, said)
    code, (model,) = check(server, tmp_path)
    assert code == 4
    assert f"the file at {server.url}/m.npz is another one" in reason(model)
    assert outcomes(model)["values"] == "not run"
    for report in (tmp_path / "weight-gate-reports").iterdir():
        assert "sEcReT" not in report.read_text("utf-8")


def test_one_reference_that_is_not_there_leaves_the_other_models_alone(server: Server, tmp_path: Path) -> None:
    data = WRITERS["npz"](tmp_path / "m.npz", example()).read_bytes()
    there = entry(server, "m.npz", "/there.npz", data, load=False, name="there")
    gone = entry(server, "m.npz", "/gone.npz", data, load=False, name="gone")
    gone["reference"]["sha256"] = "0" * 64
    del server.answers["/gone.npz"]
    manifest(tmp_path, gone, there)
    code, models = check(server, tmp_path)
    assert code == 4
    assert f"{server.url}/gone.npz does not exist" in reason(models[0])
    assert set(outcomes(models[1]).values()) == {"passed"}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_download(server: Server, tmp_path: Path, number: signal.Signals) -> None:
    WRITERS["npz"](tmp_path / "m.npz", example())
    said = entry(server, "m.npz", "/m.npz", b"x" * 10_000_000, load=False)
    (tmp_path / "scratch").mkdir()
    stop = threading.Event()
    server.serve("/m.npz", slowly(b"x" * 10_000_000, 10_000, 0.05, stop))
    manifest(tmp_path, said)
    running = subprocess.Popen(
        [sys.executable, "-m", "gate", "check", "--cache", "cache", "--scratch", "scratch"],
        cwd=tmp_path,
        env={**os.environ, **environment(server, tmp_path), "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        for _ in range(600):
            if list(tmp_path.glob("scratch/*/address-*/m.npz")):
                break
            time.sleep(0.05)
        running.send_signal(number)
        start = time.monotonic()
        assert running.communicate(timeout=30)[1] == b""
        assert time.monotonic() - start < 7
        assert running.returncode == 128 + number
    finally:
        stop.set()
        running.kill()
        running.wait()
    assert list((tmp_path / "scratch").iterdir()) == []
    assert not (tmp_path / "cache").exists()
    report = json.loads((tmp_path / "weight-gate-reports" / "report.json").read_text("utf-8"))
    assert outcomes(report["models"][0])["values"] == "not run"


@pytest.mark.tensorflow
def test_a_reference_from_an_address_predicts(server: Server, tmp_path: Path) -> None:
    """The confined process reads it in the scratch folder, and Keras goes by what its name ends in."""
    shutil.copyfile(DIGITS / "digits.keras", tmp_path / "digits.keras")
    wide = {"rtol": 10.0, "atol": 10.0}
    said = entry(
        server,
        "digits.keras",
        "/golden.keras",
        (DIGITS / "golden" / "digits.keras").read_bytes(),
        tensors=[{"match": "**", "expect": "any", "reason": "it was trained"}],
        predictions=[{"expected": "reference", "tolerance": wide}],
    )
    manifest(tmp_path, said)
    code, (model,) = check(server, tmp_path, "--require-sandbox")
    assert (code, outcomes(model)["predictions"]) == (0, "passed"), model
