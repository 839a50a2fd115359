"""What the image installs (requirements/image-*.txt) is what the tests run with, and what pyproject.toml asks for."""

import re
import tomllib
from collections.abc import Iterator
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from support.cli import ROOT

FLAVOURS = ("image-cpu", "image-gpu")
# Debian trixie's, and the machines of the workflow that releases it.
DEBIAN = {"python_version": "3.13", "python_full_version": "3.13.5", "implementation_name": "cpython"}
LINUX = {"sys_platform": "linux", "platform_system": "Linux", "platform_machine": "x86_64", "os_name": "posix"}


def lines(name: str) -> Iterator[Requirement]:
    text = (ROOT / "requirements" / f"{name}.txt").read_text(encoding="utf-8")
    for line in text.replace("\\\n", "").splitlines():
        if stated := line.partition("--hash")[0].partition("#")[0].strip():
            yield Requirement(stated)


def pinned(name: str) -> dict[str, str]:
    """Package to version, of those that are installed into the image."""
    return {
        canonicalize_name(each.name): str(each.specifier).removeprefix("==")
        for each in lines(name)
        if each.marker is None or each.marker.evaluate(DEBIAN | LINUX | {"platform_python_implementation": "CPython"})
    }


def project() -> dict[str, Any]:
    found: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return found


@pytest.mark.parametrize(("flavour", "name"), [("image-cpu", "tensorflow-cpu"), ("image-gpu", "tensorflow")])
def test_the_tensorflow_is_the_one_that_is_tested(flavour: str, name: str) -> None:
    assert pinned(flavour)[name] == pinned("dev")["tensorflow"]
    assert len(pinned(flavour).keys() & {"tensorflow", "tensorflow-cpu"}) == 1


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_what_both_have_is_the_same(flavour: str) -> None:
    tested, installed = pinned("dev"), pinned(flavour)
    common = tested.keys() & installed.keys()
    assert len(common) > 25
    assert {name: installed[name] for name in common} == {name: tested[name] for name in common}


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_all_that_the_gate_asks_for_is_there(flavour: str) -> None:
    extras = project()["optional-dependencies"]
    asked = [Requirement(each) for each in (*project()["dependencies"], *extras["github"], "tf-keras")]
    installed = pinned(flavour)
    assert [str(each) for each in asked if not each.specifier.contains(installed.get(each.name, "0"))] == []


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_what_is_left_out_is_not_there(flavour: str) -> None:
    left_out = {canonicalize_name(each.name) for each in lines("image-leaves-out")}
    assert left_out
    assert not left_out & pinned(flavour).keys()


@pytest.mark.parametrize("flavour", [*FLAVOURS, "build"])
def test_every_line_has_hashes_and_no_address(flavour: str) -> None:
    text = (ROOT / "requirements" / f"{flavour}.txt").read_text(encoding="utf-8")
    entries = text.replace("\\\n", "").splitlines()
    assert [line for line in entries if not re.fullmatch(r"[\w.\[\],-]+==\S+ .*--hash=sha256:[0-9a-f]{64}", line)] == []
    assert "://" not in text
