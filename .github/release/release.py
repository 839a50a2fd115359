"""The parts of a release that are no command of git, gh or docker: for .github/workflows/release.yml, and for people.

    release.py verify VERSION                      may this tree be released as VERSION?
    release.py notes VERSION                       what CHANGELOG.md says of it
    release.py pin VERSION --cpu DIGEST --gpu DIGEST    write the images into action.yml and gpu/action.yml

Python's standard library only, so that nothing has to be installed where the images are pinned. Exit 1 and one line for
whatever is not as it should be: nothing is guessed, and nothing is written unless everything can be.
"""

import argparse
import re
import subprocess
import sys
from collections.abc import Sequence
from datetime import date
from pathlib import Path

IMAGE = "ghcr.io/org/weight-gate"
SUFFIXES = {"action.yml": "", "gpu/action.yml": "-gpu"}
"""The files that name an image, and how the tag of theirs ends."""

_VERSION = re.compile(r"(0|[1-9][0-9]{0,4})\.(0|[1-9][0-9]{0,4})\.(0|[1-9][0-9]{0,4})")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_ASSIGNED = re.compile(r'^__version__ = "([^"]*)"$', re.MULTILINE)
_HEADING = re.compile(r"^## (.*)$", re.MULTILINE)


class ReleaseError(Exception):
    """Why there can be no release."""


def main(argv: Sequence[str]) -> int:
    """Run one of the three in the current folder, the root of the repository."""
    options = _parser().parse_args(argv)
    root = Path()
    try:
        if options.command == "verify":
            verify(root, options.version)
        elif options.command == "notes":
            sys.stdout.write(f"{notes(root, options.version)}\n")
        else:
            pin(root, options.version, {"": options.cpu, "-gpu": options.gpu})
    except (ReleaseError, OSError, UnicodeDecodeError, subprocess.CalledProcessError) as error:
        sys.stderr.write(f"release: {error}\n")
        return 1
    return 0


def verify(root: Path, version: str) -> None:
    """Refuses unless the tree says that it is `version`, which comes after every version that has a tag."""
    number = _number(version)
    assigned = _ASSIGNED.findall(_text(root / "gate" / "__init__.py"))
    if assigned != [version]:
        raise ReleaseError(f"gate/__init__.py is of version {' and '.join(assigned) or 'none'}, not {version}")
    notes(root, version)
    if _section(root, "[Unreleased]"):
        raise ReleaseError(f"CHANGELOG.md has lines under [Unreleased]: move them to {version}, or take them out")
    for name, suffix in SUFFIXES.items():
        _around_image(root / name, f"{IMAGE}:v{version}{suffix}")
    tags = subprocess.run(["git", "tag", "--list", "v*"], cwd=root, check=True, capture_output=True, text=True)  # noqa: S607 - git of the runner
    released = [_number(tag[1:]) for tag in tags.stdout.split() if _VERSION.fullmatch(tag[1:])]
    if released and max(released) >= number:
        raise ReleaseError(f"v{'.'.join(map(str, max(released)))} is released: {version} does not come after it")


def notes(root: Path, version: str) -> str:
    """What CHANGELOG.md says of `version`, which it must date."""
    _number(version)
    dated = [title for title in _HEADING.findall(_text(root / "CHANGELOG.md")) if title.split(" ")[0] == version]
    if len(dated) != 1:
        raise ReleaseError(f"CHANGELOG.md has {len(dated)} headings of {version}, where one is needed")
    day = dated[0].removeprefix(f"{version} - ")
    try:
        if date.fromisoformat(day).isoformat() != day:
            raise ValueError
    except ValueError:
        raise ReleaseError(f"CHANGELOG.md must say `## {version} - YYYY-MM-DD`, and says `## {dated[0]}`") from None
    if not (found := _section(root, dated[0])):
        raise ReleaseError(f"CHANGELOG.md says nothing of {version}")
    return found


def pin(root: Path, version: str, digests: dict[str, str]) -> None:
    """Has each action name the image of `version` by tag and digest: `digests` by the end of the tag."""
    _number(version)
    for digest in digests.values():
        if not _DIGEST.fullmatch(digest):
            raise ReleaseError(f"{digest!r} is no digest of an image: sha256: and 64 digits")
    if len(set(digests.values())) != len(digests):
        raise ReleaseError("both images have one digest: one of them was built as the other")
    written: dict[Path, str] = {}
    for name, suffix in SUFFIXES.items():
        image = f"{IMAGE}:v{version}{suffix}"
        before, after = _around_image(root / name, image)
        written[root / name] = f"{before}{image}@{digests[suffix]}{after}"
    for path, text in written.items():
        path.write_text(text, encoding="utf-8")


def _around_image(path: Path, image: str) -> tuple[str, str]:
    """What stands before and after the image in an action, which must name it once, without a digest, and no other."""
    text = _text(path)
    found = list(re.finditer(rf"(?<=[ /]){re.escape(image)}(?=\s)", text))
    if len(found) != 1 or text.count(IMAGE) != 1:
        raise ReleaseError(f"{path} must name {image} once, without a digest, and nothing else of {IMAGE}")
    return text[: found[0].start()], text[found[0].end() :]


def _section(root: Path, title: str) -> str:
    """What stands between a heading of CHANGELOG.md and the next one."""
    parts = _HEADING.split(_text(root / "CHANGELOG.md"))
    return "\n".join(body for heading, body in zip(parts[1::2], parts[2::2], strict=True) if heading == title).strip()


def _number(version: str) -> tuple[int, ...]:
    if not (found := _VERSION.fullmatch(version)):
        raise ReleaseError(f"{version!r} is no version: three numbers, like 1.2.3")
    return tuple(map(int, found.groups()))


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="release.py", description="The parts of a release: see docs/releasing.md.")
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("verify", "notes", "pin"):
        commands.add_parser(name).add_argument("version", metavar="VERSION")
    for flavour in ("--cpu", "--gpu"):
        commands.choices["pin"].add_argument(flavour, metavar="DIGEST", required=True)
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
