"""Options of `weight-gate init`."""

import argparse
from pathlib import Path

from gate.arguments.shared import MANIFEST, add_common

SUMMARY = "write a first manifest for the weights of this repository"
EXAMPLES = """\
  weight-gate init                                 every weight file below this folder, each with a lock
  weight-gate init models/ --workflow              those of one folder; the workflow for GitHub Actions too
  weight-gate init --reference git                 compare with origin/main, and write no locks
  weight-gate init --dry-run                       print what would be written
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
    parser.add_argument("--workflow", action="store_true", help="write .github/workflows/weight-gate.yml too")
    parser.add_argument("--force", action="store_true", help="write over files that are there")
    parser.add_argument("--dry-run", action="store_true", help="print what would be written, and write nothing")
    add_common(parser)
