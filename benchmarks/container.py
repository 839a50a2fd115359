"""What the image costs: its size, the time from `docker run` to a verdict, and to build it after a change of the code.

Needs Docker and the image that `make e2e` builds. The files are read once beforehand: the page cache is warm.
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

if __name__ == "__main__":  # run as a script: its own folder is on the path, the repository is not
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import gate
from benchmarks.measure import ROOT

IMAGE = f"ghcr.io/org/weight-gate:v{gate.__version__}"
CONFINED = ("--network=none", "--read-only", "--tmpfs=/tmp", "--cap-drop=ALL", f"--user={os.getuid()}:{os.getgid()}")
# The smallest of the rows is what the engine takes, and the last is what a user waits for.
ROWS = {
    "docker run … true": (("--entrypoint=true",), ()),
    "weight-gate --version": ((), ("--version",)),
    "weight-gate check, data only": ((), ("check",)),
}
CHANGED = "weight-gate:changed"
BUILT = ("gate", "requirements", "pyproject.toml", "README.md", "LICENSE", "Dockerfile", ".dockerignore")


def main() -> int:
    """Prints a table; succeeds when every command did what it should."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--image", default=IMAGE, help=f"(default: {IMAGE})")
    parser.add_argument("--rounds", type=int, default=5, help="how often each command is run (default: 5)")
    options = parser.parse_args()

    print(f"{options.image}\n")
    size = int(output("docker", "image", "inspect", "--format={{.Size}}", options.image))
    saved = int(output("bash", "-o", "pipefail", "-c", f"docker save {options.image} | gzip | wc -c"))
    print(f"{'size on disk':34}{size / 1e6:8.0f} MB\n{'compressed':34}{saved / 1e6:8.0f} MB\n")
    with tempfile.TemporaryDirectory() as folder:
        workspace = Path(folder, "digits")
        shutil.copytree(ROOT / "examples" / "digits", workspace)
        with (workspace / "weight-gate.yml").open("a", encoding="utf-8") as manifest:
            manifest.write("    load: false\n")
        for name, (before, after) in ROWS.items():
            command = (
                "docker",
                "run",
                "--rm",
                *CONFINED,
                f"--volume={workspace}:/work",
                *before,
                options.image,
                *after,
            )
            times = [seconds(command) for _ in range(options.rounds + 1)][1:]
            print(f"{name:34}{statistics.median(times):8.2f} s   (of {options.rounds}; {min(times):.2f} at best)")
        print(f"{'build after a change of the code':34}{rebuilt(Path(folder, 'changed')):8.1f} s")
    return 0


def rebuilt(context: Path) -> float:
    """Seconds that it takes to build the image of this tree with one line more, when all before that is cached."""
    context.mkdir()
    for name in BUILT:
        source = ROOT / name
        (shutil.copytree if source.is_dir() else shutil.copy)(source, context / name)
    environment = {**os.environ, "CONTEXT": str(context), "IMAGE": CHANGED}
    build = ("bash", str(ROOT / "tests" / "image" / "build.sh"))
    output(*build, environment=environment)
    with (context / "gate" / "__init__.py").open("a", encoding="utf-8") as module:
        module.write("# one line more\n")
    begun = time.perf_counter()
    output(*build, environment=environment)
    took = time.perf_counter() - begun
    output("docker", "image", "rm", CHANGED)
    return took


def seconds(command: Sequence[str]) -> float:
    """One run of it, by the clock."""
    begun = time.perf_counter()
    output(*command)
    return time.perf_counter() - begun


def output(*command: str, environment: Mapping[str, str] | None = None) -> str:
    """What a command prints; raises where it does not succeed."""
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
    return done.stdout


if __name__ == "__main__":
    sys.exit(main())
