"""The command line: argv in, exit code out. The only module that touches the process: its streams, signals, exit.

Each command is a module of `gate.commands`, imported when it is called: `validate` and `schema` need no numpy.
"""

import argparse
import gc
import os
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path
from types import FrameType
from typing import NoReturn, TextIO

import gate
from gate.action import Runner, runner
from gate.errors import GateError, Interrupted, ManifestError, UsageError, defect
from gate.streams import standard_error, standard_output

MANIFEST = "weight-gate.yml"
REPORTS = "weight-gate-reports"
# A tensor is some ten objects, none in a cycle: looking for cycles among them would take a tenth of the time.
FEW_COLLECTIONS = (50_000, 20, 50)

_UNITS = {"K": 1024, "M": 1024**2, "G": 1024**3, "T": 1024**4}
_EXIT_CODES = """\
exit codes:
  0  everything checked, everything held
  1  something checked did not hold
  2  usage or manifest error
  3  nothing was checked
  4  something could not be checked: unreadable file, missing reference, crash, time-out (beats 1)
  130, 143  interrupted; partial reports are written
"""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(message, f"see `{self.prog} --help`")


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
    options = _parser().parse_args(argv)
    command = import_module(f"gate.commands.{options.command}")
    code: int = command.run(options, host, out, err)
    out.flush()
    return code


def _parser() -> argparse.ArgumentParser:
    raw = argparse.RawDescriptionHelpFormatter
    parser = _Parser(
        prog="weight-gate",
        description="A CI gate for model weights: reads them as data, compares them with what a manifest expects.",
        epilog=_EXIT_CODES,
        formatter_class=raw,
    )
    parser.add_argument("--version", action="version", version=f"weight-gate {gate.__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND", parser_class=_Parser)

    def command(name: str, text: str) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=text, description=text, epilog=_EXIT_CODES, formatter_class=raw)
        made.set_defaults(command=name)
        return made

    check = command("check", "judge the weights that a manifest names, and report")
    _add_manifest(check)
    _add_root(check)
    check.add_argument(
        "--reports",
        metavar="DIR",
        type=Path,
        default=Path(REPORTS),
        help=f"where junit.xml, report.json and summary.md are written (default: {REPORTS})",
    )
    check.add_argument("--no-reports", action="store_true", help="write no report files but those named below")
    check.add_argument("--junit-path", metavar="FILE", type=Path, help="write the JUnit XML there instead")
    check.add_argument("--json-path", metavar="FILE", type=Path, help="write the JSON report there instead")
    check.add_argument("--summary-path", metavar="FILE", type=Path, help="write the Markdown summary there instead")
    check.add_argument(
        "--junit-dialect",
        choices=("extended", "strict"),
        default="extended",
        help="extended has file and line; strict validates against Jenkins' schema",
    )
    check.add_argument(
        "--annotations",
        choices=("auto", "always", "never"),
        default="auto",
        help="GitHub annotations on stdout (default: when run by GitHub Actions)",
    )
    check.add_argument(
        "--step-summary",
        choices=("auto", "never"),
        default="auto",
        help="the summary of the GitHub step (default: when run by GitHub Actions)",
    )
    check.add_argument(
        "--pull-request-target",
        choices=("refuse", "allow"),
        default="refuse",
        help="what to do in GitHub's event of this name, whose jobs hold secrets (default: refuse)",
    )
    check.add_argument(
        "--cache",
        metavar="DIR",
        type=Path,
        help="where fetched references are kept between runs (default: weight-gate in XDG_CACHE_HOME or ~/.cache)",
    )
    check.add_argument(
        "--model",
        metavar="NAME",
        dest="models",
        action="append",
        default=[],
        help="judge only the models of this name, or glob over names (repeatable)",
    )
    check.add_argument(
        "--changed-since",
        metavar="REF",
        help="judge only models that something since a commit can have touched; a branch means where HEAD left it",
    )
    _add_loading(check)
    _add_common(check)

    diff = command("diff", "compare two weight files, tensor by tensor")
    diff.add_argument("reference", metavar="REFERENCE", type=Path, help="the file that is right")
    diff.add_argument("candidate", metavar="CANDIDATE", type=Path, help="the file to judge")
    diff.add_argument("--rtol", type=_tolerance_part, help="relative tolerance (with --atol; default: by dtype)")
    diff.add_argument("--atol", type=_tolerance_part, help="absolute tolerance (with --rtol; default: by dtype)")
    diff.add_argument("--identical", action="store_true", help="demand equality bit for bit")
    diff.add_argument(
        "--group",
        choices=("optimizer", "metrics", "rng"),
        action="append",
        default=[],
        help="compare this group too (repeatable)",
    )
    diff.add_argument("--all", action="store_true", help="show identical tensors too, however many there are")
    diff.add_argument("--json", action="store_true", help="print the JSON report instead of the table")
    _add_common(diff)

    listing = command("list", "list the tensors of a weight file")
    listing.add_argument("file", metavar="FILE", type=Path)
    listing.add_argument(
        "--against", metavar="REF", type=Path, help="show which tensor of REF each is compared with, and why"
    )
    listing.add_argument("--json", action="store_true", help="print JSON instead of a table")
    _add_color(listing)

    validate = command("validate", "check manifests without reading any weights")
    validate.add_argument(
        "manifests", metavar="MANIFEST", nargs="*", default=[MANIFEST], help=f"the manifests (default: {MANIFEST})"
    )
    _add_root(validate)
    command("schema", "print the JSON Schema of manifests (draft-07)")
    action = command("action", "check, as the inputs of the GitHub action say")
    action.set_defaults(parse=parser.parse_args)
    return parser


