"""Options of `weight-gate init`."""

import argparse
from pathlib import Path

from gate.arguments.shared import MANIFEST, add_common

SUMMARY = "write a first manifest for the weights of this repository"
EXAMPLES = """\
  weight-gate init                                 every weight file below this folder, each with a lock
  weight-gate init models/ --workflow              those of one folder; the workflow for GitHub Actions too
  weight-gate init --add                           those that the manifest which is there does not name yet
  weight-gate init --reference git                 compare with origin/main, and write no locks
  weight-gate init --dry-run                       print what would be written
"""
EXITS = """\
  0  written, and `check` is green; --dry-run: printed
  1  written, and `check` is red: the report says why
  2  usage error, or a file is there already; nothing was written
  3  no weights were found, or nothing was checked
  4  a file could not be judged: a comment of the manifest says which, and why
"""


def add(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument(
        "paths", metavar="PATH", nargs="*", type=Path, help="folders and files to look at (default: this folder)"
    )
    parser.add_argument(
        "--manifest",
        metavar="FILE",
        type=Path,
        default=Path(MANIFEST),
        help=f"the manifest to write (default: {MANIFEST})",
    )
    parser.add_argument(
        "--reference",
        choices=("lock", "git", "none"),
        help="what each model is compared with: a lock beside it, origin/main, or nothing (default: a golden file "
        "where there is one, else a lock)",
    )
    parser.add_argument(
        "--add", action="store_true", help="add the weights that a manifest which is there does not name, with locks"
    )
    parser.add_argument("--workflow", action="store_true", help="write .github/workflows/weight-gate.yml too")
    parser.add_argument(
        "--force",
        action="store_true",
        help="write over files that are there; locks, which are approvals, stay as they are",
    )
    parser.add_argument("--dry-run", action="store_true", help="print what would be written, and write nothing")
    add_common(parser)
