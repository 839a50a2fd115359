"""Memory does not grow with the model: private pages of a process that reads 128 MiB, however they are stored."""

import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from support.files import write_keras_weights, write_npz

ROOT = Path(__file__).parents[2]
CODE = """
import sys
from pathlib import Path
from gate.formats import open_weights

def private():
    text = Path("/proc/self/status").read_text()
    return int(text.split("RssAnon:")[1].split()[0]) // 1024

with open_weights(Path(sys.argv[1])) as weights:
    before = private()
    total = 0.0
    for tensor in weights:
        array = tensor.read()
        total += float(array[::1024].sum())
    print(private() - before, total)
"""


@pytest.mark.parametrize("kind", ["h5", "npz, deflated", "h5, chunked", "npz, big-endian"])
def test_private_memory_stays_flat(tmp_path: Path, kind: str) -> None:
    array = np.ones((8192, 4096), np.float32)
    path = tmp_path / "m"
    if kind == "h5":
        write_keras_weights(path, {"a/kernel": array})
    elif kind == "h5, chunked":
        import h5py

        with h5py.File(path, "w") as file:
            file.create_dataset("layers/dense/vars/0", data=array, chunks=(512, 512))
    else:
        swapped = array.astype(">f4") if "big" in kind else array
        write_npz(path, {"a": swapped}, zipfile.ZIP_DEFLATED if "deflated" in kind else zipfile.ZIP_STORED)
    done = subprocess.run(
        [sys.executable, "-c", CODE, str(path)], capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert done.returncode == 0, done.stderr
    grown, total = done.stdout.split()
    assert int(grown) < 48
    assert float(total) == 4 * 8192
