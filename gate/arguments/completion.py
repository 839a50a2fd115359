"""Options of `weight-gate completion`."""

import argparse

SHELLS = ("bash", "zsh", "fish", "tcsh")

SUMMARY = "print the script that completes commands, options and paths in a shell"
EXAMPLES = """\
  weight-gate completion bash    for ~/.local/share/bash-completion/completions/weight-gate
  weight-gate completion zsh     for a file _weight-gate in a folder of fpath
  weight-gate completion fish    for ~/.config/fish/completions/weight-gate.fish
  weight-gate completion tcsh    for a file that ~/.tcshrc sources
"""
EXITS = ""


def add(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument("shell", metavar="SHELL", choices=SHELLS, help=f"one of {', '.join(SHELLS)}")
