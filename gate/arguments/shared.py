"""Options that several commands have."""

import argparse
from pathlib import Path

from gate.arguments.kinds import seconds, size_in_bytes, threads

MANIFEST = "weight-gate.yml"


def add_manifest(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "manifest", metavar="MANIFEST", nargs="?", default=MANIFEST, help=f"the manifest (default: {MANIFEST})"
    )


def add_root(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--root",
        metavar="DIR",
        type=Path,
        action="append",
        default=[],
        help="a folder outside the workspace that paths may lead to (repeatable)",
    )


def add_base(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--base",
        metavar="REF",
        help="say what the manifest lets through that REF's does not; a branch means where HEAD left it (default: in a"
        " pull request and a merge queue, the branch that is merged into)",
    )


def add_cache(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--cache",
        metavar="DIR",
        type=Path,
        help="where fetched references are kept between runs (default: weight-gate in XDG_CACHE_HOME or ~/.cache)",
    )


def add_models(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--model",
        metavar="NAME",
        dest="models",
        action="append",
        default=[],
        help="only the models of this name, glob over names, or weight file (repeatable)",
    )


def add_loading(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("loading", "models are loaded in processes of their own, which are confined")
    group.add_argument("--allow-code", action="store_true", help="run the Python functions that the manifest names")
    group.add_argument(
        "--requirements",
        metavar="FILE",
        type=Path,
        help="packages that these functions need: wheels, installed for this run (with --allow-code)",
    )
    group.add_argument(
        "--device", choices=("auto", "cpu", "gpu"), help="where models are run (default: as the manifest says, or auto)"
    )
    group.add_argument(
        "--scratch", metavar="DIR", type=Path, help="where copies and saved models lie meanwhile (default: TMPDIR)"
    )
    group.add_argument(
        "--timeout", metavar="SECONDS", type=seconds, help="for one step of a process that loads (default: 900)"
    )
    group.add_argument(
        "--memory",
        metavar="SIZE",
        type=size_in_bytes,
        help="for one process that loads, like 2G (default: nine tenths of what is free)",
    )
    group.add_argument(
        "--require-sandbox", action="store_true", help="an error where the kernel cannot confine these processes wholly"
    )


def add_common(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--threads", type=threads, help="threads to compare with (default: one per processor)")
    add_color(parser)


def add_color(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--color",
        choices=("auto", "always", "never"),
        default="auto",
        help="colours (default: on a terminal, unless NO_COLOR is set)",
    )