def _add_manifest(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "manifest", metavar="MANIFEST", nargs="?", default=MANIFEST, help=f"the manifest (default: {MANIFEST})"
    )


def _add_root(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--root",
        metavar="DIR",
        type=Path,
        action="append",
        default=[],
        help="a folder outside the workspace that paths may lead to (repeatable)",
    )


def _add_loading(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("loading", "models are loaded in processes of their own, which are confined")
    group.add_argument("--allow-code", action="store_true", help="run the Python functions that the manifest names")
    group.add_argument(
        "--requirements",
        metavar="FILE",
        type=Path,
        help="packages that these functions need: wheels, installed for this run (with --allow-code)",
    )
    group.add_argument(
        "--device", choices=("auto", "cpu", "gpu"), help="where models are run (default: as the manifest says, or auto)"
    )
    group.add_argument(
        "--scratch", metavar="DIR", type=Path, help="where copies and saved models lie meanwhile (default: TMPDIR)"
    )
    group.add_argument(
        "--timeout", metavar="SECONDS", type=_seconds, help="for one step of a process that loads (default: 900)"
    )
    group.add_argument(
        "--memory",
        metavar="SIZE",
        type=_bytes,
        help="for one process that loads, like 2G (default: nine tenths of what is free)",
    )
    group.add_argument(
        "--require-sandbox", action="store_true", help="an error where the kernel cannot confine these processes wholly"
    )


def _add_common(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--threads", type=_threads, help="threads to compare with (default: one per processor)")
    _add_color(parser)


def _add_color(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--color",
        choices=("auto", "always", "never"),
        default="auto",
        help="colours (default: on a terminal, unless NO_COLOR is set)",
    )


def _number(text: str, meant: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not {meant}") from None


def _tolerance_part(text: str) -> float:
    value = _number(text, "a number")
    if not 0 <= value < float("inf"):
        raise argparse.ArgumentTypeError("a tolerance is a finite number, 0 or greater")
    return value


def _seconds(text: str) -> float:
    value = _number(text, "a number of seconds, like 900")
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError("a number of seconds, greater than 0")
    return value


def _bytes(text: str) -> int:
    number, unit = (text[:-1], text[-1].upper()) if text[-1:].upper() in _UNITS else (text, "")
    value = _number(number, "a size like 500M or 2G") * _UNITS.get(unit, 1)
    if not 0 < value < 1 << 62:
        raise argparse.ArgumentTypeError("a size like 500M or 2G")
    return int(value)


def _threads(text: str) -> int:
    value = int(text) if text.isdecimal() else 0
    if not 1 <= value <= 1024:
        raise argparse.ArgumentTypeError("between 1 and 1024 threads")
    return value


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
