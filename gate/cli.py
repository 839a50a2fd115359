"""The command line: argv in, exit code out. The only module that touches the process: its streams, signals, exit.

Each command is a module of `gate.commands`, imported when it is called: `validate` and `schema` need no numpy.
"""

import gc
import os
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib import import_module
from types import FrameType
from typing import NoReturn, TextIO

from gate.action import Runner, runner
from gate.errors import GateError, Interrupted, ManifestError, defect
from gate.parser import parser
from gate.streams import standard_error, standard_output

# A tensor is some ten objects, none in a cycle: looking for cycles among them would take a tenth of the time.
FEW_COLLECTIONS = (50_000, 20, 50)


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit code; errors meant for the user go to stderr, without a traceback."""
    host = runner(os.environ)
    gc.set_threshold(*FEW_COLLECTIONS)
    # Plug-ins of pydantic could change what a manifest means, and looking for them costs a tenth of `validate`.
    os.environ["PYDANTIC_DISABLE_PLUGINS"] = "__all__"
    out, err = standard_output(), standard_error()
    received: list[int] = []
    try:
        with _signals(received):
            return _run(argv, host, out, err)
    except Interrupted as interrupted:
        return interrupted.exit_code
    except Exception as error:  # noqa: BLE001 - a defect of ours is an error (4), never "did not hold" (1)
        if received:  # the signal came during an import, which made an error of its own of it
            return Interrupted(received[0]).exit_code
        trouble = error if isinstance(error, GateError) else defect(error)
        with suppress(GateError):
            _print_error(trouble, host, out, err)
        return trouble.exit_code


def _run(argv: Sequence[str] | None, host: Runner, out: TextIO, err: TextIO) -> int:
    options = parser().parse_args(argv)
    command = import_module(f"gate.commands.{options.command}")
    code: int = command.run(options, host, out, err)
    out.flush()
    return code


def _print_error(error: GateError, host: Runner, out: TextIO, err: TextIO) -> None:
    """One line per problem on stderr; under a runner also as annotations on the lines they speak of."""
    annotations = import_module("gate.reports.annotations")
    escaping = import_module("gate.reports.escaping")
    problems: Sequence[GateError] = error.problems if isinstance(error, ManifestError) else (error,)
    err.writelines(escaping.harmless(f"{escaping.plain(str(problem))}\n") for problem in problems)
    if host.present:
        out.writelines(annotations.error_annotation(problem) for problem in problems)
        out.flush()


@contextmanager
def _signals(received: list[int]) -> Iterator[None]:
    """Within: SIGINT and SIGTERM raise `Interrupted`, once; a second one ends the process at once."""

    def end(number: int, frame: FrameType | None) -> NoReturn:  # noqa: ARG001
        os._exit(128 + number)

    # In a container we are the process with the number 1, for which the kernel has no default.
    at_once = end if os.getpid() == 1 else signal.SIG_DFL

    def stop(number: int, frame: FrameType | None) -> NoReturn:  # noqa: ARG001
        received.append(number)
        for each in before:
            signal.signal(each, at_once)
        raise Interrupted(number)

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
