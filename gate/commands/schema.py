"""`weight-gate schema`: print the JSON Schema of manifests (draft-07)."""

import argparse
import json
from typing import TextIO

from gate.action import Runner
from gate.manifest import schema


def run(options: argparse.Namespace, host: Runner, out: TextIO, err: TextIO) -> int:  # noqa: ARG001
    """Prints it as the shipped file has it."""
    out.write(json.dumps(schema(), indent=2) + "\n")
    return 0
