"""A child sees what its libraries need, and no secret of the job."""

import os
import subprocess
from pathlib import Path

import pytest

from gate.interpreter import command
from gate.runtime.environment import scrubbed
from support.children import Children
from support.cli import ROOT

NEEDED = {
    "PATH": os.environ["PATH"], "LANG": "de_DE.UTF-8", "LC_NUMERIC": "C", "TZ": "Asia/Tokyo",
    "LD_LIBRARY_PATH": "/opt/cuda", "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "2", "MKL_NUM_THREADS": "3",
    "KMP_AFFINITY": "none", "TF_ENABLE_ONEDNN_OPTS": "0", "TF_NUM_INTEROP_THREADS": "1", "TF_USE_LEGACY_KERAS": "1",
    "TF_XLA_FLAGS": "--x", "TF_CUDNN_DETERMINISTIC": "1", "TF_FORCE_GPU_ALLOW_GROWTH": "true",
    "TF_DETERMINISTIC_OPS": "1", "XLA_FLAGS": "--xla_gpu_deterministic_ops=true", "CUDA_CACHE_DISABLE": "1",
    "NVIDIA_TF32_OVERRIDE": "0",
}  # fmt: skip
SECRET = {
    name: f"hunter2-{name}"
    for name in (
        "GITHUB_TOKEN", "GITHUB_WORKSPACE", "GITHUB_OUTPUT", "INPUT_PASSWORD", "INPUT_JUNIT-PATH",
        "ACTIONS_RUNTIME_TOKEN", "ACTIONS_ID_TOKEN_REQUEST_URL", "RUNNER_TEMP", "AWS_SECRET_ACCESS_KEY", "GH_PAT",
        "HF_TOKEN", "SSH_AUTH_SOCK", "DOCKER_HOST", "HTTPS_PROXY", "NETRC", "PIP_INDEX_URL", "LD_PRELOAD", "LD_AUDIT",
        "PYTHONSTARTUP", "PYTHONHOME", "TF_VAR_db_password", "TF_VAR_db", "TF_TOKEN_app_terraform_io",
        "TF_CLI_CONFIG_FILE", "OMP_SECRET", "TF_GPU_TOKEN", "CUDA_API_KEY", "NVIDIA_CREDENTIALS", "nvidia_password",
        "XLA_Password", "PATHS", "MY_PATH", "LANGUAGE_SERVER", "CI",
    )
}  # fmt: skip


def seen(children: Children, environment: dict[str, str]) -> dict[str, str]:
    """The environment as the child finds it."""
    with children.start("answer(dict(os.environ))", environment=environment) as child:
        found = child.ask({})
    return {name: value for name, value in found.items() if name not in children.environment or name == "PATH"}


@pytest.mark.parametrize("device", ["auto", "cpu", "gpu"])
def test_what_is_needed_comes_through_and_no_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, device: str
) -> None:
    for name, value in {**NEEDED, **SECRET}.items():
        monkeypatch.setenv(name, value)
    found = seen(Children(tmp_path), scrubbed(os.environ, tmp_path, device))
    assert {name: found.get(name) for name in NEEDED} == NEEDED
    assert not SECRET.keys() & found.keys()
    assert "hunter2" not in "".join(found.values())
    assert found.get("CUDA_VISIBLE_DEVICES") == ("-1" if device == "cpu" else None)


def test_a_choice_of_devices_stays_unless_there_is_to_be_none(tmp_path: Path) -> None:
    given = {"CUDA_VISIBLE_DEVICES": "3"}
    assert scrubbed(given, tmp_path, "gpu")["CUDA_VISIBLE_DEVICES"] == "3"
    assert scrubbed(given, tmp_path, "cpu")["CUDA_VISIBLE_DEVICES"] == "-1"


def test_nothing_is_left_to_chance(tmp_path: Path) -> None:
    given = {"PYTHONHASHSEED": "random", "KERAS_BACKEND": "torch", "TF_CPP_MIN_LOG_LEVEL": "0"}
    found = scrubbed(given, tmp_path, "auto")
    assert found["PYTHONHASHSEED"] == "0"
    assert found["KERAS_BACKEND"] == "tensorflow"
    assert found["PYTHONDONTWRITEBYTECODE"] == "1"
    assert found["TF_CPP_MIN_LOG_LEVEL"] == "1"


def test_homes_are_folders_below_scratch(tmp_path: Path) -> None:
    given = dict.fromkeys(("HOME", "TMPDIR", "KERAS_HOME", "XDG_CACHE_HOME", "MPLCONFIGDIR"), "/nowhere")
    found = scrubbed(given, tmp_path / "scratch", "cpu")
    for name in given:
        assert Path(found[name]).is_dir()
        assert Path(found[name]).is_relative_to(tmp_path / "scratch")
    script = "import tempfile; answer({'temp': tempfile.gettempdir(), 'home': str(Path.home())})"
    with Children(tmp_path).start(script, environment=found) as child:
        assert child.ask({}) == {"temp": found["TMPDIR"], "home": found["HOME"]}


def test_the_child_imports_what_we_do_and_nothing_from_where_it_runs(tmp_path: Path) -> None:
    packages, folder = tmp_path / "packages", tmp_path / "folder"
    for each in (packages, folder):
        each.mkdir()
    (packages / "theirs.py").write_text("where = 'packages'")
    (folder / "planted.py").write_text("")
    (folder / "colorsys.py").write_text("raise SystemExit('imported from the folder it runs in')")
    environment = scrubbed(
        {"PATH": os.environ["PATH"], "PYTHONPATH": f"{packages}{os.pathsep}{os.pathsep}."}, tmp_path, "cpu"
    )
    (packages / "script.py").write_text("""
import colorsys, importlib.util, theirs, gate, numpy
print(theirs.where, gate.__file__, importlib.util.find_spec("planted"))
""")
    done = subprocess.run(
        command("script", seeded=True), env=environment, cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.stdout.split() == ["packages", str(ROOT / "gate" / "__init__.py"), "None"], done.stderr
