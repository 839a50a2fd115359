"""A checkpoint has checksums: what no check compares is held against them all the same."""

from pathlib import Path

import numpy as np
import pytest

from gate.results import Outcome
from support.bundles import shard_path, write_bundle
from support.files import write
from support.judging import check_of, judge_manifest

ARRAYS = {
    "dense/kernel": np.arange(64, dtype=np.float32),
    "dense/kernel/Adam": np.full(64, 2, np.float32),
    "table": np.arange(100, 164, dtype=np.float32),
}


def damage(path: Path, wanted: bytes) -> None:
    data = bytearray(path.read_bytes())
    data[data.index(wanted)] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize("name", ARRAYS)
@pytest.mark.parametrize("with_reference", [True, False])
def test_a_flipped_bit_in_any_tensor_is_an_error(tmp_path: Path, name: str, with_reference: bool) -> None:
    write_bundle(tmp_path / "new", ARRAYS)
    write_bundle(tmp_path / "old", ARRAYS)
    reference = "    reference: old\n" if with_reference else ""
    rules = '    tensors: [{match: "table", expect: ignored, reason: "rebuilt nightly"}]\n'
    (tmp_path / "weight-gate.yml").write_text(f"version: 1\nmodels:\n  - weights: new\n{reference}{rules}")
    assert check_of(judge_manifest(tmp_path / "weight-gate.yml").models[0], "finite").outcome == Outcome.PASSED
    damage(shard_path(tmp_path / "new", 0, 1), ARRAYS[name].tobytes())
    check = check_of(judge_manifest(tmp_path / "weight-gate.yml").models[0], "finite")
    assert check.outcome == Outcome.ERROR
    assert "checksum does not match" in check.findings[0].reason
    assert (check.findings[0].tensor or "").removeprefix("optimizer/") == name


@pytest.mark.parametrize("format", ["keras", "npz"])
def test_a_flipped_bit_in_a_stored_member_is_an_error(tmp_path: Path, format: str) -> None:
    arrays = {"dense/kernel": ARRAYS["dense/kernel"].reshape(8, 8), "dense/bias": np.ones(8, np.float32)}
    path = write(format, tmp_path, arrays, "m")
    (tmp_path / "weight-gate.yml").write_text(f"version: 1\nmodels:\n  - weights: {path.name}\n")
    assert check_of(judge_manifest(tmp_path / "weight-gate.yml").models[0], "finite").outcome == Outcome.PASSED
    damage(path, arrays["dense/kernel"].tobytes())
    check = check_of(judge_manifest(tmp_path / "weight-gate.yml").models[0], "finite")
    assert check.outcome == Outcome.ERROR
    assert "fails its checksum" in check.findings[0].reason
