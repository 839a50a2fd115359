"""How long does `weight-gate mutate` take, and does its memory grow with the model?

    python benchmarks/mutations.py [--gigabytes 0.25 1] [--count 100] [--format weights.h5] [--dir FOLDER] [--clean]

Each size is a model of dense layers of 2048 x 2048 and its copy as the reference, in the page cache, with a manifest of
no rules. `check` on the same files stands beside it.
"""

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path

if __name__ == "__main__":  # run as a script: its own folder is on the path, the repository is not
    import sys

    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.compare import FORMATS, GATE, LAYERS_PER_GIGABYTE, clean, machine, make_large, manifest, warm
from benchmarks.measure import Contender, Measurement, measure


def contenders(folder: Path, form: str, count: int) -> list[Contender]:
    """The check, and the damage."""
    name = manifest(folder, form)
    return [
        Contender("check", folder, (*GATE, "check", name, "--no-reports"), "PASSED   values"),
        Contender(f"mutate --count {count}", folder, (*GATE, "mutate", name, "--count", str(count)), "score 1.0"),
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the files, measure, and print a table."""
    parser = argparse.ArgumentParser(description="Time the damage of models of some sizes.")
    parser.add_argument("--dir", type=Path, default=Path(tempfile.gettempdir()) / "wg-bench-mutations")
    parser.add_argument("--gigabytes", type=float, nargs="+", default=[0.25, 1.0])
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--format", choices=FORMATS, default="weights.h5")
    parser.add_argument("--clean", action="store_true", help="remove the files at the end")
    options = parser.parse_args(arguments)
    print(f"{machine()}\n\n| model | command | seconds | of CPU | private memory, MiB |\n|---|---|---|---|---|")
    problems = []
    for gigabytes in options.gigabytes:
        folder = options.dir / f"{gigabytes:g}"
        make_large(folder, max(1, round(LAYERS_PER_GIGABYTE * gigabytes)), [options.format])
        warm(folder)
        for contender in contenders(folder, options.format, options.count):
            found = Measurement()
            measure(contender, found)
            if found.problem:
                problems.append(found.problem)
            row = (f"{gigabytes:g} GB", contender.name, f"{found.wall[0]:.1f}", f"{found.cpu[0]:.1f}")
            print(f"| {' | '.join(row)} | {found.memory[0]:.0f} |", flush=True)
        if options.clean:
            clean(folder)
    for problem in problems:
        print(problem)
    return 1 if problems else 0


if __name__ == "__main__":
    raise SystemExit(main())
