"""`weight-gate action`: a check, as the inputs of the GitHub action say."""

import argparse
from typing import TextIO

from gate.action import Runner, arguments
from gate.commands import check
from gate.errors import UsageError
from gate.reports.files import ReportFiles

_INPUTS = "inputs of the action"
"""What is shown in the place of a manifest."""
_HINT = "correct the input of this name: the action's page has them all"


def run(options: argparse.Namespace, host: Runner, out: TextIO, err: TextIO) -> int:
    """Makes a command line of the inputs and has `check` do it; inputs that mean nothing are a red step too."""
    try:
        asked = options.parser.parse_args(arguments(host))
    except UsageError as unusable:
        hint = _HINT if unusable.hint.startswith("see `weight-gate ") else unusable.hint
        error = UsageError(unusable.reason, hint)
        files = ReportFiles({}, host.step_summary, host.outputs)
        check.report_unusable(error, _INPUTS, files, (f"the {_INPUTS}", "weight-gate action"))
        raise error from unusable
    return check.run(asked, host, out, err)
