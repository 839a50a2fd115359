"""Options of `weight-gate calibrate`."""

import argparse

from gate.arguments.kinds import margin, repeats
from gate.arguments.shared import add_cache, add_common, add_loading, add_manifest, add_models, add_root

SUMMARY = "measure how much predictions differ by themselves here, and propose tolerances"
EXAMPLES = """\
  weight-gate calibrate                        predict again and again, and propose a tolerance for each entry
  weight-gate calibrate --model classifier     only one of the models
  weight-gate calibrate --margin 30            allow thirty times what was measured
  weight-gate calibrate --write                and put it into the manifest
"""
EXITS = """\
  0  a tolerance is proposed for every entry that compares numbers
  1  for one there is none, and it says why
  2  usage or manifest error
  3  nothing is loaded, so there was nothing to measure
  4  something could not be measured: no such file, a crash, a time-out
"""


def add(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    add_manifest(parser)
    add_root(parser)
    add_cache(parser)
    add_models(parser)
    parser.add_argument(
        "--repeats",
        metavar="N",
        type=repeats,
        default=5,
        help="how often it is predicted in one process, and how many other processes there are (default: 5)",
    )
    parser.add_argument(
        "--margin",
        metavar="TIMES",
        type=margin,
        default=10.0,
        help="how many times the measured noise is proposed (default: 10)",
    )
    parser.add_argument("--write", action="store_true", help="change the manifest, instead of showing the change")
    add_loading(parser)
    add_common(parser)
