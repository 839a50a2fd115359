"""Options of `weight-gate validate`."""

import argparse

from gate.arguments.shared import MANIFEST, add_base, add_root

SUMMARY = "check manifests without reading any weights"
EXAMPLES = """\
  weight-gate validate                      weight-gate.yml of this folder
  weight-gate validate models/*.yml         several manifests: all that is wrong with each
  weight-gate validate --base origin/main   and say what this branch makes the gate let through
"""
EXITS = """\
  0  every manifest is valid
  1  --base: a manifest lets more through, and its `policy` makes that red
  2  usage error, or a manifest that is not valid
  4  --base: whether it lets more through cannot be told
"""


def add(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument(
        "manifests", metavar="MANIFEST", nargs="*", default=[MANIFEST], help=f"the manifests (default: {MANIFEST})"
    )
    add_root(parser)
    add_base(parser)
