"""Jobs set `PYTHONPATH`, and a pull request fills it: what of that runs, and where."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from comments.gates import body, wish
from comments.server import GitHub
from gate.github.process import write_comment
from gate.interpreter import IMPORTS, command, imports, late_imports, trusted_entries, untrusted
from support.cli import ROOT
from support.files import WRITERS
from support.judging import sample
from support.repositories import Repo
from support.wheels import wheel

TELLS = """
import os, sys
try:
    with open({told!r}, "a") as file:
        file.write(f"{{__name__}} in {{' '.join(sys.orig_argv[1:3])}}\\n")
except OSError:
    pass  # confined
"""
OWN = ("sitecustomize", "usercustomize", "brotli", "keyring", "simplejson", "socks", "truststore", "chardet")
"""Python imports them where they are, and so do libraries and pip."""
SHADOWS = ("json", "runpy", "socket", "numpy", "h5py", "github", "requests", "tensorflow", "keras", "pip")
LOADER = """
import h5py, helper, wg_units
def load(path):
    assert (helper.VALUE, wg_units.VALUE) == (7, 8)
    with h5py.File(path) as file:
        found = []
        file.visititems(lambda name, each: found.append(each[()]) if hasattr(each, "shape") else None)
    return {"a/kernel": found[0]}
