"""What docs/calibrate.md and docs/tolerances.md show of the gate: python docs/calibrated.py

Each page has places for it, a comment and the block that follows it:

    <!-- calibrated.py: calibrate -->   `weight-gate calibrate` in examples/weights_and_builder
    <!-- calibrated.py: smallest -->    what a red check says of values that moved a little
    <!-- calibrated.py: none -->        and of values that were trained anew

`tests/docs` holds that the blocks are what is printed now, but for numbers that differ between machines (`comparable`).
"""

import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

if __name__ == "__main__":  # run as a script: its own folder is on the path, the repository is not
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from docs.blocks import ROOT, Page, environment

PAGES = tuple(Page(name, "calibrated.py") for name in ("calibrate.md", "tolerances.md"))
_NUMBER = re.compile(r"\d+(?:\.\d+)?(?:e-?\d+)?")


def calibrate(scratch: Path) -> str:
    """An example as it is."""
    folder = scratch / "example"
    left_out = shutil.ignore_patterns("__pycache__", "weight-gate-reports")
    shutil.copytree(ROOT / "examples" / "weights_and_builder", folder, ignore=left_out)
    return _typed("cd examples/weights_and_builder") + _run(folder, "calibrate", "--allow-code")


def smallest(scratch: Path) -> str:
    """Two layers that moved a little, by a formula."""
    old = _tensors()
    head = {name: array + np.float32(2e-5) * _wave(array.shape, 2) for name, array in old.items() if "head" in name}
    block = {"block_1/kernel": old["block_1/kernel"] * np.float32(1 + 3e-5)}
    return _suggested(scratch / "smallest", old, {**old, **head, **block})


def none(scratch: Path) -> str:
    """A layer with other values of the same size."""
    old = _tensors()
    return _suggested(scratch / "none", old, {**old, "head/kernel": -old["head/kernel"][::-1].copy() + 0.1})


BLOCKS: dict[str, Callable[[Path], str]] = {"calibrate": calibrate, "smallest": smallest, "none": none}


def _wave(shape: tuple[int, ...], seed: int) -> "np.ndarray[tuple[int, ...], np.dtype[np.float32]]":
    """Numbers between -1 and 1, without a pattern that anything could find."""
    count = np.arange(int(np.prod(shape)), dtype=np.float64)
    return np.sin(seed + 1.7 * count + 0.013 * count**2).astype(np.float32).reshape(shape)


def _tensors() -> "dict[str, np.ndarray[tuple[int, ...], np.dtype[np.float32]]]":
    layers: dict[str, tuple[int, ...]] = {"block_0": (16, 16), "block_1": (16, 16), "head": (16, 4)}
    kernels = {f"{layer}/kernel": _wave(shape, number) for number, (layer, shape) in enumerate(layers.items())}
    return {**kernels, **{f"{layer}/bias": _wave(shape[1:], 9) for layer, shape in layers.items()}}


def _suggested(folder: Path, old: "dict[str, np.ndarray[tuple[int, ...], np.dtype[np.float32]]]", new: object) -> str:
    """What a red check says one may do."""
    folder.mkdir()
    save = np.savez
    save(folder / "golden.npz", **old)  # type: ignore[arg-type]
    save(folder / "model.npz", **new)  # type: ignore[arg-type]
    manifest = "version: 1\nmodels:\n  - weights: model.npz  # served\n    reference: golden.npz\n    tensors:\n"
    manifest += '      - {match: "head/**", tolerance: {rtol: 1e-6, atol: 1e-7}}\n'
    (folder / "weight-gate.yml").write_text(manifest, "utf-8")
    printed = _run(folder, "check", "--no-reports")
    lines = printed.splitlines(keepends=True)
    head, rest = lines[:1], lines[1:]
    first = next(index for index, line in enumerate(rest) if "olerance" in line and re.match(r"  \S", line))
    last = next(index for index, line in enumerate(rest) if index > first and re.match(r"  (coverage|what )", line))
    return "".join([*head, "…\n", *rest[first:last], "…\n"])


def _typed(command: str) -> str:
    return f"$ {command}\n"


def _run(folder: Path, *arguments: str) -> str:
    done = subprocess.run(  # noqa: S603 - the gate itself
        [sys.executable, "-m", "gate", *arguments],
        cwd=folder,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,  # progress
        encoding="utf-8",
        check=False,
    )
    return _typed(f"weight-gate {' '.join(arguments)}") + done.stdout


def comparable(text: str) -> str:
    """What must not differ between two machines: no versions and numbers, nor what is said of these."""
    text = re.sub(r"^    (?:noise|proposed|its|the manifest has) .*\n(?: {6}.*\n)*", "", text, flags=re.MULTILINE)
    text = re.sub(r"^    \d+ threads? .*\n", "", text, flags=re.MULTILINE)
    text = re.sub(r"^  measured on .*\n", "", text, flags=re.MULTILINE)
    return " ".join(_NUMBER.sub("N", text).replace("N of N N N N", "N of N N").split())


def main() -> None:
    """Rewrite the blocks."""
    with tempfile.TemporaryDirectory() as scratch:
        made = {word: block(Path(scratch)) for word, block in BLOCKS.items()}
    for page in PAGES:
        page.fill(made)


if __name__ == "__main__":
    main()
