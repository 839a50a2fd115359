"""Whatever names and texts it is given, the whole command prints no workflow command but the annotations it means.

`reports.runner` is what GitHub's runner makes of output. Everything here is a real process under `GITHUB_ACTIONS=true`,
with both of its streams; what children of it print is in runtime/test_bad_children.py.
"""

import contextlib
import json
import os
import re
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gate.errors import UsageError
from gate.manifest import load_manifest
from gate.paths import paths_outside
from gate.workspace import Workspace
from reports.runner import Command, commands
from reports.samples import HOSTILE
from reports.strategies import hostile_text
from support.cli import run_gate
from support.files import WRITERS, safetensors_bytes
from support.https import Handler, body, https_server, to

RUNNER = {"GITHUB_ACTIONS": "true"}
MANIFEST = "weight-gate.yml"
OURS = {"error", "warning", "notice"}
PROPERTIES = {"file", "line", "col", "title"}

Process = subprocess.CompletedProcess[str]
few = settings(deadline=None, max_examples=4, suppress_health_check=[HealthCheck.function_scoped_fixture])


def strays(done: Process, folder: Path) -> list[Command | str]:
    """What the gate did not mean: any other command, another property, a place that is none; all of it on stderr."""
    found: list[Command | str] = [*commands(done.stderr)]
    if "Traceback" in done.stderr + done.stdout:
        found.append(done.stderr)
    for each in commands(done.stdout):
        ours = each.name in OURS and each.properties.keys() <= PROPERTIES
        if not ours or not _is_there(each, folder):
            found.append(each)
    return found


def _is_there(command: Command, folder: Path) -> bool:
    file = command.properties.get("file")
    if file is None:
        return not {"line", "col"} & command.properties.keys()
    if not (folder / file).is_file():
        return command.data.startswith("there is no such manifest")
    lines = (folder / file).read_bytes().decode("utf-8", "replace").splitlines()
    return 1 <= int(command.properties["line"]) <= len(lines) + 1 and int(command.properties["col"]) >= 1


def gate(folder: Path, *words: str | os.PathLike[str]) -> Process:
    return run_gate(*words, cwd=folder, env={**RUNNER, "XDG_CACHE_HOME": str(folder / "cache")})


def every_way(folder: Path, new: str, old: str) -> Iterator[Process]:
    """All commands that read weights, with all that they print."""
    (folder / MANIFEST).write_text(f"version: 1\nmodels:\n  - weights: {new}\n    reference: {old}\n    load: false\n")
    yield gate(folder, "check")
    yield gate(folder, "diff", old, new, "--all")
    yield gate(folder, "diff", old, new, "--json")
    yield gate(folder, "list", new)
    yield gate(folder, "list", new, "--json")
    yield gate(folder, "list", new, "--against", old)


def npz(folder: Path, names: Sequence[str]) -> Iterator[Process]:
    """One file that differs from the other in every tensor; each has a tensor of its own as well."""
    arrays = {name: np.arange(4.0) + number for number, name in enumerate(names)}
    WRITERS["npz"](folder / "old.npz", arrays)
    changed = {name: array * 1.5 + 1 for name, array in arrays.items()}
    WRITERS["npz"](folder / "new.npz", {f"{name}!" if name == names[-1] else name: a for name, a in changed.items()})
    yield from every_way(folder, "new.npz", "old.npz")


def as_member(text: str) -> str:
    """A name that a zip archive can have, and that leads nowhere."""
    return re.sub(r"[\x00/\\]", "|", text.encode("utf-8", "replace").decode("utf-8"))[:200] or "-"


def test_names_in_npz(tmp_path: Path) -> None:
    names = list(dict.fromkeys(map(as_member, HOSTILE)))
    for done in npz(tmp_path, names):
        assert strays(done, tmp_path) == []
        assert done.returncode in {0, 1}, done.stderr


