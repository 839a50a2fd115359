"""Options of `weight-gate list`."""

import argparse
from pathlib import Path

from gate.arguments.shared import add_color

SUMMARY = "list the tensors of a weight file"
EXAMPLES = """\
  weight-gate list model.keras                         names, as the rules of a manifest match them
  weight-gate list model.keras --against golden.keras  which tensor is compared with which, and why
  weight-gate list saved_model/ --json                 a folder, as JSON
"""
EXITS = """\
  0  its tensors are listed
  2  usage error
  3  the file has no tensor
  4  a file could not be read
"""


def add(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument("file", metavar="FILE", type=Path)
    parser.add_argument(
        "--against", metavar="REF", type=Path, help="show which tensor of REF each is compared with, and why"
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    add_color(parser)
