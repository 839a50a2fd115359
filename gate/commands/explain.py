"""`weight-gate explain`: what is asked of a model and its tensors, line by line, without judging anything."""

import argparse
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TextIO

from gate.action import Runner
from gate.commands.job import job_of, sources_of
from gate.explaining.choose import models_called
from gate.explaining.document import document
from gate.explaining.model import explain_model
from gate.explaining.text import text
from gate.reports.console import width_of
from gate.reports.escaping import harmless, json_text
from gate.reports.stream import emit
from gate.results import EXIT_CODES, Conclusion


def run(options: argparse.Namespace, host: Runner, out: TextIO, err: TextIO) -> int:  # noqa: ARG001
    """Explains every model that is meant; what `check` could not judge as the files are now makes it exit 4."""
    job = job_of(options, host)
    plans = models_called(options.model, job.plans, str(job.path), job.workspace.base)
    with TemporaryDirectory(prefix="weight-gate-", ignore_cleanup_errors=True) as scratch:
        sources = replace(sources_of(job.workspace, options, host), scratch=Path(scratch))
        models = [explain_model(job.loaded, plan, sources, options.tensors) for plan in plans]
    for word in options.tensors:
        if all(word in each.unknown for each in models):
            raise models[0].unknown[word]
    if options.tensors:  # a model that has none of them has nothing to say
        models = [each for each in models if each.tensors or each.troubles]
    if options.json:
        out.write(json_text(document(str(job.path), models)))
    else:
        emit(out, harmless("\n".join(text(each, width_of(out)) for each in models)))
    return EXIT_CODES[Conclusion.ERROR if any(each.troubles for each in models) else Conclusion.SUCCESS]
