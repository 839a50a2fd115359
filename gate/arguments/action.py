"""Options of `weight-gate action`: none, it reads the inputs of the GitHub action from its environment."""

import argparse

SUMMARY = "check, as the inputs of the GitHub action say"
EXAMPLES = """\
  weight-gate action    what runs in org/weight-gate@v1
"""


def add(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
