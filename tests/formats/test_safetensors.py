"""The rules of the safetensors specification, each broken once."""

from pathlib import Path
from typing import Any

import pytest

from gate.errors import UnreadableError
from gate.formats import Limits, open_weights
from support.files import safetensors_bytes


def entry(start: int, stop: int, dtype: str = "U8", shape: list[Any] | None = None) -> dict[str, Any]:
    return {"dtype": dtype, "shape": [stop - start] if shape is None else shape, "data_offsets": [start, stop]}


@pytest.mark.parametrize(
    ("header", "data", "reason"),
    [
        ({"a": entry(0, 4), "b": entry(5, 8)}, b"x" * 8, "leaves a hole of 1 bytes"),
        ({"a": entry(0, 4), "b": entry(2, 6)}, b"x" * 6, "overlaps the tensor before it"),
        ({"a": entry(1, 4)}, b"x" * 4, "leaves a hole"),
        ({"a": entry(0, 4)}, b"x" * 5, "1 bytes after its last tensor"),
        ({"a": entry(0, 4)}, b"x" * 3, "ends at byte 4 of 3"),
        ({"a": entry(0, 4, shape=[3])}, b"x" * 4, "needs 3 bytes for its shape and has 4 bytes"),
        ({"a": entry(0, 4, shape=[-1])}, b"x" * 4, "a shape or offsets that no tensor has"),
        ({"a": entry(0, 4, shape=[True])}, b"x" * 4, "a shape or offsets that no tensor has"),
        ({"a": entry(0, 4, shape=[4.0])}, b"x" * 4, "a shape or offsets that no tensor has"),
        ({"a": entry(4, 0)}, b"x" * 4, "a shape or offsets that no tensor has"),
        ({"a": entry(0, 4, "F4", [8])}, b"x" * 4, "parts of bytes"),
        ({"a": entry(0, 4, "X9")}, b"x" * 4, "unknown type 'X9'"),
        ({"a": {"dtype": "U8"}}, b"", "lacks dtype, shape or data_offsets"),
        ({"a": [1]}, b"", "lacks dtype, shape or data_offsets"),
        ({"__metadata__": {"a": 1}}, b"", "__metadata__ is not a table of texts"),
        (b'{"a": {}, "a": {}}', b"", "has the key 'a' twice"),
        (b"{" + b'"a":{' * 20000, b"", "not valid JSON"),
        (b'{"a"', b"", "not valid JSON"),
        (b'{"\xff": 1}', b"", "not valid JSON"),
    ],
)
def test_refused(tmp_path: Path, header: Any, data: bytes, reason: str) -> None:
    path = tmp_path / "m.safetensors"
    path.write_bytes(safetensors_bytes(header, data))
    with pytest.raises(UnreadableError) as caught:
        open_weights(path)
    assert reason in caught.value.reason
    assert caught.value.hint


def test_the_headers_length_is_bounded(tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    path.write_bytes((10**9).to_bytes(8, "little") + b"{}" + b" " * 100)
    with pytest.raises(UnreadableError, match=r"header is 953\.7 MiB long"):
        open_weights(path)
    path.write_bytes((10**6).to_bytes(8, "little") + b"{}" + b" " * 100)
    with pytest.raises(UnreadableError, match="cut short inside its header"):
        open_weights(path)
    with pytest.raises(UnreadableError, match="is the limit"):
        open_weights(path, limits=Limits(max_header_bytes=10))
