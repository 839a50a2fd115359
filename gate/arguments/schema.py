"""Options of `weight-gate schema`: none."""

import argparse

SUMMARY = "print the JSON Schema of manifests (draft-07)"
EXAMPLES = """\
  weight-gate schema    redirect it to a file that an editor reads
"""
EXITS = ""


def add(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