@few
@given(names=st.lists(hostile_text.map(as_member), min_size=5, max_size=40, unique=True))
def test_any_names_in_npz(tmp_path: Path, names: list[str]) -> None:
    for done in npz(tmp_path, names):
        assert strays(done, tmp_path) == []


@few
@given(names=st.lists(hostile_text, min_size=5, max_size=40, unique=True))
def test_any_names_in_safetensors(tmp_path: Path, names: list[str]) -> None:
    """JSON can say lone surrogates and NULs too. What is no name to the reader is an error, and no command either."""
    for file, fill in (("old.safetensors", b"\x00"), ("new.safetensors", b"\x3f")):
        header = {
            name: {"dtype": "F32", "shape": [1], "data_offsets": [4 * at, 4 * at + 4]} for at, name in enumerate(names)
        }
        (tmp_path / file).write_bytes(safetensors_bytes(header, fill * 4 * len(names)))
    for done in every_way(tmp_path, "new.safetensors", "old.safetensors"):
        assert strays(done, tmp_path) == []


def test_names_in_hdf5(tmp_path: Path) -> None:
    """Names are bytes there, text or not."""
    raw = [text.encode("utf-8", "surrogatepass").replace(b"\x00", b"0").replace(b"/", b"|") for text in HOSTILE]
    raw += [b"\xff\r::error::\xfe", b"\x80##[error]"]
    names = list(dict.fromkeys(name[:60] for name in raw if name))
    for file, value in (("old.h5", 0.0), ("new.h5", 1.0)):
        with h5py.File(tmp_path / file, "w") as h5:
            h5.attrs["layer_names"] = np.array(names)
            for name in names:
                group = h5py.Group(h5py.h5g.create(h5.id, name))
                group.attrs["weight_names"] = np.array([name])
                data = np.arange(3.0) + value
                space = h5py.h5s.create_simple(data.shape)
                h5py.h5d.create(group.id, name, h5py.h5t.NATIVE_DOUBLE, space).write(h5py.h5s.ALL, h5py.h5s.ALL, data)
    for done in every_way(tmp_path, "new.h5", "old.h5"):
        assert strays(done, tmp_path) == []


def test_names_of_files_and_models(tmp_path: Path) -> None:
    names = [
        text.replace("/", "|")
        .replace("\x00", "0")
        .encode(
            "utf-8",
            "surrogateescape",
        )
        for text in HOSTILE
        if _is_name(text)
    ]
    for number, name in enumerate(dict.fromkeys(names)):
        path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name + b".npz"))
        if number % 3:
            WRITERS["npz"](path, {"a": np.full(3, np.nan)})
        else:
            path.write_bytes(b"::error::not weights\r::error::x ##[error]y")
    (tmp_path / MANIFEST).write_text('version: 1\nmodels:\n  - weights: "*.npz"\n    load: false\n')
    done = gate(tmp_path, "check")
    assert strays(done, tmp_path) == []
    assert done.returncode == 4
    for path in sorted(tmp_path.glob("*.npz"))[:6]:
        for command in ("list", "diff"):
            done = gate(tmp_path, command, path.name, *([path.name] if command == "diff" else []))
            assert strays(done, tmp_path) == []


def _is_name(text: str) -> bool:
    try:
        return 0 < len(text.encode("utf-8", "surrogateescape")) < 200
    except UnicodeEncodeError:
        return False


def as_yaml(manifest: object) -> str:
    """JSON is YAML, but for how it escapes. A manifest is UTF-8, so it has no lone surrogates."""
    text = json.dumps(manifest, ensure_ascii=False).encode("utf-8", "replace").decode("utf-8")
    return re.sub(r"[^\x20-\x7e]", lambda found: f"\\U{ord(found[0]):08x}", text)


HOSTILE_KEYS = (
    "name", "weights", "reference", "digest", "names", "groups", "tensors", "statistics", "architecture", "load",
    "restore", "roundtrip", "predictions",
)  # fmt: skip


