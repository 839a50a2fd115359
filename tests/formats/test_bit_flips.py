"""One flipped bit anywhere in a real file: found, or outside every tensor; never a traceback, a hang or much memory."""

import json
import subprocess
import sys
import time
import zipfile
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from support.cli import ROOT

pytestmark = [
    pytest.mark.tensorflow,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file:UserWarning"),
]

FLIPS = 200
MOST_MEMORY_KIB = 300 * 1024
MOST_SECONDS = 10.0

# For each flip: [offset, exit code, seconds, is a defect of ours]. In a process of its own, whose memory is its own.
JUDGE = """
import json, sys, time
from pathlib import Path
import numpy as np
from gate.diff import plan_diff
from gate.run import Run
from gate.workspace import Workspace

original, copy, part = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
seed, flips = map(int, sys.argv[4:6])
file = Path(str(copy) + part)
data = file.read_bytes()
results = []
for offset in np.random.default_rng(seed).integers(0, len(data), flips).tolist():
    damaged = bytearray(data)
    damaged[offset] ^= 1 << offset % 8
    file.write_bytes(damaged)
    start = time.perf_counter()
    plan = plan_diff(original, copy, identical=True)
    result = Run([plan], Workspace(Path(), [Path("/")]), "diff", threads=2).execute()
    told = [f.reason + f.hint for m in result.models for c in m.checks for f in c.findings]
    ours = any("defect" in text for text in told)
    results.append([offset, result.exit_code, time.perf_counter() - start, ours])
file.write_bytes(data)
status = Path("/proc/self/status").read_text()
peak = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM:"))
print(json.dumps({"flips": results, "memory": peak}))
"""

KINDS = {
    "index": ("checkpoint", ".index"),
    "shard": ("checkpoint", ".data-00000-of-00001"),
    "keras": ("m.keras", ""),
    "h5": ("m.h5", ""),
    "weights.h5": ("m.weights.h5", ""),
    "saved_model.pb": ("saved_model", "/saved_model.pb"),
    "saved_model shard": ("saved_model", "/variables/variables.data-00000-of-00001"),
}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One model in every format, twice: as it is, and to be damaged."""
    import keras
    import tensorflow as tf

    folder = tmp_path_factory.mktemp("flips")
    layers = [keras.layers.Dense(24, name=f"dense_{n}") for n in range(4)]
    model = keras.Sequential([keras.Input((24,)), *layers, keras.layers.BatchNormalization()])
    model.compile("adam", "mse")
    for side in ("original", "copy"):
        (folder / side).mkdir()
        model.save(folder / side / "m.keras")
        model.save(folder / side / "m.h5")
        model.save_weights(folder / side / "m.weights.h5")
        tf.train.Checkpoint(model=model, optimizer=model.optimizer).write(str(folder / side / "checkpoint"))
        model.export(str(folder / side / "saved_model"), verbose=False)
    return folder


@pytest.mark.parametrize("kind", KINDS)
def test_flipped_bits(files: Path, kind: str) -> None:
    name, part = KINDS[kind]
    original, copy = files / "original" / name, files / "copy" / name
    start = time.perf_counter()
    ran = subprocess.run(
        [sys.executable, "-c", JUDGE, str(original), str(copy), part, "7", str(FLIPS)],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr[-2000:]
    assert time.perf_counter() - start < FLIPS * MOST_SECONDS
    found = json.loads(ran.stdout)
    assert found["memory"] < MOST_MEMORY_KIB
    assert len(found["flips"]) == FLIPS
    assert {code for _, code, _, _ in found["flips"]} <= {0, 1, 4}
    assert [flip for flip in found["flips"] if flip[3] or flip[2] > MOST_SECONDS] == []
    missed = [offset for offset, code, _, _ in found["flips"] if code == 0]
    inside = extents(Path(f"{copy}{part}"), kind)
    assert [at for at in missed if any(begin <= at < end for begin, end in inside)] == []


def extents(file: Path, kind: str) -> list[tuple[int, int]]:
    """Where tensors lie, as h5py tells; all of an index and of a shard is covered by checksums."""
    size = file.stat().st_size
    if kind in {"index", "shard", "saved_model shard"}:
        return [(0, size)]
    if kind == "saved_model.pb":
        return []
    start = 0
    handle: Any = file
    if kind == "keras":
        with zipfile.ZipFile(file) as archive:
            member = archive.getinfo("model.weights.h5")
        data = file.read_bytes()
        start = member.header_offset + 30 + sum(np.frombuffer(data, "<u2", 2, member.header_offset + 26).tolist())
        handle = (file.parent / "weights.h5").with_name("inside.h5")
        handle.write_bytes(data[start : start + member.file_size])
    found: list[tuple[int, int]] = []

    def add(_: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset) and item.id.get_offset() is not None and "optimizer" not in item.name:
            found.append((start + item.id.get_offset(), start + item.id.get_offset() + item.nbytes))

    with h5py.File(handle) as opened:
        opened.visititems(add)
    assert found
    return found
