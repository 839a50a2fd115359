"""The process that writes the comment: its one word is how many seconds it has."""

import sys

from gate.github.worker import main

main(float(sys.argv[1]))