def test_texts_in_a_manifest(tmp_path: Path) -> None:
    """Every one of them in every place. All mistakes are told at once."""
    places: list[dict[str, object]] = [{"weights": "a.npz", key: text} for text in HOSTILE for key in HOSTILE_KEYS]
    places += [{"weights": "a.npz", text[:90]: text} for text in HOSTILE]
    places += [
        {"weights": "a.npz", "reference": {key: text}} for text in HOSTILE for key in ("git", "url", "file", text[:90])
    ]
    places += [{"weights": "a.npz", "tensors": [{"match": text, "expect": text}]} for text in HOSTILE]
    places += [{"weights": "a.npz", "tensors": [{"match": text, "expect": "any", "reason": text}]} for text in HOSTILE]
    places += [{"weights": "a.npz", "load": {"code": f"{text}.py:f"}} for text in HOSTILE]
    manifest = {"version": 1, "models": places, "more::error::": "\r::error::", "defaults": {"device": "##[error]"}}
    (tmp_path / MANIFEST).write_text(as_yaml(manifest))
    for command in ("check", "validate"):
        done = gate(tmp_path, command)
        assert strays(done, tmp_path) == []
        assert done.returncode == 2
        assert len(commands(done.stdout)) > 100


def entry(key: str, text: str) -> dict[str, object]:
    """A model of which one thing is called so."""
    said: dict[str, object] = {"name": text, "weights": "a.npz", "load": False}
    if key == "match":
        said["tensors"] = [{"match": text, "expect": "ignored", "reason": text}]
    elif key == "git":
        said["reference"] = {"git": text}
    elif key == "url":
        said["reference"] = {"url": f"https://localhost:1/{text}", "sha256": "0" * 64}
    elif key != "name":
        said[key] = text
    return said


@pytest.mark.parametrize("key", ["name", "weights", "reference", "match", "git", "url"])
def test_texts_in_a_manifest_that_is_right(tmp_path: Path, key: str) -> None:
    """What passes as a name, a path, a glob, a commit or an address is told in findings."""
    WRITERS["npz"](tmp_path / "a.npz", {"a": np.arange(3.0)})
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    path = tmp_path / MANIFEST
    right = []
    for each in (entry(key, text) for text in HOSTILE):
        path.write_text(as_yaml({"version": 1, "models": [each]}))
        with contextlib.suppress(UsageError):
            loaded = load_manifest(path)
            if not paths_outside(loaded, Workspace.of_manifest(path)):  # none is so long that no file can have it
                right.append(each)
    assert len(right) > 5
    if key == "url":
        del right[1:]  # each is tried three times
    path.write_text(as_yaml({"version": 1, "models": right}))
    done = gate(tmp_path, "check")
    assert strays(done, tmp_path) == []
    assert done.returncode == (0 if key == "name" else 4), done.stdout


@pytest.mark.parametrize(
    "text", ["- \r::error::x", "a: b: ##[error]c", "\t::error::x", "::error::x", "'##[error]", "&x *y"]
)
def test_manifests_that_are_no_yaml(tmp_path: Path, text: str) -> None:
    (tmp_path / MANIFEST).write_bytes(text.encode())
    for command in ("check", "validate"):
        done = gate(tmp_path, command)
        assert strays(done, tmp_path) == []
        assert done.returncode == 2


@pytest.mark.parametrize("name", ["a,b=c:d%0A.yml", "::error::.yml", "##[error]x.yml", "x title=::error::.yml"])
def test_names_of_manifests_are_real_places(tmp_path: Path, name: str) -> None:
    """Escaped for the runner, they are still the names of the files."""
    (tmp_path / name).write_text("version: 2\n")
    (tmp_path / MANIFEST).write_text("version: 1\nmodels:\n  - weights: ::none\n")
    for words in (("check", name), ("validate", name), ("check",)):
        done = gate(tmp_path, *words)
        assert strays(done, tmp_path) == []
        assert [each.properties["file"] for each in commands(done.stdout) if each.name == "error"][:1] == [
            words[-1:][0] if len(words) > 1 else MANIFEST
        ]


