"""Options of `weight-gate update`."""

import argparse

from gate.arguments.shared import add_cache, add_common, add_loading, add_manifest, add_models, add_root

SUMMARY = "approve a change: renew locks, references, golden outputs and pins"
EXAMPLES = """\
  weight-gate update                                        show what differs, and ask model by model
  weight-gate update --model classifier --only 'head/**'    these tensors alone
  weight-gate update --dry-run                              only show what it would write
  weight-gate update --yes --only '**' --reason 'retrained on the spring data'
"""
EXITS = """\
  0  all that was asked for is written, or there was nothing to approve
  1  something stays red: it was not named, cannot be approved, or the answer was no
  2  usage: nobody to ask, no reason, a glob that matches nothing, a broken record; nothing was written
  4  something could not be judged, or not be written
"""


def add(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    add_manifest(parser)
    add_root(parser)
    add_models(parser)
    parser.add_argument(
        "--only",
        metavar="GLOB",
        action="append",
        default=[],
        help="approve these tensors alone, by a glob as `match:` takes it (repeatable; '**' is everything)",
    )
    parser.add_argument(
        "--yes", action="store_true", help="do not ask; what is approved has to be named with --only then"
    )
    parser.add_argument("--reason", metavar="TEXT", help="why the change is meant, for whoever reviews it")
    parser.add_argument("--by", metavar="NAME", help="who approves it (default: git's user.name, or the account)")
    parser.add_argument("--dry-run", action="store_true", help="show what would be written, and write nothing")
    add_cache(parser)
    add_loading(parser)
    add_common(parser)
