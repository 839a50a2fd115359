"""What one writes with h5py: python h5py_allclose.py REFERENCE CANDIDATE; exit 1 when they differ."""

import sys

import h5py
import numpy as np


def main(reference: str, candidate: str) -> int:
    """Compare every dataset of REFERENCE with the one of the same path."""
    with h5py.File(reference) as a, h5py.File(candidate) as b:
        paths: list[str] = []
        a.visititems(lambda path, item: paths.append(path) if isinstance(item, h5py.Dataset) else None)
        try:
            for path in paths:
                np.testing.assert_allclose(b[path][()], a[path][()], rtol=1e-6, atol=1e-8)
        except AssertionError as error:
            print(error)
            return 1
    print(f"{len(paths)} datasets agree")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(*sys.argv[1:]))
