"""How long does comparing two large weight files take, with the gate and with what one would use instead?

    python benchmarks/compare.py [--gigabytes 1] [--rounds 5] [--only NAME]… [--json FILE] [--dir FOLDER] [--clean]

Everything is measured in one run, as whole processes, in interleaved rounds (A B C … A B C …) and with the files in the
page cache. See README.md beside this file for how to read the table. Exit 1 when a contender did not end as it should.
"""

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import h5py
import numpy as np

ROOT = Path(__file__).resolve().parents[1]
LAYERS_PER_GIGABYTE = 60  # of 2048 x 2048 float32 and a bias: 16.8 MB each
FORMATS = ("weights.h5", "keras", "h5")
BASELINE = "diff .weights.h5"
SAMPLE_SECONDS = 0.004
TIMEOUT_SECONDS = 900
VALIDATE = "validate"


@dataclass(frozen=True)
class Contender:
    """One command. It has to end with the exit code `expected` and print `says`; `needs` is a program to be there."""

    name: str
    command: tuple[str, ...]
    says: str = ""
    expected: int = 0
    needs: str | None = None


@dataclass
class Measurement:
    """One contender's rounds: seconds by the clock, seconds of CPU, and the most private memory seen, in MiB."""

    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    memory: list[float] = field(default_factory=list)
    problem: str = ""


def contenders(folder: Path) -> list[Contender]:
    """All of them, the baseline first."""
    gate = (sys.executable, "-m", "gate")
    quiet = ("--no-reports",)
    weights = pair("weights.h5")
    close = ("reference.weights.h5", "differs.weights.h5")
    scripts = ROOT / "benchmarks" / "contenders"
    allclose = (sys.executable, str(scripts / "h5py_allclose.py"))
    tensorflow = (sys.executable, str(scripts / "tensorflow_load.py"))
    return [
        *(Contender(f"diff .{form}", (*gate, "diff", *pair(form)), "PASSED   values") for form in FORMATS),
        *(
            Contender(f"check .{form}", (*gate, "check", manifest(folder, form), *quiet), "PASSED   values")
            for form in FORMATS
        ),
        Contender("cmp", ("cmp", *weights), needs="cmp"),
        Contender("h5diff -d 1e-6", ("h5diff", "-d", "1e-6", *weights), needs="h5diff"),
        Contender("h5py + assert_allclose", (*allclose, *weights), "datasets agree"),
        Contender("TensorFlow, two load_weights", (*tensorflow, *weights), "variables agree"),
        Contender("diff, 1 ULP off", (*gate, "diff", *close), "PASSED   values"),
        Contender("diff --identical, 1 ULP off", (*gate, "diff", "--identical", *close), "FAILED   values", expected=1),
        Contender("h5diff -d 1e-6, 1 ULP off", ("h5diff", "-d", "1e-6", *close), needs="h5diff"),
        Contender("assert_allclose, 1 ULP off", (*allclose, *close), "datasets agree"),
        Contender(VALIDATE, (*gate, "validate", manifest(folder, "keras"))),
    ]


def pair(form: str) -> tuple[str, str]:
    """Two files with the same values."""
    return f"reference.{form}", f"candidate.{form}"


def manifest(folder: Path, form: str) -> str:
    """The name of the manifest that checks the candidate of one format."""
    path = folder / f"{form.replace('.', '-')}.yml"
    path.write_text(
        f"version: 1\nmodels:\n  - weights: candidate.{form}\n    reference: reference.{form}\n", encoding="utf-8"
    )
    return path.name


