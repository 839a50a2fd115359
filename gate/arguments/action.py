"""Options of `weight-gate action`: none, it reads the inputs of the GitHub action from its environment."""

import argparse

from gate.arguments.exits import JUDGED

SUMMARY = "check, as the inputs of the GitHub action say"
EXAMPLES = """\
  weight-gate action    what runs in org/weight-gate@v1
"""
EXITS = JUDGED


def add(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