WORDS = ["::error::x", "\r::error::x", "##[error]x", "--\n::error::x", "--root=##[error]x", "--threads=\r::error::x"]


@pytest.mark.parametrize("word", WORDS)
def test_words_of_the_command_line(tmp_path: Path, word: str) -> None:
    for words in (
        [word],
        ["check", word],
        ["validate", word],
        ["list", word],
        ["diff", word, word],
        ["check", "--junit-path", word, "--reports", word],
    ):
        assert strays(gate(tmp_path, *words), tmp_path) == []


@pytest.mark.parametrize("word", WORDS)
def test_inputs_of_the_action(tmp_path: Path, word: str) -> None:
    names = ("MANIFEST", "DEVICE", "ROOT", "REPORTS", "JUNIT-PATH", "TIMEOUT", "ALLOW-CODE", "MEMORY")
    for inputs in ({f"INPUT_{name}": word for name in names}, {"INPUT_MANIFEST": word}):
        done = run_gate("action", cwd=tmp_path, env={**RUNNER, **inputs})
        assert strays(done, tmp_path) == []
        assert done.returncode in {2, 4}


def hostile_status(handler: Handler) -> None:
    """A status line, headers and cookies full of commands."""
    handler.wfile.write(
        b"HTTP/1.1 404 ::error::x ##[error]x\r\nSet-Cookie: ##[error]=::error::; Domain=##[error]\r\n"
        b"Set-Cookie: a\x01=##[error]x; Expires=##[error]\r\nX: ##[error]x\r\nContent-Length: 0\r\n\r\n"
    )


def hostile_headers(handler: Handler) -> None:
    handler.wfile.write(b"HTTP/1.1 ##[error]x\r\n::error::x\r\n##[error]x: y\r\n\r\n##[error]x")


def test_words_of_a_server(tmp_path: Path) -> None:
    """Libraries log and raise what servers say."""
    WRITERS["npz"](tmp_path / "a.npz", {"a": np.arange(3.0)})
    with https_server(tmp_path) as server:
        answers = {
            "/status": hostile_status,
            "/headers": hostile_headers,
            "/to": to("ftp://##[error]x/::error::x"),
            "/nowhere": to("https://##[error]x/"),
            "/page": body(b"<html>##[error]x\r::error::x", Content_Type="##[error]x"),
            "/packed": body(b"##[error]x\r::error::x", Content_Encoding="gzip"),
            "/::error::x/%0D::error::x": body(b"x"),
        }
        for path, answer in answers.items():
            url = server.serve(path, answer)
            entry = {"weights": "a.npz", "load": False, "reference": {"url": url, "sha256": "0" * 64}}
            (tmp_path / MANIFEST).write_text(json.dumps({"version": 1, "models": [entry]}))
            env = {**RUNNER, "SSL_CERT_FILE": str(server.authority), "XDG_CACHE_HOME": str(tmp_path), "NO_PROXY": "*"}
            done = run_gate("check", cwd=tmp_path, env=env)
            assert strays(done, tmp_path) == []
            assert done.stderr == ""
            assert done.returncode == 4


def test_strays_would_be_found(tmp_path: Path) -> None:
    """The measure itself: what the gate never means is told apart from what it does."""
    (tmp_path / MANIFEST).write_text("version: 1\n")
    meant = f"::error file={MANIFEST},line=1,col=1,title=m::text ##[error]x\n"
    assert strays(Process([], 0, meant, ""), tmp_path) == []
    for stdout, stderr in [
        ("::set-output name=a::b", ""),
        (meant.replace("m::", "m,end=2::"), ""),
        (meant.replace(MANIFEST, "other.yml"), ""),
        (meant.replace("line=1", "line=7"), ""),
        ("text ##[debug]x", ""),
        ("text\r  ::debug::x", ""),
        ("", meant),
        ("", "Traceback (most recent call last):"),
    ]:
        assert strays(Process([], 0, stdout, stderr), tmp_path) != []
