"""Options of `weight-gate diff`."""

import argparse
from pathlib import Path

from gate.arguments.exits import JUDGED
from gate.arguments.kinds import tolerance_part
from gate.arguments.shared import add_common

SUMMARY = "compare two weight files, tensor by tensor"
EXAMPLES = """\
  weight-gate diff golden.keras new.keras                    by the published tolerance of each dtype
  weight-gate diff golden.keras new.weights.h5 --identical   bit for bit, whatever the format
  weight-gate diff old.keras new.keras --rtol 1e-3 --atol 0  by a tolerance of one's own
  weight-gate diff old.keras new.keras --group optimizer     the optimizer's state too
"""
EXITS = JUDGED


def add(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument("reference", metavar="REFERENCE", type=Path, help="the file that is right")
    parser.add_argument("candidate", metavar="CANDIDATE", type=Path, help="the file to judge")
    parser.add_argument("--rtol", type=tolerance_part, help="relative tolerance (with --atol; default: by dtype)")
    parser.add_argument("--atol", type=tolerance_part, help="absolute tolerance (with --rtol; default: by dtype)")
    parser.add_argument("--identical", action="store_true", help="demand equality bit for bit")
    parser.add_argument(
        "--group",
        choices=("optimizer", "metrics", "rng"),
        action="append",
        default=[],
        help="compare this group too (repeatable)",
    )
    parser.add_argument("--all", action="store_true", help="show identical tensors too, however many there are")
    parser.add_argument("--json", action="store_true", help="print the JSON report instead of the table")
    add_common(parser)
