"""How long does comparing two weight files take, with the gate and with what one would use instead?

    python benchmarks/compare.py [--gigabytes 1] [--many 20000] [--formats FORMAT…] [--rounds 5] [--only NAME]…
        [--json FILE] [--dir FOLDER] [--clean]

Everything is measured in one run, as whole processes, in interleaved rounds (A B C … A B C …) and with the files in the
page cache. See README.md beside this file for how to read the table. Exit 1 when a contender did not end as it should.
"""

import argparse
import hashlib
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

import h5py
import numpy as np

if __name__ == "__main__":  # run as a script: its own folder is on the path, the repository is not
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.measure import ROOT, Contender, Measurement, environment, measure
from gate.formats import open_weights
from gate.locks.lock import Made
from gate.locks.make import lock_of
from gate.locks.text import lock_text

LAYERS_PER_GIGABYTE = 60  # of 2048 x 2048 float32 and a bias: 16.8 MB each
FORMATS = ("weights.h5", "keras", "h5", "checkpoint", "saved_model")
BASELINE = "cmp"
VALIDATE = "validate"
GATE = (sys.executable, "-m", "gate")
SCRIPTS = ROOT / "benchmarks" / "contenders"


def contenders(folder: Path, formats: Sequence[str]) -> Iterator[Contender]:
    """Those for large files, the baseline first."""
    main = formats[0]
    both = [str(data_file(folder, which, main)) for which in ("reference", "candidate")]
    yield Contender("cmp", folder, ("cmp", *both), needs="cmp")
    for form in formats:
        yield Contender(f"diff .{form}", folder, (*GATE, "diff", *pair(form)), "PASSED   values")
        yield Contender(
            f"diff .{form}, 1 thread", folder, (*GATE, "diff", "--threads", "1", *pair(form)), "PASSED   values"
        )
        yield Contender(
            f"check .{form}", folder, (*GATE, "check", manifest(folder, form), "--no-reports"), "PASSED   values"
        )
    yield Contender(
        f"check .{main}, by its lock",
        folder,
        (*GATE, "check", lock_manifest(folder, main), "--no-reports"),
        "PASSED   values",
    )
    yield Contender(
        f"check .{main}, digest alone",
        folder,
        (*GATE, "check", digest_manifest(folder, main), "--no-reports"),
        "PASSED   digest",
    )
    yield Contender("sha256sum", folder, ("sha256sum", str(data_file(folder, "candidate", main))), needs="sha256sum")
    if "checkpoint" in formats:
        yield Contender(
            "load_checkpoint + allclose",
            folder,
            (sys.executable, str(SCRIPTS / "load_checkpoint.py"), *pair("checkpoint")),
            "tensors agree",
        )
    if "saved_model" in formats:
        prefixes = [f"{name}/variables/variables" for name in pair("saved_model")]
        yield Contender(
            "load_checkpoint + allclose, SavedModel",
            folder,
            (sys.executable, str(SCRIPTS / "load_checkpoint.py"), *prefixes),
            "tensors agree",
        )
    if "weights.h5" in formats:
        yield from _hdf5(folder)
    yield Contender(VALIDATE, folder, (*GATE, "validate", manifest(folder, main)))


def _hdf5(folder: Path) -> Iterator[Contender]:
    weights, close = pair("weights.h5"), ("reference.weights.h5", "differs.weights.h5")
    allclose = (sys.executable, str(SCRIPTS / "h5py_allclose.py"))
    tensorflow = (sys.executable, str(SCRIPTS / "tensorflow_load.py"))
    diff = (*GATE, "diff")
    yield Contender("h5diff -d 1e-6", folder, ("h5diff", "-d", "1e-6", *weights), needs="h5diff")
    yield Contender("h5py + assert_allclose", folder, (*allclose, *weights), "datasets agree")
    yield Contender("TensorFlow, two load_weights", folder, (*tensorflow, *weights), "variables agree")
    yield Contender("diff, 1 ULP off", folder, (*diff, *close), "PASSED   values")
    yield Contender(
        "diff --identical, 1 ULP off", folder, (*diff, "--identical", *close), "FAILED   values", expected=1
    )
    yield Contender("h5diff -d 1e-6, 1 ULP off", folder, ("h5diff", "-d", "1e-6", *close), needs="h5diff")
    yield Contender("assert_allclose, 1 ULP off", folder, (*allclose, *close), "datasets agree")


