"""What one writes with TensorFlow for checkpoints: load_checkpoint.py REFERENCE CANDIDATE; exit 1 when they differ.

The paths are prefixes. Every tensor is read with `tf.train.load_checkpoint` and compared with `np.allclose`.
"""

import sys

import numpy as np
import tensorflow as tf


def main(reference: str, candidate: str) -> int:
    """Compare every tensor of REFERENCE with the one of the same key."""
    ours, theirs = tf.train.load_checkpoint(candidate), tf.train.load_checkpoint(reference)
    keys = [key for key in theirs.get_variable_to_shape_map() if key != "_CHECKPOINTABLE_OBJECT_GRAPH"]
    same = all(np.allclose(ours.get_tensor(key), theirs.get_tensor(key), rtol=1e-6, atol=1e-8) for key in keys)
    print(f"{len(keys)} tensors {'agree' if same else 'differ'}")
    return 0 if same else 1


if __name__ == "__main__":
    raise SystemExit(main(*sys.argv[1:]))
