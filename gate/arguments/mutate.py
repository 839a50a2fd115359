"""Options of `weight-gate mutate`."""

import argparse

from gate.arguments.kinds import at_least_one, share_of_one, whole_number
from gate.arguments.shared import add_cache, add_common, add_loading, add_manifest, add_models, add_root

SUMMARY = "damage copies of the weights, and see what the manifest catches"
EXAMPLES = """\
  weight-gate mutate                               100 damaged copies of each model: what is caught, what slips through
  weight-gate mutate --model classifier --all      one line for each damaged copy
  weight-gate mutate --only swapped --only zeroed  these kinds of damage alone (docs/mutate.md lists them)
  weight-gate mutate --load 20                     write and load some of what slipped, and ask its predictions too
  weight-gate mutate --at-least 0.95               exit 1 where less than that share is caught
"""
EXITS = """\
  0  every score is as high as --at-least, or the manifest's `mutation_score`, asks; or none is asked for
  1  one is not, or an undamaged model is red
  2  usage or manifest error
  3  nothing was checked
  4  an undamaged model cannot be judged, or there is no score
"""


def add(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    add_manifest(parser)
    add_root(parser)
    add_cache(parser)
    add_models(parser)
    parser.add_argument("--seed", metavar="N", type=whole_number, default=0, help="what is damaged (default: 0)")
    parser.add_argument(
        "--count", metavar="N", type=at_least_one, default=100, help="damaged copies of each model (default: 100)"
    )
    parser.add_argument(
        "--only",
        metavar="KIND",
        action="append",
        default=[],
        help="only this kind of damage, or glob over kinds (repeatable)",
    )
    parser.add_argument(
        "--at-least",
        metavar="SHARE",
        type=share_of_one,
        help="the score to reach, like 0.95 (default: `policy: {mutation_score: …}` of the manifest)",
    )
    parser.add_argument("--all", action="store_true", help="show every damaged copy, not a line for each kind")
    parser.add_argument("--json", action="store_true", help="print everything as JSON instead")
    parser.add_argument(
        "--load",
        metavar="N",
        type=at_least_one,
        default=0,
        help="load up to N copies of each model that no data check sees, and ask its `predictions` (default: none)",
    )
    add_loading(parser)
    add_common(parser)