def many_contenders(folder: Path) -> Iterator[Contender]:
    """Those for files of very many small tensors."""
    for form in ("weights.h5", "checkpoint"):
        yield Contender(f"diff .{form}, many", folder, (*GATE, "diff", *pair(form)), "PASSED   values")
    across = ("reference.checkpoint", "candidate.weights.h5")
    yield Contender("diff .checkpoint .weights.h5, many", folder, (*GATE, "diff", *across), "PASSED   values")
    yield Contender(
        "h5py + assert_allclose, many",
        folder,
        (sys.executable, str(SCRIPTS / "h5py_allclose.py"), *pair("weights.h5")),
        "datasets agree",
    )
    yield Contender(
        "load_checkpoint + allclose, many",
        folder,
        (sys.executable, str(SCRIPTS / "load_checkpoint.py"), *pair("checkpoint")),
        "tensors agree",
    )


def pair(form: str) -> tuple[str, str]:
    """Two files with the same values."""
    return f"reference.{form}", f"candidate.{form}"


def data_file(folder: Path, which: str, form: str) -> Path:
    """The file that holds the bytes."""
    inside = {"checkpoint": ".data-00000-of-00001", "saved_model": "/variables/variables.data-00000-of-00001"}
    return folder / f"{which}.{form}{inside.get(form, '')}"


def manifest(folder: Path, form: str) -> str:
    """The name of the manifest that checks the candidate of one format."""
    path = folder / f"{form.replace('.', '-')}.yml"
    path.write_text(
        f"version: 1\nmodels:\n  - weights: candidate.{form}\n    reference: reference.{form}\n    load: false\n",
        encoding="utf-8",
    )
    return path.name


def lock_manifest(folder: Path, form: str) -> str:
    """The name of the manifest that checks the candidate of one format by the lock of the reference."""
    lock = folder / f"{form}.lock.yml"
    if not lock.exists():
        made = Made("", "", "", "")
        with open_weights(folder / f"reference.{form}") as weights:
            lock.write_text(lock_text(lock_of(weights, made, threads=os.cpu_count() or 1)), encoding="utf-8")
    path = folder / "lock.yml"
    path.write_text(
        f"version: 1\nmodels:\n  - weights: candidate.{form}\n    reference: {{lock: {lock.name}}}\n    load: false\n",
        encoding="utf-8",
    )
    return path.name


def digest_manifest(folder: Path, form: str) -> str:
    """The name of the manifest that pins the candidate's digest and ignores all values."""
    pinned = "0" * 64
    if form in {"weights.h5", "keras", "h5"}:
        with data_file(folder, "candidate", form).open("rb") as file:
            pinned = hashlib.file_digest(file, "sha256").hexdigest()
    path = folder / "digest.yml"
    path.write_text(
        f"version: 1\nmodels:\n  - weights: candidate.{form}\n    load: false\n    digest: sha256:{pinned}\n"
        "    tensors:\n"
        '      - {match: "**", expect: ignored, reason: "the digest says it all"}\n',
        encoding="utf-8",
    )
    return path.name


def make_large(folder: Path, layers: int, formats: Sequence[str]) -> None:
    """Everything that is not there yet. A finished set is known by its `made.txt`."""
    sort = f"{layers} {' '.join(formats)}"
    if not _begun(folder, sort):
        return
    print(f"writing models of {layers * 16.8 / 1000:.2f} GB into {folder} …", flush=True)
    _make("large", folder, layers, *formats)
    for form in formats:
        copy(folder, form)
    if "weights.h5" in formats:
        shutil.copyfile(folder / "reference.weights.h5", folder / "differs.weights.h5")
        nudge(folder / "differs.weights.h5")
    (folder / "made.txt").write_text(sort, encoding="utf-8")


def make_many(folder: Path, tensors: int) -> None:
    """The files of many small tensors."""
    if not _begun(folder, str(tensors)):
        return
    print(f"writing files of {tensors:,} tensors into {folder} …", flush=True)
    _make("many", folder, tensors)
    for form in ("weights.h5", "checkpoint"):
        copy(folder, form)
    (folder / "made.txt").write_text(str(tensors), encoding="utf-8")


def _begun(folder: Path, sort: str) -> bool:
    """Whether files of this sort have yet to be made; what was there of another sort is gone then."""
    mark = folder / "made.txt"
    if mark.exists() and mark.read_text(encoding="utf-8") == sort:
        return False
    clean(folder)
    folder.mkdir(parents=True)
    mark.write_text("not finished", encoding="utf-8")
    return True


