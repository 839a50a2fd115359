"""The ways into the image: `docker run`, a docker action, a job container; whoever runs it."""

import json
import subprocess
from pathlib import Path

import pytest

from image.engine import (
    AS_ROOT,
    CONFINED,
    DOCUMENTED,
    IMAGE,
    confinement_of,
    copied,
    docker,
    owned,
    report_of,
    run,
    running,
    strangers,
)
from support.cli import ROOT, run_gate

DIGITS = ROOT / "examples" / "digits"


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    return copied(DIGITS, tmp_path / "workspace")


@pytest.fixture
def data_only(workspace: Path) -> Path:
    with (workspace / "weight-gate.yml").open("a", encoding="utf-8") as manifest:
        manifest.write("    load: false\n")
    return workspace


def inspected() -> dict[str, object]:
    (found,) = json.loads(docker("image", "inspect", IMAGE))
    config: dict[str, object] = found["Config"]
    return config


def test_without_arguments_it_tells_how_it_is_used(tmp_path: Path) -> None:
    ran = run(tmp_path, DOCUMENTED)
    assert ran.code == 0
    assert "weight-gate [-h]" in ran.stdout


def test_a_workspace_without_a_manifest(tmp_path: Path) -> None:
    ran = run(tmp_path, DOCUMENTED, "check")
    assert ran.code == 2
    assert "weight-gate.yml" in ran.stderr


def test_a_docker_action(data_only: Path) -> None:
    """As the runner starts it: as root, in /github/workspace, with a home that is not there."""
    files = data_only.parent / "runner"
    files.mkdir()
    for name in ("summary", "output"):
        (files / name).touch()
    options = (
        "--workdir=/github/workspace",
        f"--volume={files}:/github/file_commands",
        "--env=HOME=/github/home",
        "--env=CI=true",
        "--env=GITHUB_ACTIONS=true",
        "--env=GITHUB_WORKSPACE=/github/workspace",
        "--env=GITHUB_EVENT_NAME=push",
        "--env=GITHUB_STEP_SUMMARY=/github/file_commands/summary",
        "--env=GITHUB_OUTPUT=/github/file_commands/output",
        "--env=INPUT_MANIFEST=weight-gate.yml",
        "--env=INPUT_JUNIT-PATH=found/junit.xml",
    )
    ran = run(data_only, options, "action", at="/github/workspace")
    assert ran.code == 0, ran.said
    assert (data_only / "found" / "junit.xml").is_file()
    assert strangers(data_only) == []
    assert "digits" in (files / "summary").read_text(encoding="utf-8")
    assert "\nsuccess\n" in (files / "output").read_text(encoding="utf-8")


def test_a_job_container(data_only: Path) -> None:
    """The runner replaces the entrypoint with `tail -f /dev/null`, and runs steps with `sh -e {0}`."""
    with running(data_only, (*AS_ROOT, "--entrypoint=tail"), "-f", "/dev/null") as name:
        said = docker("exec", name, "sh", "-e", "-c", "cd /work && command -v git git-lfs python && weight-gate check")
    assert "PASSED" in said
    assert strangers(data_only) == []


@pytest.mark.parametrize("how", [DOCUMENTED, AS_ROOT], ids=["as documented", "root"])
def test_a_reference_from_git(workspace: Path, how: tuple[str, ...]) -> None:
    """In somebody else's repository git itself would refuse root."""
    manifest = "version: 1\nmodels:\n  - weights: models/digits.keras\n    load: false\n    reference: {git: HEAD}\n"
    (workspace / "weight-gate.yml").write_text(manifest, encoding="utf-8")
    settings = ("safe.directory=*", "user.name=somebody", "user.email=somebody@example.invalid")
    git = ("git", "-C", str(workspace), *(word for each in settings for word in ("-c", each)))
    for arguments in (("init", "--quiet"), ("add", "."), ("commit", "--quiet", "--message=a model")):
        subprocess.run((*git, *arguments), check=True)
    golden = workspace / "models" / "golden" / "digits.keras"
    (workspace / "models" / "digits.keras").write_bytes(golden.read_bytes())
    owned(workspace)
    ran = run(workspace, how, "check")
    assert ran.code == 1, ran.said
    assert "head/" in ran.stdout
    assert strangers(workspace) == []


def test_git_is_there_with_lfs() -> None:
    said = docker("run", "--rm", *DOCUMENTED, "--entrypoint=git", IMAGE, "lfs", "version")
    assert said.startswith("git-lfs/")


def test_pip_is_there_for_requirements() -> None:
    assert docker("run", "--rm", *DOCUMENTED, "--entrypoint=python", IMAGE, "-m", "pip", "--version").startswith("pip ")


