"""Writes the weight files of the cases: `python tests/cases/make_files.py`. Every value is a formula's."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parents[1]), str(HERE.parent)]

from support.files import WRITERS  # noqa: E402
from support.judging import sample  # noqa: E402

Arrays = dict[str, Any]


def same(arrays: Arrays) -> Arrays:
    return arrays


def swapped(arrays: Arrays) -> Arrays:
    return arrays | {"conv_a/kernel": arrays["conv_b/kernel"], "conv_b/kernel": arrays["conv_a/kernel"]}


def fine_tuned(arrays: Arrays) -> Arrays:
    arrays = {name: array for name, array in arrays.items() if not name.startswith("bn/")}
    head = {name: array * np.float32(1.5) for name, array in arrays.items() if name.startswith("head/")}
    return arrays | head | {"adapter/kernel": np.linspace(-1, 1, 8, dtype=np.float32).reshape(2, 4)}


def with_nan(arrays: Arrays) -> Arrays:
    bias = arrays["head/bias"].copy()
    bias[2] = np.nan
    return arrays | {"head/bias": bias}


def renamed(arrays: Arrays) -> Arrays:
    return {name.replace("head/", "old_head/"): array for name, array in arrays.items()}


def reversed_values(arrays: Arrays) -> Arrays:
    """Other values with the same mean, standard deviation and higher moments."""
    return {name: np.ascontiguousarray(array.reshape(-1)[::-1].reshape(array.shape)) for name, array in arrays.items()}


def shifted(arrays: Arrays) -> Arrays:
    return arrays | {"head/kernel": arrays["head/kernel"] + np.float32(0.01)}


def none(arrays: Arrays) -> Arrays:
    return {}


FILES: list[tuple[str, Callable[[Arrays], Arrays]]] = [
    ("pass/smallest/model.keras", same),
    ("pass/smallest/golden.keras", same),
    ("pass/without-reference/model.npz", same),
    ("pass/transfer-learning/model.weights.h5", fine_tuned),
    ("pass/transfer-learning/pretrained.weights.h5", same),
    ("pass/renamed/model.safetensors", same),
    ("pass/renamed/golden.safetensors", renamed),
    ("pass/glob/models/one.npz", same),
    ("pass/glob/models/two.npz", shifted),
    ("pass/glob/golden/one.npz", same),
    ("pass/glob/golden/two.npz", shifted),
    ("pass/statistics-only/model.npz", reversed_values),
    ("pass/statistics-only/golden.npz", same),
    ("pass/waived/model.h5", shifted),
    ("pass/waived/golden.h5", same),
    ("pass/inline/model.npz", same),
    ("fail/swapped-layers/model.keras", swapped),
    ("fail/swapped-layers/golden.keras", same),
    ("fail/nan/model.npz", with_nan),
    ("fail/head-not-trained/model.weights.h5", same),
    ("fail/head-not-trained/golden.weights.h5", same),
    ("fail/other-file/model.npz", shifted),
    ("fail/waiver-ended/model.h5", shifted),
    ("fail/waiver-ended/golden.h5", same),
    ("fail/drifted/model.npz", shifted),
    ("fail/drifted/golden.npz", same),
    ("fail/inline/model.npz", shifted),
    ("error/idle-rule/model.npz", same),
    ("error/idle-rule/golden.npz", same),
    ("error/rule-in-another-group/model.npz", same),
    ("error/everything-ignored/model.npz", same),
    ("error/everything-ignored/golden.npz", same),
    ("error/no-tensors/model.npz", none),
    ("error/missing-reference/model.npz", same),
    ("error/one-bad-of-two/good.npz", same),
    ("error/bad-beats-red/model.npz", shifted),
    ("error/bad-beats-red/golden.npz", same),
    ("error/own-reference/model.npz", same),
]


def suffix_of(path: Path) -> str:
    name = path.name
    return "weights.h5" if name.endswith(".weights.h5") else path.suffix[1:]


def main() -> None:
    """Writes them all, and the damaged ones."""
    for name, change in FILES:
        path = HERE / name
        path.parent.mkdir(parents=True, exist_ok=True)
        WRITERS[suffix_of(path)](path, change(sample()))
    truncated = HERE / "error" / "truncated" / "model.weights.h5"
    truncated.parent.mkdir(parents=True, exist_ok=True)
    WRITERS["weights.h5"](truncated, sample())
    truncated.write_bytes(truncated.read_bytes()[:9000])
    pickled = HERE / "error" / "pickle" / "model.npz"
    pickled.parent.mkdir(parents=True, exist_ok=True)
    np.savez(pickled, head=np.array([{"not": "a tensor"}], dtype=object))


if __name__ == "__main__":
    main()
