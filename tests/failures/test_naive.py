"""Every row shows its failure: what people do loads, compares, and finds nothing wrong."""

import gc
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from failures.rows import Row, rows

pytestmark = [
    pytest.mark.tensorflow,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # TensorFlow's own
]

ROWS = rows()


@pytest.fixture(autouse=True)
def _from_nothing() -> Iterator[None]:
    """Default names count through a process: each row begins at the beginning."""
    import keras

    gc.collect()
    keras.utils.clear_session()
    keras.utils.set_random_seed(3)
    yield
    keras.utils.clear_session()


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.__name__.rpartition(".")[2])
def test_nothing_looks_wrong(row: Row, tmp_path: Path) -> None:
    row.make(tmp_path)
    row.naive(tmp_path)
    manifest = yaml.safe_load((tmp_path / "weight-gate.yml").read_text(encoding="utf-8"))
    assert ("code:" in str(manifest).replace("'", "")) == row.ALLOW_CODE


def test_rows_are_told_apart() -> None:
    for row in ROWS:
        assert row.__name__.rpartition(".")[2].startswith(f"row_{row.ROW:02}_")
        assert row.EXPECT.kinds
        assert row.EXPECT.says