def _make(what: str, folder: Path, *arguments: object) -> None:
    make = [sys.executable, "-m", "benchmarks.make_files", what, str(folder), *map(str, arguments)]
    subprocess.run(make, check=True, cwd=ROOT, env=environment(), stderr=subprocess.DEVNULL)


def copy(folder: Path, form: str) -> None:
    """A candidate of the same bytes."""
    reference, candidate = (folder / name for name in pair(form))
    if form == "saved_model":
        shutil.copytree(reference, candidate)
    elif form == "checkpoint":
        for part in ("index", "data-00000-of-00001"):
            shutil.copyfile(f"{reference}.{part}", f"{candidate}.{part}")
    else:
        shutil.copyfile(reference, candidate)


def nudge(path: Path) -> None:
    """Move every element of every fifth kernel by one unit in the last place."""
    with h5py.File(path, "r+") as file:
        kernels = [group["vars/0"] for group in file["layers"].values() if "0" in group["vars"]]
        for kernel in kernels[::5]:
            kernel[...] = np.nextafter(kernel[...], np.float32(np.inf))


def clean(folder: Path) -> None:
    """Remove a folder that this program filled; any other is left alone."""
    if (folder / "made.txt").exists() or (folder.exists() and not any(folder.iterdir())):
        shutil.rmtree(folder)
    elif folder.exists():
        raise SystemExit(f"{folder} is there and was not filled by this program: name another with --dir")


def warm(folder: Path) -> None:
    """Read every file once, so that nobody pays for the disk."""
    block = bytearray(1 << 24)
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        with path.open("rb", buffering=0) as file:
            while file.readinto(block):
                pass


def show(runners: Sequence[Contender], results: dict[str, Measurement]) -> None:
    """The table."""
    base = results.get(BASELINE, Measurement())
    unit = statistics.median(base.wall) if base.wall and not base.problem else None
    print(f"{'':46}{'median':>9}{'min':>9}{'/ cmp':>8}{'CPU':>9}{'private':>10}")
    for contender in runners:
        result = results[contender.name]
        name = contender.name if contender.command[1:3] != ("-m", "gate") else f"weight-gate {contender.name}"
        if result.problem:
            print(f"{name:46}  {result.problem}")
            continue
        median = statistics.median(result.wall)
        ratio = f"{median / unit:.2f}x" if unit and "many" not in name else "-"
        print(
            f"{name:46}{median:8.2f}s{min(result.wall):8.2f}s{ratio:>8}{statistics.median(result.cpu):8.2f}s"
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
    parser.add_argument("--dir", type=Path, default=folder, help="where the files lie (13 times --gigabytes)")
    parser.add_argument("--gigabytes", type=float, default=1.0, help="size of one file; 0 for none")
    parser.add_argument("--formats", nargs="+", choices=FORMATS, default=list(FORMATS), help="of the large files")
    parser.add_argument("--many", type=int, default=20_000, help="how many small tensors; 0 for no such file")
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


def prepared(options: argparse.Namespace) -> list[Contender]:
    """Make the files that were asked for, and say who runs on them."""
    runners: list[Contender] = []
    if options.gigabytes:
        large = options.dir / "large"
        make_large(large, max(1, round(LAYERS_PER_GIGABYTE * options.gigabytes)), options.formats)
        runners += contenders(large, options.formats)
        warm(large)
    if options.many:
        many = options.dir / "many"
        make_many(many, options.many)
        runners += many_contenders(many)
        warm(many)
    return chosen(runners, options.only)


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the files, run the rounds, show the table."""
    options = parse(arguments)
    results: dict[str, Measurement] = {}
    if options.rounds > 0:
        runners = prepared(options)
        results = {contender.name: Measurement() for contender in runners}
        for contender in runners:
            if contender.name == VALIDATE:
                measure(contender, Measurement())  # compiles the gate's modules
        for number in range(options.rounds):
            print(f"round {number + 1} of {options.rounds} …", file=sys.stderr, flush=True)
            for contender in runners:
                if not results[contender.name].problem:
                    measure(contender, results[contender.name])
        print(f"\n{machine()}")
        print(f"large files of {options.gigabytes:g} GB, {options.many:,} small tensors, page cache warm\n")
        show(runners, results)
        if options.json:
            report = {"machine": machine(), "results": {name: asdict(result) for name, result in results.items()}}
            options.json.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    if options.clean:
        for name in ("large", "many"):
            clean(options.dir / name)
    return 1 if any(result.problem for result in results.values()) else 0


if __name__ == "__main__":
    raise SystemExit(main())
