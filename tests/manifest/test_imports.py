"""Reading a manifest is quick: it imports neither numpy nor a framework."""

import subprocess
import sys
from pathlib import Path

_SCRIPT = """
import sys
from pathlib import Path
from gate.manifest import load_manifest
load_manifest(Path(sys.argv[1]))
loaded = {name.split(".")[0] for name in sys.modules}
heavy = loaded & {"numpy", "h5py", "tensorflow", "keras", "rich", "jsonschema", "ml_dtypes"}
print(sorted(heavy), end="")
"""


def test_no_heavy_import(tmp_path: Path) -> None:
    path = tmp_path / "weight-gate.yml"
    path.write_text("version: 1\nmodels:\n  - weights: a.h5\n    tensors: [{match: x, values: [1]}]\n")
    done = subprocess.run(
        [sys.executable, "-c", _SCRIPT, str(path)],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "[]"
