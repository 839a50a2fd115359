"""`weight-gate diff`: compare two weight files, tensor by tensor."""

import argparse
import shlex
from pathlib import Path
from typing import TextIO

from gate.action import Runner
from gate.checks.interface import Subject
from gate.diff import plan_diff, rows
from gate.errors import UsageError
from gate.reports.console import write_console
from gate.reports.json_report import json_report
from gate.reports.progress import Progress
from gate.reports.table import write_table
from gate.run import Run
from gate.tensors.tolerance import Tolerance
from gate.tensors.weightset import Group
from gate.workspace import Workspace

_SHORT = 60  # tables up to this length show identical tensors too


def run(options: argparse.Namespace, host: Runner, out: TextIO, err: TextIO) -> int:  # noqa: ARG001
    """Judges the candidate against the reference as a manifest of those two lines would."""
    if (options.rtol is None) != (options.atol is None):
        raise UsageError("--rtol and --atol go together", "give both, or neither for the defaults by dtype")
    if options.identical and options.rtol is not None:
        raise UsageError("--identical leaves no room for a tolerance", "drop it, or --rtol and --atol")

    tolerance = Tolerance(options.rtol, options.atol) if options.rtol is not None else None
    groups = [Group(name) for name in options.group]
    planned = plan_diff(options.reference, options.candidate, tolerance, options.identical, groups)
    workspace = Workspace(Path(), [Path(Path.cwd().anchor)])
    job = Run([planned], workspace, shlex.join(_command(options)), threads=options.threads)
    judged: list[Subject] = []
    with Progress(err) as progress:
        job.execute(progress.step, judged.append)
    if options.json:
        out.write(json_report(job.result))
        return job.result.exit_code
    for subject in judged:
        table = rows(subject)
        shown = [row for row in table if options.all or len(table) <= _SHORT or row.state != "identical"]
        columns = ("tensor", "state", "dtype", "shape", "differing", "elements", "largest difference")
        write_table(out, columns, [tuple(vars(row).values()) for row in shown], color=options.color)
        if len(shown) < len(table):
            out.write(f"{len(table) - len(shown):,} identical tensors are not shown; --all shows them\n")
        out.write("\n")
    write_console(job.result, out, color=options.color)
    return job.result.exit_code


def _command(options: argparse.Namespace) -> list[str]:
    """What to type for the same verdict."""
    words = ["weight-gate", "diff", str(options.reference), str(options.candidate)]
    if options.rtol is not None:
        words += ["--rtol", repr(options.rtol), "--atol", repr(options.atol)]
    if options.identical:
        words.append("--identical")
    return words + [word for group in options.group for word in ("--group", group)]
