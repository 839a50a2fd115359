"""`python -m gate.runtime REQUESTS ANSWERS`: what a child runs; the words are numbers of inherited pipes."""

import sys

from gate.runtime.worker import serve

serve(int(sys.argv[1]), int(sys.argv[2]))
