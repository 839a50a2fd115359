"""`weight-gate list`: what is in a weight file."""

import argparse
from contextlib import ExitStack
from typing import TextIO

from gate.action import Runner
from gate.formats import open_weights
from gate.listing import against_rows, as_json, as_rows, paired, totals
from gate.reports.escaping import harmless, json_text, plain
from gate.reports.table import write_table
from gate.results import EXIT_CODES, Conclusion


def run(options: argparse.Namespace, host: Runner, out: TextIO, err: TextIO) -> int:  # noqa: ARG001
    """Prints a table or JSON; a file without tensors is "nothing checked"."""
    with ExitStack() as files:
        weights = files.enter_context(open_weights(options.file, shown=str(options.file)))
        pairs = None
        if options.against:
            pairs = paired(weights, files.enter_context(open_weights(options.against, shown=str(options.against))))
        if options.json:
            out.write(json_text(as_json(weights, pairs)))
        else:
            write_table(out, *(against_rows(pairs) if pairs else as_rows(weights)), color=options.color)
            out.write("\n" + "".join(harmless(f"{plain(line)}\n") for line in totals(weights, pairs)))
        return EXIT_CODES[Conclusion.SUCCESS if len(weights) else Conclusion.NOTHING_CHECKED]
