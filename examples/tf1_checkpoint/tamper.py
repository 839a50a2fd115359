"""Make a copy of this example in which the candidate is wrong in two ways: python tamper.py FOLDER

The rows of `hidden2/weights` have changed places, as when the units of the layer before were counted otherwise: mean,
deviation and all other moments stay what they were. And one weight of a pixel that is blank in every image has run
away: the model computes what it did before. Needs TensorFlow, which writes the checkpoint.
"""

import shutil
import sys
from pathlib import Path

import numpy as np
import tensorflow.compat.v1 as tf

HERE = Path(__file__).resolve().parent
CANDIDATE = "checkpoints/model.ckpt-660"
BLANK = 0
"""The pixel in the corner."""


def main(folder: Path) -> None:
    """Copy the manifest and the files, then restore, change and save the candidate."""
    for name in ("checkpoints", "data"):
        shutil.copytree(HERE / name, folder / name)
    shutil.copy(HERE / "weight-gate.yml", folder)
    tf.disable_v2_behavior()
    with tf.Session() as session:
        saver = tf.train.import_meta_graph(str(HERE / f"{CANDIDATE}.meta"))
        saver.restore(session, str(HERE / CANDIDATE))
        held = {variable.op.name: variable for variable in tf.global_variables()}
        rows = session.run(held["hidden2/weights"])
        held["hidden2/weights"].load(np.random.default_rng(1).permutation(rows), session)
        weights = session.run(held["hidden1/weights"])
        weights[BLANK, 7] = 4.0
        held["hidden1/weights"].load(weights, session)
        saver.save(session, str(folder / CANDIDATE), write_meta_graph=False, write_state=False)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    main(Path(sys.argv[1]))
