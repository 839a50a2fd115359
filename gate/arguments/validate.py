"""Options of `weight-gate validate`."""

import argparse

from gate.arguments.shared import MANIFEST, add_root

SUMMARY = "check manifests without reading any weights"
EXAMPLES = """\
  weight-gate validate                      weight-gate.yml of this folder
  weight-gate validate models/*.yml
"""


def add(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument(
        "manifests", metavar="MANIFEST", nargs="*", default=[MANIFEST], help=f"the manifests (default: {MANIFEST})"
    )
    add_root(parser)
