"""Options of `weight-gate explain`."""

import argparse

from gate.arguments.shared import MANIFEST, add_cache, add_root

SUMMARY = "say what is asked of a model or a tensor, and which line of the manifest asks"
EXAMPLES = """\
  weight-gate explain classifier                  its checks, why each is made, and which rule governs what
  weight-gate explain classifier head/kernel      what is expected of one tensor, key by key
  weight-gate explain 'models/*.keras' '**/bias'  globs over models and over tensors
  weight-gate explain classifier --json           the same for machines
"""
EXITS = """\
  0  explained, be it that a check of it would be red
  2  usage or manifest error; no model and no tensor of that name
  4  explained as far as can be: `check` could not judge it as the files are now
"""


def add(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument(
        "model", metavar="MODEL", help="the name of a model, the path of its weights, or a glob over either"
    )
    parser.add_argument(
        "tensors",
        metavar="TENSOR",
        nargs="*",
        default=[],
        help="a tensor's name, or a glob over names; without one, an overview",
    )
    parser.add_argument("--manifest", metavar="FILE", default=MANIFEST, help=f"the manifest (default: {MANIFEST})")
    add_root(parser)
    add_cache(parser)
    parser.add_argument("--json", action="store_true", help="print JSON instead of text")
