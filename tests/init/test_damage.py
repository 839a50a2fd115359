"""However a file is damaged, and whatever it is called: it is looked at, told, and never a traceback or silence."""

import random
from pathlib import Path

import pytest

from gate.init.look import Broken, Other, Weights, look
from init.proposals import read, text_of
from support.bundles import write_bundle
from support.files import WRITERS, example, write

ROUNDS = 60


def damaged(data: bytes, rng: random.Random) -> bytes:
    """Cut short, or with some bytes other ones."""
    if rng.random() < 0.3:
        return data[: rng.randrange(len(data))]
    changed = bytearray(data)
    for _ in range(rng.choice((1, 3, 30))):
        changed[rng.randrange(len(changed))] = rng.randrange(256)
    return bytes(changed)


@pytest.mark.parametrize("key", [*WRITERS, "checkpoint"])
def test_damaged_files(tmp_path: Path, key: str) -> None:
    rng = random.Random(key)
    if key == "checkpoint":
        write_bundle(tmp_path / "model", example())
        path = tmp_path / "model.index"
    else:
        path = write(key, tmp_path, example())
    whole = path.read_bytes()
    for _ in range(ROUNDS):
        path.write_bytes(damaged(whole, rng))
        found = look(path, path.name)
        assert isinstance(found, Weights | Broken | Other), f"{path.name}: nothing is said of it"
        read(text_of(tmp_path)) if isinstance(found, Weights) and found.weights else text_of(tmp_path)


@pytest.mark.parametrize(
    "name", ["m.keras", "m.h5", "m.npz", "m.safetensors", "m.index", "m.weights.json", "m", "m.pb"]
)
def test_anything_at_all(tmp_path: Path, name: str) -> None:
    rng = random.Random(name)
    starts = (
        b"",
        b"\x89HDF\r\n\x1a\n",
        b"PK\x03\x04",
        b"PK\x05\x06",
        b"{",
        b"\x10\0\0\0\0\0\0\0{",
        b"<html>",
        b"\x80\x04",
    )
    for start in starts:
        for length in (0, 1, 8, 5000):
            (tmp_path / name).write_bytes(start + rng.randbytes(length))
            look(tmp_path / name, name)
            text_of(tmp_path)
