"""What children run: `REQUESTS ANSWERS` is a worker, `SOCKET` a nursery.

How it is started: `gate.interpreter`. The words are numbers of inherited descriptors.
"""

import sys

if len(sys.argv) == 2:
    from gate.runtime.nursery import raise_children

    raise_children(int(sys.argv[1]))
else:
    from gate.runtime.worker import serve

    serve(int(sys.argv[1]), int(sys.argv[2]))