@pytest.mark.parametrize("home", ["/nowhere", "/", ""])
def test_a_user_whom_nobody_knows_and_who_has_no_home(workspace: Path, home: str) -> None:
    """Neither in /etc/passwd, nor the workspace's owner, who lets everybody write there."""
    workspace.chmod(0o777)
    ran = run(workspace, (*CONFINED, "--user=4242:4242", f"--env=HOME={home}"), "check")
    assert ran.code == 0, ran.said
    assert "Traceback" not in ran.said
    assert [path for path in strangers(workspace) if "weight-gate-reports" not in path] == []


def test_no_home_at_all(workspace: Path) -> None:
    ran = run(workspace, (*DOCUMENTED, "--entrypoint=env"), "-u", "HOME", "-u", "LANG", "weight-gate", "check")
    assert ran.code == 0, ran.said


@pytest.mark.parametrize("how", [DOCUMENTED, AS_ROOT, ()], ids=["as documented", "root, read-only", "root"])
def test_it_is_as_confined_as_without_a_container(workspace: Path, how: tuple[str, ...]) -> None:
    """The engine's own filter of system calls takes nothing of it away: Landlock, seccomp, no_new_privs."""
    by_pip = copied(DIGITS, workspace.parent / "pip")
    assert run_gate("check", cwd=by_pip).returncode == 0
    complete = "missing" not in confinement_of(by_pip)

    ran = run(workspace, how, "check", *(["--require-sandbox"] if complete else []))
    assert ran.code == 0, ran.said
    assert confinement_of(workspace) == confinement_of(by_pip)


def test_what_a_workflow_sets_has_no_part_in_the_gate(workspace: Path) -> None:
    """A repository's own modules, on PYTHONPATH and in the folder where it runs: neither in it nor in what loads."""
    for name in ("yaml.py", "sitecustomize.py", "numpy.py", "tensorflow.py"):
        (workspace / name).write_text("raise SystemExit('the repository ran')\n", encoding="utf-8")
    ran = run(workspace, (*DOCUMENTED, "--env=PYTHONPATH=/work", "--env=PYTHONSTARTUP=yaml.py"), "check")
    assert ran.code == 0, ran.said
    assert "the repository ran" not in ran.said


def test_keras_2(tmp_path: Path) -> None:
    """`load: {keras: 2}` needs tf-keras, which asks for TensorFlow by another name than it has here."""
    made = tmp_path / "made"
    made.mkdir()
    script = (
        "import os; os.environ['TF_USE_LEGACY_KERAS'] = '1'\n"
        "import tf_keras\n"
        "layers = [tf_keras.Input((3,)), tf_keras.layers.Dense(2, name='dense')]\n"
        "tf_keras.Sequential(layers).save('model.h5')\n"
    )
    (made / "weight-gate.yml").write_text(
        "version: 1\nmodels:\n  - weights: model.h5\n    load: {keras: 2}\n", encoding="utf-8"
    )
    workspace = copied(made, tmp_path / "workspace")
    options = (*DOCUMENTED, "--entrypoint=python")
    assert run(workspace, options, "-c", script).code == 0
    ran = run(workspace, DOCUMENTED, "check")
    assert ran.code == 0, ran.said
    assert report_of(workspace)["models"][0]["outcome"] == "passed"


def test_the_image_says_what_it_is_and_assumes_nothing() -> None:
    config = inspected()
    assert config.get("User", "") == ""  # the runner demands root
    assert "Healthcheck" not in config
    assert config["WorkingDir"] == "/work"
    labels = config["Labels"]
    assert isinstance(labels, dict)
    kinds = ("title", "description", "licenses", "source", "version", "revision", "created")
    assert {f"org.opencontainers.image.{kind}" for kind in kinds} <= labels.keys()
    assert labels["org.opencontainers.image.version"] == IMAGE.rpartition(":v")[2]


def test_nothing_is_written_into_the_container(workspace: Path) -> None:
    """Bytecode and fonts, caches and logs: what one run writes beside the workspace and /tmp, another would pay for."""
    name = f"weight-gate-{workspace.stat().st_ino}"
    try:
        docker("run", f"--name={name}", "--tmpfs=/tmp", f"--volume={workspace}:/work", IMAGE, "check")
        changed = {line[2:] for line in docker("diff", name).splitlines()}
    finally:
        docker("rm", "--force", name)
    assert changed <= {"/work"}


def test_every_module_comes_compiled() -> None:
    """But for what is no module of this Python: a template, a test of syntax."""
    script = (
        "import importlib.util, pathlib, sysconfig\n"
        "for path in pathlib.Path(sysconfig.get_path('purelib')).rglob('*.py'):\n"
        "    if not pathlib.Path(importlib.util.cache_from_source(path)).exists(): print(path)\n"
    )
    said = docker("run", "--rm", "--entrypoint=python", IMAGE, "-I", "-c", script)
    assert said == ""


def test_it_is_no_larger_than_it_says() -> None:
    (found,) = json.loads(docker("image", "inspect", IMAGE))
    assert found["Size"] < 1_600_000_000
