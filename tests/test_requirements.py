"""Packages for code of the repository: what a requirements file may say, and what pip does with it."""

import hashlib
import os
import subprocess
import sys
import tarfile
from importlib.metadata import version
from pathlib import Path

import pytest

from gate.errors import GateError, UsageError
from gate.requirements import Packages, Requirements, _masked, read_requirements
from support.wheels import wheel

NUMPY = version("numpy")


def written(folder: Path, text: str | bytes) -> Requirements:
    path = folder / "requirements.txt"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_requirements(path, "requirements.txt")


def installed(tmp_path: Path, text: str, seconds: float = 120, **more: str) -> Packages:
    """With no index but the wheels in `tmp_path`."""
    into = tmp_path / "into"
    into.mkdir()
    environment = {**os.environ, "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(tmp_path), **more}
    return written(tmp_path, text).install(into, environment, seconds)


def test_what_a_file_may_say(tmp_path: Path) -> None:
    digest = "a" * 64
    found = written(
        tmp_path,
        "# models need these\r\n"
        "\n"
        "einops\n"
        "   tensor.Parts [extra]>=1, <2  # why\n"
        'six==1.16.0 ; python_version < "4"\n'
        f"absl-py==2.1.0 \\\n    --hash=sha256:{digest} \\\n    --hash=sha512:{digest * 2}\n"
        "    # via keras\n"
        "--require-hashes\n",
    )
    assert found.lines == (
        "",
        "",
        "einops",
        "tensor.Parts[extra]<2,>=1",
        'six==1.16.0; python_version < "4"',
        f"absl-py==2.1.0 --hash=sha256:{digest} --hash=sha512:{digest * 2}",
        "",
        "",
        "",
        "--require-hashes",
    )


@pytest.mark.parametrize(
    "line",
    [
        "-e .",
        "--editable=git+https://example.com/x.git",
        ".",
        "./package",
        "../../package",
        "/tmp/package",
        "package.tar.gz ; extra",
        "dir/package-1.0.tar.gz",
        "git+https://example.com/x.git",
        "https://example.com/x.whl",
        "x @ https://example.com/x-1.0-py3-none-any.whl",
        "x@file:///tmp/x",
        "x @ git+ssh://git@example.com/x.git",
        "-r other.txt",
        "-rother.txt",
        "-c constraints.txt",
        "--index-url https://evil.example/simple",
        "-i https://evil.example/simple",
        "--extra-index-url=https://evil.example/simple",
        "--find-links .",
        "--no-binary :all:",
        "--trusted-host evil.example",
        "x --no-binary :all:",
        "x --config-settings=a=b",
        "x --global-option=y",
        "x==1.0 --hash=md5:0123",
        "x==1.0 --hash=sha256:short",
        "x==1.0 -e .",
        "x -e",
        "${HOME}",
        "x==${VERSION}",
        "x===${PIP_INDEX_URL}",
        "x===$x",
        "x; os_name == '${PIP_INDEX_URL}'",
        "x===1\\\\",
        "x\x0b--no-binary :all:",
        "x\u2028-e .",
        "x\x85-e .",
        "x\\y",
        "ünicode",
        'x; python_version > "\u0663"',
        "\x00",
        "::error::x",
    ],
)
def test_what_would_run_code_or_look_elsewhere_is_refused(tmp_path: Path, line: str) -> None:
    with pytest.raises(UsageError) as caught:
        written(tmp_path, f"# first\n{line}\n")
    assert caught.value.position is not None
    assert (caught.value.position.file, caught.value.position.line) == ("requirements.txt", 2)


@pytest.mark.parametrize("content", [b"\xff\xfee\x00", b"# -*- coding: utf-7 -*-\n+AC0-e .\n", b"x\n" * 600_000])
def test_files_of_another_kind_are_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(UsageError):
        written(tmp_path, content)


def test_no_file(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "missing", Path("/dev/null")):
        with pytest.raises(UsageError, match=r"r\.txt"):
            read_requirements(path, "r.txt")


def test_installs_what_is_missing_and_leaves_what_is_there(tmp_path: Path) -> None:
    wheel(tmp_path, "wg_leaf", wg_leaf="VALUE = 41")
    wheel(tmp_path, "wg_tree", requires="numpy", wg_tree="from wg_leaf import VALUE\nVALUE += 1")
    found = installed(tmp_path, "wg-tree\nwg-leaf\nnumpy\n")
    assert found.versions == ("wg_leaf 1.0", "wg_tree 1.0")
    code = f"import sys; sys.path += {list(map(str, found.folders))}; import wg_tree; print(wg_tree.VALUE)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "42\n"


def test_another_version_of_what_is_there_is_an_error(tmp_path: Path) -> None:
    wheel(tmp_path, "numpy", "99.0", numpy="raise SystemExit('replaced')")
    wheel(tmp_path, "wg_tree", requires="numpy>=99")
    with pytest.raises(GateError, match="could not be installed") as caught:
        installed(tmp_path, "# ours\n\nwg-tree\n")
    assert caught.value.exit_code == 4
    assert "wg-tree 1.0 depends on numpy>=99" in caught.value.reason
    assert f"numpy=={NUMPY}" in caught.value.reason
    assert "requirements.txt (line 3)" in caught.value.reason
    assert version("numpy") == NUMPY


def test_a_source_distribution_is_not_built(tmp_path: Path) -> None:
    source = tmp_path / "wg_source-1.0"
    source.mkdir()
    trace = tmp_path / "ran"
    (source / "setup.py").write_text(
        f"open({str(trace)!r}, 'w')\nfrom setuptools import setup\nsetup(name='wg_source')\n"
    )
    with tarfile.open(tmp_path / "wg_source-1.0.tar.gz", "w:gz") as archive:
        archive.add(source, "wg_source-1.0")
    with pytest.raises(GateError, match=r"wg.source"):
        installed(tmp_path, "wg-source\n")
    assert not trace.exists()


def test_a_name_that_is_a_file_is_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wheel(tmp_path, "wg_local")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(GateError, match="could not be installed"):
        installed(tmp_path, "wg_local-1.0-py3-none-any.whl\n")


def test_hashes_are_honoured(tmp_path: Path) -> None:
    made = wheel(tmp_path, "wg_hashed")
    digest = hashlib.sha256(made.read_bytes()).hexdigest()
    here = f"numpy=={NUMPY} --hash=sha256:{'0' * 64}\n"  # there already: nothing is fetched
    assert installed(tmp_path, f"wg-hashed==1.0 --hash=sha256:{digest}\n{here}").versions == ("wg_hashed 1.0",)


@pytest.mark.parametrize("line", [f"wg-hashed==1.0 --hash=sha256:{'0' * 64}", "--require-hashes\nwg-hashed==1.0"])
def test_a_wrong_hash_or_none_is_an_error(tmp_path: Path, line: str) -> None:
    wheel(tmp_path, "wg_hashed")
    with pytest.raises(GateError, match=r"(?i)hash"):
        installed(tmp_path, f"{line}\n")


def test_one_that_is_nowhere_is_named(tmp_path: Path) -> None:
    with pytest.raises(GateError, match="No matching distribution found for wg-nowhere"):
        installed(tmp_path, "wg-nowhere\n")


def test_time_is_limited(tmp_path: Path) -> None:
    with pytest.raises(GateError, match=r"pip did not end within 0\.01 seconds"):
        installed(tmp_path, "wg-nowhere\n", seconds=0.01)


def test_pip_sees_no_token_and_no_code_of_the_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A `pip` in the current folder would be run in the place of pip, and PYTHONSTARTUP and the like change others."""
    trace = tmp_path / "ran"
    (tmp_path / "pip.py").write_text(f"import os; open({str(trace)!r}, 'w').write(str(dict(os.environ)))")
    monkeypatch.chdir(tmp_path)
    wheel(tmp_path, "wg_leaf")
    installed(tmp_path, "wg-leaf\n", GITHUB_TOKEN="secret", PIP_REQUIREMENT="/etc/passwd", PIP_NO_BINARY=":all:")
    assert not trace.exists()


def test_tensorflow_under_another_name_is_tensorflow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The image has `tensorflow-cpu`; what depends on `tensorflow` must not bring a second one."""
    monkeypatch.setattr("gate.requirements._installed", lambda: {"tensorflow-cpu": "2.99.0"})
    monkeypatch.setattr("gate.requirements._PROVIDED", {"tensorflow-cpu": "tensorflow-of-nobody"})
    wheel(tmp_path, "wg_tree", requires="tensorflow-of-nobody>=2.99")
    assert installed(tmp_path, "wg-tree\n").versions == ("wg_tree 1.0",)


@pytest.mark.parametrize("name", ["PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_PROXY", "HTTPS_PROXY", "PIP_FIND_LINKS"])
def test_what_pip_says_holds_no_credentials(tmp_path: Path, name: str) -> None:
    address = "http://builder:s3cr%40et-t0ken@127.0.0.1:9/private"
    environment = {name: address, "PIP_RETRIES": "0", "PIP_TIMEOUT": "1", "PIP_NO_INDEX": ""}
    if "INDEX" not in name:
        environment |= {"PIP_INDEX_URL": "https://127.0.0.1:9/simple"}
    with pytest.raises(GateError) as caught:
        installed(tmp_path, "wg-nowhere", 120, **environment)
    assert "could not be installed" in caught.value.reason
    for secret in ("s3cr", "t0ken", "builder", "@et"):
        assert secret not in caught.value.reason


def test_addresses_are_masked_wherever_they_come_from() -> None:
    environment = {
        "PIP_EXTRA_INDEX_URL": "https://a:one-Secret@x.example/simple https://token-Two@y.example/",
        "HTTPS_PROXY": "bob:hunter2@proxy:3128",
        "PATH": "/usr/bin:/bin",
        "PIP_RETRIES": "0",
    }
    said = (
        "at https://a:one-Secret@x.example/simple/x and one-Secret and token-Two; 0 in /usr/bin; hunter2;"
        " https://elsewhere:pass@word@z.example/s and https://z.example/a@b"
    )
    assert _masked(said, environment) == (
        "at $PIP_EXTRA_INDEX_URL/x and **** and ****; 0 in /usr/bin; ****;"
        " https://****@z.example/s and https://z.example/a@b"
    )


@pytest.mark.parametrize("where", ["PIP_CONFIG_FILE", "XDG_CONFIG_HOME", "HOME", "older"])
def test_a_configuration_in_the_workspace_is_refused(tmp_path: Path, where: str) -> None:
    """It could name another Python to run, or another index."""
    workspace = tmp_path / "workspace"
    below = {"XDG_CONFIG_HOME": "pip/pip.conf", "HOME": ".config/pip/pip.conf", "older": ".pip/pip.conf"}
    file = workspace / below.get(where, "pip.conf")
    file.parent.mkdir(parents=True)
    file.write_text("[global]\npython = ./evil\n")
    value = file if where == "PIP_CONFIG_FILE" else workspace
    environment = {"PATH": os.environ["PATH"], "HOME" if where == "older" else where: str(value)}
    (tmp_path / "into").mkdir()
    with pytest.raises(GateError, match="a pull request may have written it"):
        written(tmp_path, "wg-nowhere").install(tmp_path / "into", environment, 60, [workspace])