def environment() -> dict[str, str]:
    """What every contender gets: this repository importable, and no CI's variables."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GITHUB_")}
    return {**kept, "PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"}


def make_files(folder: Path, layers: int) -> None:
    """Everything that is not there yet. A finished set is known by its `layers.txt`."""
    folder.mkdir(parents=True, exist_ok=True)
    mark = folder / "layers.txt"
    if mark.exists() and mark.read_text(encoding="utf-8") == str(layers):
        return
    clean(folder)
    print(f"writing 7 files of {layers * 16.8 / 1000:.2f} GB into {folder} …", flush=True)
    folder.mkdir(parents=True, exist_ok=True)
    make = [sys.executable, "-m", "benchmarks.make_files", str(folder), str(layers)]
    subprocess.run(make, check=True, cwd=ROOT, env=environment(), stderr=subprocess.DEVNULL)
    for form in FORMATS:
        shutil.copyfile(folder / f"reference.{form}", folder / f"candidate.{form}")
    shutil.copyfile(folder / "reference.weights.h5", folder / "differs.weights.h5")
    nudge(folder / "differs.weights.h5")
    mark.write_text(str(layers), encoding="utf-8")


def nudge(path: Path) -> None:
    """Move every element of every fifth kernel by one unit in the last place."""
    with h5py.File(path, "r+") as file:
        kernels = [group["vars/0"] for group in file["layers"].values() if "0" in group["vars"]]
        for kernel in kernels[::5]:
            kernel[...] = np.nextafter(kernel[...], np.float32(np.inf))


def clean(folder: Path) -> None:
    """Remove what make_files made, and the folder when nothing else is in it."""
    for path in (*folder.glob("*.h5"), *folder.glob("*.keras"), *folder.glob("*.yml"), folder / "layers.txt"):
        path.unlink(missing_ok=True)
    if folder.exists() and not any(folder.iterdir()):
        folder.rmdir()


def warm(folder: Path) -> None:
    """Read every file once, so that nobody pays for the disk."""
    block = bytearray(1 << 24)
    for path in sorted(folder.iterdir()):
        with path.open("rb", buffering=0) as file:
            while file.readinto(block):
                pass


def tree(pid: int) -> Iterator[int]:
    """A process and all its descendants."""
    yield pid
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii")
    except OSError:
        return
    for child in children.split():
        yield from tree(int(child))


def private_kib(pid: int) -> int:
    """RssAnon of the process tree: memory of its own, without the pages of mapped files."""
    total = 0
    for member in tree(pid):
        try:
            status = Path(f"/proc/{member}/status").read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue
        total += sum(int(line.split()[1]) for line in status.splitlines() if line.startswith("RssAnon:"))
    return total


def measure(contender: Contender, folder: Path, result: Measurement) -> None:
    """Run it once."""
    peak = 0
    done = threading.Event()
    started = time.perf_counter()
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(
            contender.command, cwd=folder, env=environment(), stdout=output, stderr=subprocess.STDOUT
        )
        killer = threading.Timer(TIMEOUT_SECONDS, process.kill)
        killer.start()

        def sample() -> None:
            nonlocal peak
            while not done.wait(SAMPLE_SECONDS):
                peak = max(peak, private_kib(process.pid))

        sampler = threading.Thread(target=sample)
        sampler.start()
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - started
        done.set()
        killer.cancel()
        sampler.join()
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        said = output.read().decode("utf-8", "replace")
    if process.returncode != contender.expected or contender.says not in said:
        tail = " | ".join(said.strip().splitlines()[-3:])
        result.problem = f"exit {process.returncode}, expected {contender.expected} and `{contender.says}`: {tail}"
    result.wall.append(wall)
    result.cpu.append(usage.ru_utime + usage.ru_stime)
    result.memory.append(peak / 1024)


def show(runners: Sequence[Contender], results: dict[str, Measurement]) -> None:
    """The table."""
    base = results.get(BASELINE, Measurement())
    unit = statistics.median(base.wall) if base.wall and not base.problem else None
    print(f"{'':40}{'median':>9}{'min':>9}{'ratio':>8}{'CPU':>9}{'private':>10}")
    for contender in runners:
        result = results[contender.name]
        name = contender.name if contender.command[1:3] != ("-m", "gate") else f"weight-gate {contender.name}"
        if result.problem:
            print(f"{name:40}  {result.problem}")
            continue
        median = statistics.median(result.wall)
        ratio = f"{median / unit:.2f}x" if unit else "-"
        print(
            f"{name:40}{median:8.2f}s{min(result.wall):8.2f}s{ratio:>8}{statistics.median(result.cpu):8.2f}s"
            f"{max(result.memory):6.0f} MiB"
        )


def machine() -> str:
    """What this ran on, in one line."""
    model = platform.processor() or platform.machine()
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            model = line.split(":", 1)[1].strip()
            break
    return f"{model}, {os.cpu_count()} CPUs, Python {platform.python_version()}, NumPy {np.__version__}"


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description="Time the gate beside what one would use instead.")
    folder = Path(tempfile.gettempdir()) / "wg-bench"
    parser.add_argument("--dir", type=Path, default=folder, help="where the files lie (7 times --gigabytes)")
    parser.add_argument("--gigabytes", type=float, default=1.0, help="size of one file")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", action="append", default=[], help="contenders whose name contains this")
    parser.add_argument("--json", type=Path, help="write the measurements there as well")
    parser.add_argument("--clean", action="store_true", help="remove the files at the end")
    return parser.parse_args(arguments)


def chosen(everyone: Sequence[Contender], only: Sequence[str]) -> list[Contender]:
    """Those that were asked for and can run, the baseline always among them."""
    runners = []
    for contender in everyone:
        if only and contender.name != BASELINE and not any(text in contender.name for text in only):
            continue
        if contender.needs and not shutil.which(contender.needs):
            print(f"{contender.name}: left out, no `{contender.needs}` here (hdf5-tools has h5diff)")
            continue
        runners.append(contender)
    return runners


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the files, run the rounds, show the table."""
    options = parse(arguments)
    results: dict[str, Measurement] = {}
    if options.rounds > 0:
        make_files(options.dir, max(1, round(LAYERS_PER_GIGABYTE * options.gigabytes)))
        runners = chosen(contenders(options.dir), options.only)
        results = {contender.name: Measurement() for contender in runners}
        warm(options.dir)
        for contender in runners:
            if contender.name == VALIDATE:
                measure(contender, options.dir, Measurement())  # compiles the gate's modules
        for number in range(options.rounds):
            print(f"round {number + 1} of {options.rounds} …", file=sys.stderr, flush=True)
            for contender in runners:
                if not results[contender.name].problem:
                    measure(contender, options.dir, results[contender.name])
        print(f"\n{machine()}")
        print(f"files of {(options.dir / 'reference.weights.h5').stat().st_size / 1e9:.2f} GB, page cache warm\n")
        show(runners, results)
        if options.json:
            report = {"machine": machine(), "results": {name: asdict(result) for name, result in results.items()}}
            options.json.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    if options.clean:
        clean(options.dir)
    return 1 if any(result.problem for result in results.values()) else 0


if __name__ == "__main__":
    raise SystemExit(main())