"""
PARENTS = {
    # As the image starts it.
    "isolated": [
        "-I",
        "-c",
        f"import sys; sys.path.append({str(ROOT)!r}); from gate.cli import main; sys.exit(main())",
    ],
    "module": ["-m", "gate"],
}


class Hostile:
    """A workspace whose `src` is on `PYTHONPATH`, and full of modules that tell where they ran without confinement."""

    def __init__(self, folder: Path) -> None:
        self.workspace = folder / "workspace"
        self.source = self.workspace / "src"
        self.source.mkdir(parents=True)
        self.told = folder / "told"
        self.plant(OWN)

    def plant(self, names: tuple[str, ...]) -> None:
        for name in names:
            (self.source / f"{name}.py").write_text(TELLS.format(told=str(self.told)), encoding="utf-8")

    @property
    def ran(self) -> set[str]:
        return set(self.told.read_text().splitlines()) if self.told.exists() else set()


@pytest.fixture
def hostile(tmp_path: Path) -> Hostile:
    return Hostile(tmp_path)


@pytest.fixture
def github() -> Iterator[GitHub]:
    with GitHub() as server:
        yield server


@pytest.mark.tensorflow
@pytest.mark.parametrize("parent", PARENTS)
def test_nothing_of_a_workspace_runs_unconfined(hostile: Hostile, tmp_path: Path, github: GitHub, parent: str) -> None:
    """The nursery and its children, pip, and the process that writes the comment: with one run of the gate."""
    workspace = hostile.workspace
    if parent == "isolated":  # another parent would not come far itself
        hostile.plant(SHADOWS)
    (hostile.source / "helper.py").write_text("VALUE = 7\n")
    (workspace / "serve.py").write_text(LOADER)
    (workspace / "requirements.txt").write_text("wg-units==1.0\n")
    (tmp_path / "wheels").mkdir()
    wheel(tmp_path / "wheels", "wg_units", wg_units="VALUE = 8\n")
    WRITERS["weights.h5"](workspace / "a.weights.h5", {"a/kernel": np.arange(6, dtype=np.float32).reshape(2, 3)})
    (workspace / "weight-gate.yml").write_text(
        "version: 1\nmodels:\n  - {weights: a.weights.h5, load: {code: 'serve.py:load'}}\n"
    )
    (tmp_path / "event.json").write_text('{"pull_request": {"number": 7}}')
    path = [str(hostile.source), *([str(ROOT)] if parent == "module" else [])]
    done = subprocess.run(
        [sys.executable, *PARENTS[parent], "check", "--allow-code", "--requirements", "requirements.txt"],
        cwd=workspace,
        env={
            "PATH": f"{hostile.source}{os.pathsep}{os.environ['PATH']}",
            "LD_LIBRARY_PATH": str(hostile.source),
            "PYTHONPATH": os.pathsep.join(path),
            "PYTHONUSERBASE": str(hostile.source),
            "PYTHONSTARTUP": str(hostile.source / "sitecustomize.py"),
            "PIP_NO_INDEX": "1",
            "PIP_FIND_LINKS": str(tmp_path / "wheels"),
            "GITHUB_ACTIONS": "true",
            "GITHUB_EVENT_NAME": "pull_request",
            "GITHUB_EVENT_PATH": str(tmp_path / "event.json"),
            "GITHUB_REPOSITORY": "org/models",
            "GITHUB_API_URL": github.api,
            "INPUT_GITHUB-TOKEN": "ghs_actions",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "packages wg_units 1.0" in " ".join(done.stdout.split())
    assert github.exchanges, done.stderr
    assert "got no comment" not in done.stderr
    assert hostile.ran <= ({"sitecustomize in -m gate"} if parent == "module" else set())


def test_the_comment_has_its_packages_from_where_this_process_has_them(
    hostile: Hostile, github: GitHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    hostile.plant(SHADOWS)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(hostile.source), str(ROOT)]))
    said = body("red")
    write_comment(wish(github.api, said), untrusted=untrusted([hostile.workspace]))
    assert github.bodies == [said]
    assert hostile.ran == set()


def test_paths_of_a_workspace_are_told_from_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    repository, libraries, here = (tmp_path / name for name in ("repository", "libraries", "here"))
    for folder in (repository / ".git", repository / "deploy", repository / "src", libraries, here / "deep"):
        folder.mkdir(parents=True)
    monkeypatch.chdir(here)
    folders = untrusted([repository / "deploy"])
    assert set(folders) == {here, repository}
    (libraries / "link").symlink_to(repository / "src")  # out of theirs: it leads in
    (repository / "out").symlink_to(libraries)  # theirs, whatever it leads to
    theirs = [
        "", ".", "relative", repository, repository / "src", repository / "missing", here / "deep", libraries / "link",
        repository / "out", libraries / ".." / "repository" / "src",
        tmp_path, "/",  # the repository would be a package in them
    ]  # fmt: skip
    ours = [libraries, tmp_path / "missing", "/opt/cuda", tmp_path / "repository-of-another"]
    assert trusted_entries(os.pathsep.join(map(str, [*theirs, *ours])), folders) == list(map(str, ours))

    environment = {"PYTHONPATH": os.pathsep.join(map(str, [repository / "src", libraries, tmp_path, "src"]))}
    found = imports(environment, folders)
    assert str(libraries) in found
    assert not {str(repository / "src"), str(tmp_path), "src"} & set(found)
    assert late_imports(environment, folders) == [str(repository / "src")]


def test_the_standard_library_comes_first(tmp_path: Path) -> None:
    for name in ("colorsys", "numpy", "sitecustomize"):
        (tmp_path / f"{name}.py").write_text("import os; WHERE = 'given'\nos.environ['RAN'] = __name__\n")
    (tmp_path / "asks.py").write_text(
        "import os\nassert 'RAN' not in os.environ\nimport colorsys, numpy\n"
        "print(hasattr(colorsys, 'WHERE'), numpy.WHERE, os.environ['RAN'])\n"
    )
    environment = {"PATH": os.environ["PATH"], IMPORTS: str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"}
    for seeded in (False, True):
        asked = subprocess.run(
            command("asks", seeded=seeded), cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        assert asked.stdout.split() == ["False", "given", "numpy"], asked.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="prctl(2)")
def test_the_gate_is_closed_to_others_from_the_start(tmp_path: Path) -> None:
    """Before it starts any process, and after: the kernel keeps the token in the environment that it was given."""
    WRITERS["npz"](tmp_path / "a.npz", sample())
    (tmp_path / "weight-gate.yml").write_text("version: 1\nmodels:\n  - {weights: a.npz, load: false}\n")
    script = (
        "import ctypes, subprocess, sys\n"
        "from gate.cli import main\n"
        "seen = []\n"
        "GET_DUMPABLE, started = 3, subprocess.Popen.__init__\n"
        "def start(*given, **more):\n"
        "    seen.append(ctypes.CDLL(None).prctl(GET_DUMPABLE, 0, 0, 0, 0))\n"
        "    started(*given, **more)\n"
        "subprocess.Popen.__init__ = start\n"
        "assert ctypes.CDLL(None).prctl(GET_DUMPABLE, 0, 0, 0, 0) == 1\n"
        "code = main(['check', '--changed-since', 'HEAD'])\n"
        "assert seen and not any(seen), seen\n"
        "assert ctypes.CDLL(None).prctl(GET_DUMPABLE, 0, 0, 0, 0) == 0\n"
        "sys.exit(code)\n"
    )
    Repo.init(tmp_path).commit()
    WRITERS["npz"](tmp_path / "a.npz", sample() | {"head/bias": sample()["head/bias"] + 1})
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
