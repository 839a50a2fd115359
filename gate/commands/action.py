"""`weight-gate action`: a check, as the inputs of the GitHub action say."""

import argparse
from typing import TextIO

from gate.action import Runner, arguments
from gate.commands import check
from gate.errors import UsageError
from gate.reports.files import ReportFiles

_INPUTS = "inputs of the action"
"""What is shown in the place of a manifest."""


def run(options: argparse.Namespace, host: Runner, out: TextIO, err: TextIO) -> int:
    """Makes a command line of the inputs and has `check` do it; inputs that mean nothing are a red step too."""
    try:
        asked = options.parse(arguments(host))
    except UsageError as error:
        check.report_unusable(error, _INPUTS, ReportFiles({}, host.step_summary, host.outputs))
        raise
    return check.run(asked, host, out, err)
