"""Make a copy of this example in which the code is another: python tamper.py FOLDER

Somebody tidied up and writes the sum of the two branches the other way round. It is the same function of the same
layers, and no weight is touched; but Keras counts the layers of a model in the order in which it meets them, and
`load_weights` goes by these numbers.
"""

import shutil
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
BEFORE, AFTER = "([ink, strokes])", "([strokes, ink])"


def main(folder: Path) -> None:
    """Copy all that the gate needs, then change one line of the builder."""
    for name in ("models", "golden", "src"):
        shutil.copytree(HERE / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(HERE / "weight-gate.yml", folder)
    path = folder / "src/models.py"
    code = path.read_text("utf-8")
    if BEFORE not in code:
        raise SystemExit(f"{path} has no {BEFORE}")
    path.write_text(code.replace(BEFORE, AFTER), "utf-8")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    main(Path(sys.argv[1]))
