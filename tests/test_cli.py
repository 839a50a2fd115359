"""The exit table through the real command, and what each command prints."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from junitparser import JUnitXml

from support.cli import ROOT, run_gate
from support.files import WRITERS
from support.judging import sample

MANIFEST = "version: 1\nmodels:\n  - weights: new.npz\n    reference: old.npz\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    WRITERS["npz"](tmp_path / "new.npz", sample())
    WRITERS["npz"](tmp_path / "old.npz", sample())
    (tmp_path / "weight-gate.yml").write_text(MANIFEST)
    return tmp_path


def spoil(folder: Path) -> None:
    WRITERS["npz"](folder / "new.npz", sample() | {"head/bias": sample()["head/bias"] + 1})


def junit_of(folder: Path) -> JUnitXml:
    return JUnitXml.fromfile(str(folder / "weight-gate-reports" / "junit.xml"))


def run_script(folder: Path, script: str) -> subprocess.CompletedProcess[str]:
    """A process of its own that runs the gate with something in it replaced."""
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, "-c", script], cwd=folder, env=env, capture_output=True, text=True, check=False
    )


def test_0_everything_held(folder: Path) -> None:
    found = run_gate("check", cwd=folder)
    assert (found.returncode, found.stderr) == (0, "")
    report = json.loads((folder / "weight-gate-reports" / "report.json").read_text())
    assert report["conclusion"] == "success"
    assert junit_of(folder).failures == junit_of(folder).errors == 0


def test_1_something_did_not_hold(folder: Path) -> None:
    spoil(folder)
    assert run_gate("check", cwd=folder).returncode == 1
    assert junit_of(folder).failures == 1


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["chek"], "invalid choice: 'chek'"),
        (["check", "nowhere.yml"], "nowhere.yml"),
        (["check", "--threads", "0"], "between 1 and 1024"),
        (["diff", "new.npz"], "CANDIDATE"),
        (["diff", "new.npz", "old.npz", "--rtol", "1"], "--rtol and --atol go together"),
        (["diff", "new.npz", "old.npz", "--rtol", "nan", "--atol", "0"], "a tolerance is a finite number"),
        (["diff", "new.npz", "old.npz", "--identical", "--rtol", "1", "--atol", "1"], "--identical"),
    ],
)
def test_2_usage(folder: Path, arguments: list[str], says: str) -> None:
    found = run_gate(*arguments, cwd=folder)
    assert found.returncode == 2
    assert says in found.stderr
    assert "Traceback" not in found.stderr
    assert found.stderr.count("\n") <= 2


def test_2_manifest(folder: Path) -> None:
    (folder / "weight-gate.yml").write_text("version: 2\nmodels:\n  - weigths: new.npz\n")
    for command in ("check", "validate"):
        found = run_gate(command, cwd=folder)
        assert found.returncode == 2
        lines = found.stderr.splitlines()
        assert [line.split(" ")[0] for line in lines] == [
            "weight-gate.yml:1:1:",
            "weight-gate.yml:3:5:",
            "weight-gate.yml:3:5:",
        ]
    assert junit_of(folder).errors > 0


def test_2_leaves_no_green_report_of_an_earlier_run(folder: Path) -> None:
    assert run_gate("check", cwd=folder).returncode == 0
    assert junit_of(folder).errors == 0
    (folder / "weight-gate.yml").write_text(MANIFEST + "bogus: 1\n")
    assert run_gate("check", cwd=folder).returncode == 2
    assert junit_of(folder).errors > 0
    assert json.loads((folder / "weight-gate-reports" / "report.json").read_text())["conclusion"] == "error"
    assert "bogus" in (folder / "weight-gate-reports" / "summary.md").read_text()


def test_2_paths_outside_are_all_told_by_validate_too(folder: Path) -> None:
    text = "version: 1\nmodels:\n  - weights: ../../a.npz\n    reference: /etc/passwd\n"
    (folder / "weight-gate.yml").write_text(text)
    for command in ("check", "validate"):
        found = run_gate(command, cwd=folder)
        assert found.returncode == 2
        assert [line.split(" ")[0] for line in found.stderr.splitlines()] == [
            "weight-gate.yml:3:5:",
            "weight-gate.yml:4:5:",
        ]


def test_names_of_files_are_those_that_one_can_type_here(folder: Path) -> None:
    (folder / "sub").mkdir()
    (folder / "sub" / "weight-gate.yml").write_text("version: 1\nmodels:\n  - weights: gone.npz\n")
    assert "sub/gone.npz" in run_gate("check", "sub/weight-gate.yml", cwd=folder).stdout


def test_3_nothing_checked(folder: Path) -> None:
    WRITERS["npz"](folder / "new.npz", {})
    WRITERS["npz"](folder / "old.npz", {})
    assert run_gate("check", cwd=folder).returncode == 3
    assert junit_of(folder).errors > 0
    assert run_gate("diff", "old.npz", "new.npz", cwd=folder).returncode == 3
    assert run_gate("list", "new.npz", cwd=folder).returncode == 3


def test_4_could_not_be_checked(folder: Path) -> None:
    (folder / "old.npz").unlink()
    assert run_gate("check", cwd=folder).returncode == 4
    assert junit_of(folder).errors > 0
    for arguments in (["diff", "old.npz", "new.npz"], ["diff", "new.npz", "old.npz"], ["list", "old.npz"]):
        found = run_gate(*arguments, cwd=folder)
        assert found.returncode == 4
        assert "old.npz" in found.stdout + found.stderr


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_4_reports_that_cannot_be_written(folder: Path) -> None:
    folder.chmod(0o500)
    assert run_gate("check", cwd=folder).returncode == 4


def test_4_reports_where_a_file_is_in_the_way(folder: Path) -> None:
    (folder / "weight-gate-reports").write_text("")
    found = run_gate("check", cwd=folder)
    assert found.returncode == 4
    assert "could not be written" in found.stderr


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_130_and_143_interrupted(folder: Path, number: int, code: int) -> None:
    """A first model that takes a while, a second one that is never reached; the reports say so."""
    os.mkfifo(folder / "pipe")
    script = (
        "import gate.run, time, sys\n"
        "from gate.cli import main\n"
        "real = gate.run.open_weights\n"
        "def slow(path, **options):\n"
        "    print('reading', file=sys.stderr, flush=True)\n"
        "    time.sleep(60)\n"
        "    return real(path, **options)\n"
        "gate.run.open_weights = slow\n"
        "sys.exit(main(['check']))\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script], cwd=folder, env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stderr is not None
    assert process.stderr.readline() == "reading\n"
    assert junit_of(folder).errors > 0  # "not run" lies there from the start
    process.send_signal(number)
    start = time.monotonic()
    out, err = process.communicate(timeout=20)
    assert time.monotonic() - start < 5  # the runner kills after 7.5 s
    assert process.returncode == code
    assert "Traceback" not in err
    assert "NOT RUN" in out
    assert json.loads((folder / "weight-gate-reports" / "report.json").read_text())["conclusion"] == "not run"
    assert junit_of(folder).errors > 0


def test_a_killed_run_leaves_red_reports(folder: Path) -> None:
    script = (
        "import gate.run, os, signal\n"
        "from gate.cli import main\n"
        "gate.run.open_weights = lambda path, **options: os.kill(os.getpid(), signal.SIGKILL)\n"
        "main(['check'])\n"
    )
    found = subprocess.run(
        [sys.executable, "-c", script], cwd=folder, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False
    )
    assert found.returncode == -signal.SIGKILL
    assert junit_of(folder).errors > 0


def test_a_defect_of_ours_is_red_and_hides_no_other_model(folder: Path) -> None:
    (folder / "weight-gate.yml").write_text(MANIFEST + "  - weights: old.npz\n")
    script = (
        "import sys\n"
        "import gate.checks\n"
        "from gate.cli import main\n"
        "def broken(subject): raise ZeroDivisionError('\\r::error::forged')\n"
        "gate.checks.CHECKS['structure'] = broken\n"
        "sys.exit(main(['check']))\n"
    )
    found = run_script(folder, script)
    assert found.returncode == 4
    assert "weight-gate itself failed in broken, line 4" in " ".join(found.stdout.split())
    assert "Traceback" not in found.stderr
    assert "\r" not in found.stdout
    assert found.stdout.count("PASSED   finite") == 2


def test_in_github_actions(folder: Path, tmp_path: Path) -> None:
    spoil(folder)
    summary, outputs = tmp_path / "summary.md", tmp_path / "outputs"
    summary.write_text("# An earlier step\n")
    env = {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(summary), "GITHUB_OUTPUT": str(outputs)}
    found = run_gate("check", cwd=folder, env=env)
    assert found.returncode == 1
    commands = [line for line in found.stdout.splitlines() if line.startswith("::")]
    assert any(
        line.startswith("::error file=weight-gate.yml,line=4,col=5") and "head/bias" in line for line in commands
    )
    assert summary.read_text().startswith("# An earlier step\n")
    assert "head/bias" in summary.read_text()
    assert "weight-gate check weight-gate.yml" in summary.read_text()
    values = dict(
        part.split("\n", 1)
        for part in outputs.read_text().replace("<<weight-gate-end-0", "").split("weight-gate-end-0\n")
        if part
    )
    assert {key: value.strip() for key, value in values.items()} == {
        "conclusion": "failure",
        "checked-count": "3",
        "failed-count": "1",
        "junit-path": "weight-gate-reports/junit.xml",
        "json-path": "weight-gate-reports/report.json",
        "summary-path": "weight-gate-reports/summary.md",
    }
    quiet = run_gate("check", "--annotations", "never", cwd=folder, env=env)
    assert not [line for line in quiet.stdout.splitlines() if line.startswith("::")]


def test_manifest_errors_are_annotations_too(folder: Path) -> None:
    (folder / "weight-gate.yml").write_text("version: 1\nmodels:\n  - weights: new.npz\n    x\u202e: 1\n")
    found = run_gate("check", cwd=folder, env={"GITHUB_ACTIONS": "true"})
    assert found.returncode == 2
    assert found.stdout.startswith("::error file=weight-gate.yml,line=4,col=5")
    assert "\u202e" not in found.stdout + found.stderr


def test_report_paths(folder: Path) -> None:
    found = run_gate("check", "--no-reports", "--junit-path", "out/j.xml", "--junit-dialect", "strict", cwd=folder)
    assert found.returncode == 0
    assert (folder / "out" / "j.xml").exists()
    assert not (folder / "weight-gate-reports").exists()
    run_gate("check", "--reports", "elsewhere", "--json-path", "r.json", cwd=folder)
    assert sorted(path.name for path in (folder / "elsewhere").iterdir()) == ["junit.xml", "summary.md"]
    assert (folder / "r.json").exists()


def test_root_lets_paths_lead_out(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    cache = tmp_path_factory.mktemp("cache")
    WRITERS["npz"](cache / "m.npz", sample())
    (folder / "weight-gate.yml").write_text(f"version: 1\nmodels:\n  - weights: {cache}/m.npz\n")
    assert run_gate("check", cwd=folder).returncode == 2
    assert run_gate("check", "--root", cache, cwd=folder).returncode == 0


def test_list(folder: Path) -> None:
    found = run_gate("list", "new.npz", cwd=folder)
    assert found.returncode == 0
    assert "conv_a/kernel" in found.stdout
    assert "weights: 10 tensors" in found.stdout
    listed = json.loads(run_gate("list", "new.npz", "--json", cwd=folder).stdout)
    expected = sample()
    assert {each["name"]: (each["dtype"], each["shape"], each["bytes"]) for each in listed["tensors"]} == {
        name: ("float32", list(array.shape), array.nbytes) for name, array in expected.items()
    }
    assert listed["totals"]["weights"]["elements"] == sum(array.size for array in expected.values())


def test_diff(folder: Path) -> None:
    assert run_gate("diff", "old.npz", "new.npz", cwd=folder).returncode == 0
    changed: dict[str, Any] = sample()
    changed["head/bias"] = changed["head/bias"] * np.float32(1 + 1e-4)
    del changed["bn/gamma"]
    changed["bn/beta"] = changed["bn/beta"].reshape(2, 2)
    WRITERS["npz"](folder / "new.npz", changed)
    found = run_gate("diff", "old.npz", "new.npz", cwd=folder)
    assert found.returncode == 1
    states = {line.split()[0]: line for line in found.stdout.splitlines() if "/" in line and "float32" in line}
    assert "identical" in states["conv_a/kernel"]
    assert "differs" in states["head/bias"]
    assert "missing" in states["bn/gamma"]
    assert "shape differs" in states["bn/beta"]
    assert "[4] -> [2, 2]" in states["bn/beta"]
    del changed["bn/beta"]
    old = {name: array for name, array in sample().items() if name in changed}
    WRITERS["npz"](folder / "new.npz", changed)
    WRITERS["npz"](folder / "old.npz", old)
    assert run_gate("diff", "old.npz", "new.npz", cwd=folder).returncode == 1
    assert run_gate("diff", "old.npz", "new.npz", "--rtol", "1e-3", "--atol", "0", cwd=folder).returncode == 0
    assert run_gate("diff", "old.npz", "new.npz", "--identical", cwd=folder).returncode == 1
    report = json.loads(run_gate("diff", "old.npz", "new.npz", "--json", cwd=folder).stdout)
    assert report["conclusion"] == "failure"
    tolerant = ["--rtol", "1e-3", "--atol", "0"]
    report = json.loads(run_gate("diff", "old.npz", "new.npz", *tolerant, "--json", cwd=folder).stdout)
    assert report["command"] == "weight-gate diff old.npz new.npz --rtol 0.001 --atol 0.0"


def test_a_group_that_neither_file_has_is_not_compared_in_silence(folder: Path) -> None:
    found = run_gate("diff", "old.npz", "new.npz", "--group", "optimizer", cwd=folder)
    assert found.returncode == 4
    assert "no tensor belongs to it" in found.stdout


def test_validate_and_schema(folder: Path) -> None:
    found = run_gate("validate", cwd=folder)
    assert (found.returncode, found.stdout) == (0, "weight-gate.yml: valid, 1 model\n")
    schema = json.loads(run_gate("schema").stdout)
    assert schema["$schema"] == "http://json-schema.org/draft-07/schema#"


def test_validate_tells_of_every_manifest(folder: Path) -> None:
    """As pre-commit calls it: with all that changed. A bad one hides neither the good nor the other bad ones."""
    (folder / "typo.yml").write_text(MANIFEST.replace("reference", "refrence"))
    (folder / "old.yml").write_text("version: 2\nmodels: []\n")
    found = run_gate("validate", "typo.yml", "weight-gate.yml", "gone.yml", "old.yml", cwd=folder)
    assert (found.returncode, found.stdout) == (2, "weight-gate.yml: valid, 1 model\n")
    assert "typo.yml:4:5: " in found.stderr
    assert "old.yml:1:" in found.stderr
    assert "gone.yml:1:1: there is no such manifest" in found.stderr


@pytest.mark.parametrize(
    ("manifest", "redirection", "code"),
    [
        ("weight-gate.yml", "2>&-", 0),
        ("weight-gate.yml", "2>/dev/full", 0),
        ("weight-gate.yml", ">&-", 4),
        ("weight-gate.yml", ">&- 2>&-", 4),
        ("weight-gate.yml", ">/dev/full", 4),
        ("weight-gate.yml", "| true", 4),
        ("nowhere.yml", "2>&-", 2),
        ("nowhere.yml", "2>/dev/full", 2),
        ("nowhere.yml", ">&-", 2),
        ("nowhere.yml", ">/dev/full", 2),
    ],
)
def test_streams_that_are_closed_or_full(folder: Path, manifest: str, redirection: str, code: int) -> None:
    """A verdict that nobody could read is an error; explanations that nobody could read change nothing."""
    script = f"{sys.executable} -m gate check {manifest} {redirection}; echo ${{PIPESTATUS[0]}} > code"
    env = {**os.environ, "PYTHONPATH": str(ROOT), "GITHUB_ACTIONS": "true"}
    found = subprocess.run(["bash", "-c", script], cwd=folder, env=env, capture_output=True, text=True, check=False)
    assert (folder / "code").read_text() == f"{code}\n"
    assert "Traceback" not in found.stderr
    assert "weight-gate itself failed" not in found.stderr


@pytest.mark.parametrize("path", ["new.npz", "old.npz", "weight-gate.yml"])
def test_reports_never_overwrite_what_is_judged(folder: Path, path: str) -> None:
    before = (folder / path).read_bytes()
    found = run_gate("check", "--json-path", path, cwd=folder)
    assert found.returncode == 2
    assert "is read by this run" in found.stderr
    assert (folder / path).read_bytes() == before
    assert run_gate("check", "--json-path", "x", "--junit-path", "./x", cwd=folder).returncode == 2


def test_a_signal_while_modules_are_imported(folder: Path) -> None:
    """Python 3.11 makes a RuntimeError of what is raised inside `__set_name__`: it is an interruption all the same."""
    script = (
        "import os, signal, sys\n"
        "import gate.cli\n"
        "def importing(name):\n"
        "    try: os.kill(os.getpid(), signal.SIGTERM)\n"
        "    except BaseException as error: raise RuntimeError('Error calling __set_name__') from error\n"
        "gate.cli.import_module = importing\n"
        "sys.exit(gate.cli.main(['check']))\n"
    )
    found = run_script(folder, script)
    assert (found.returncode, found.stderr) == (143, "")


def test_version() -> None:
    assert run_gate("--version").stdout.startswith("weight-gate 0.")


def test_a_defect_outside_any_check_is_an_error_without_a_traceback(folder: Path) -> None:
    script = (
        "import sys\n"
        "import gate.commands.validate\n"
        "from gate.cli import main\n"
        "def broken(path): raise ZeroDivisionError('oops')\n"
        "gate.commands.validate.load_manifest = broken\n"
        "sys.exit(main(['validate']))\n"
    )
    found = run_script(folder, script)
    assert found.returncode == 4
    assert found.stderr.startswith("weight-gate itself failed in broken, line 4")
    assert "Traceback" not in found.stderr


def test_requirements_need_code_and_lie_in_the_workspace(folder: Path, tmp_path: Path) -> None:
    inside, outside = folder / "requirements.txt", tmp_path.parent / "requirements-elsewhere.txt"
    for path in (inside, outside):
        path.write_text("einops\n")
    link = folder / "link.txt"
    link.symlink_to(outside)
    found = run_gate("check", "--requirements", "requirements.txt", cwd=folder)
    assert (found.returncode, "--allow-code" in found.stderr) == (2, True)
    for path in (outside, link):
        found = run_gate("check", "--allow-code", "--requirements", path, cwd=folder)
        assert found.returncode == 2
        assert "outside the workspace" in found.stderr
    inside.write_text("einops\n-e .\n")
    found = run_gate("check", "--allow-code", "--requirements", "requirements.txt", cwd=folder)
    assert found.returncode == 2
    assert found.stderr.startswith("requirements.txt:2:1: `-e .`")
