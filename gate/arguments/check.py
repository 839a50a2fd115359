"""Options of `weight-gate check`."""

import argparse
from pathlib import Path

from gate.arguments.exits import JUDGED
from gate.arguments.shared import add_base, add_cache, add_common, add_loading, add_manifest, add_models, add_root

REPORTS = "weight-gate-reports"

SUMMARY = "judge the weights that a manifest names, and report"
EXAMPLES = """\
  weight-gate check                                judge what weight-gate.yml names
  weight-gate check --model classifier             only one of its models
  weight-gate check --changed-since origin/main    only models that this branch can have touched
  weight-gate check --base origin/main             and say what this branch makes the gate let through
  weight-gate check --allow-code                   run the Python functions that the manifest names
  weight-gate check --require-sandbox              an error where loading cannot be confined wholly
  weight-gate check --quiet                        print only what is not green
  weight-gate check --no-reports models/gate.yml   another manifest, and nothing but the console
"""
EXITS = JUDGED


def add(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    add_manifest(parser)
    add_root(parser)
    parser.add_argument(
        "--reports",
        metavar="DIR",
        type=Path,
        default=Path(REPORTS),
        help=f"where junit.xml, report.json and summary.md are written (default: {REPORTS})",
    )
    parser.add_argument("--no-reports", action="store_true", help="write no report files but those named below")
    parser.add_argument("--junit-path", metavar="FILE", type=Path, help="write the JUnit XML there instead")
    parser.add_argument("--json-path", metavar="FILE", type=Path, help="write the JSON report there instead")
    parser.add_argument("--summary-path", metavar="FILE", type=Path, help="write the Markdown summary there instead")
    parser.add_argument(
        "--junit-dialect",
        choices=("extended", "strict"),
        default="extended",
        help="extended has file and line; strict validates against Jenkins' schema",
    )
    parser.add_argument(
        "--annotations",
        choices=("auto", "always", "never"),
        default="auto",
        help="GitHub annotations on stdout (default: when run by GitHub Actions)",
    )
    parser.add_argument(
        "--step-summary",
        choices=("auto", "never"),
        default="auto",
        help="the summary of the GitHub step (default: when run by GitHub Actions)",
    )
    parser.add_argument(
        "--pull-request-target",
        choices=("refuse", "allow"),
        default="refuse",
        help="what to do in GitHub's event of this name, whose jobs hold secrets (default: refuse)",
    )
    add_cache(parser)
    add_models(parser)
    parser.add_argument(
        "--changed-since",
        metavar="REF",
        help="judge only models that something since a commit can have touched; a branch means where HEAD left it",
    )
    add_base(parser)
    add_loading(parser)
    parser.add_argument(
        "--quiet", action="store_true", help="print only what is not green, where the reports lie, and the verdict"
    )
    add_common(parser)
