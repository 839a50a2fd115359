"""Make a copy of this example in which one number of the graph is another: python tamper.py FOLDER

The model was exported with the scaling of photographs, 1/255, where the scanner's pixels go from 0 to 16. The weights
are those that were trained, bit for bit: the number is a constant of the graph.
"""

import shutil
import struct
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
BEFORE, AFTER = (b"\x2a\x04" + struct.pack("<f", scale) for scale in (1 / 16, 1 / 255))
"""A float in a TensorProto: the field `float_val`, four bytes long."""


def main(folder: Path) -> None:
    """Copy all that the gate needs, then change the constant."""
    for name in ("models", "data", "src"):
        shutil.copytree(HERE / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(HERE / "weight-gate.yml", folder)
    path = folder / "models/digits/saved_model.pb"
    graph = path.read_bytes()
    if graph.count(BEFORE) != 1:
        raise SystemExit(f"{path} has the constant {graph.count(BEFORE)} times, not once")
    path.write_bytes(graph.replace(BEFORE, AFTER))


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    main(Path(sys.argv[1]))
