"""Train the model of this example, for real, with a graph and a session, as in TensorFlow 1: python make.py

    checkpoints/model.ckpt-600   what is in use: after 600 steps
    checkpoints/model.ckpt-660   what is to replace it: the same training, sixty steps on
    data/images.npz              a hundred test images

Each checkpoint is three files that `tf.train.Saver` writes: `.index` and `.data-…` hold the variables, `.meta` holds
the graph. Needs `tensorflow` and `scikit-learn`; takes well under a minute on a CPU.
"""

import shutil
from pathlib import Path

import numpy as np
import tensorflow.compat.v1 as tf
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

HERE = Path(__file__).resolve().parent
SEED = 9
BEFORE, AFTER = 600, 660


def dense(x: tf.Tensor, units: int, scope: str) -> tf.Tensor:
    """A layer as it was written then."""
    with tf.variable_scope(scope):
        weights = tf.get_variable("weights", [x.shape[1], units], initializer=tf.glorot_uniform_initializer(seed=SEED))
        biases = tf.get_variable("biases", [units], initializer=tf.zeros_initializer())
        return tf.nn.bias_add(tf.matmul(x, weights), biases, name="logits" if scope == "output" else None)


def build() -> tuple[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor, tf.Operation]:
    """Images, labels, logits, accuracy, one step of training."""
    images = tf.placeholder(tf.float32, [None, 64], name="images")
    labels = tf.placeholder_with_default(tf.constant([0], tf.int64), [None], name="labels")
    x = tf.nn.relu(dense(images, 48, "hidden1"))
    x = tf.nn.relu(dense(x, 32, "hidden2"))
    logits = dense(x, 10, "output")
    loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits))
    step = tf.train.get_or_create_global_step()
    train = tf.train.MomentumOptimizer(0.02, 0.9).minimize(loss, global_step=step)
    accuracy = tf.reduce_mean(tf.cast(tf.equal(tf.argmax(logits, 1), labels), tf.float32), name="accuracy")
    return images, labels, logits, accuracy, train


def main() -> None:
    """Train, and keep two checkpoints on the way."""
    tf.disable_v2_behavior()
    tf.set_random_seed(SEED)
    pixels, digits = load_digits(return_X_y=True)
    pixels = (pixels / 16.0).astype("float32")
    pixels, test_pixels, digits, test_digits = train_test_split(
        pixels, digits, test_size=0.25, stratify=digits, random_state=SEED
    )
    for name in ("checkpoints", "data"):
        shutil.rmtree(HERE / name, ignore_errors=True)
        (HERE / name).mkdir()
    images, labels, _, accuracy, train = build()
    saver = tf.train.Saver()
    random = np.random.default_rng(SEED)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for step in range(1, AFTER + 1):
            some = random.choice(len(pixels), 32, replace=False)
            session.run(train, {images: pixels[some], labels: digits[some]})
            if step in {BEFORE, AFTER}:
                saver.save(session, str(HERE / "checkpoints/model.ckpt"), global_step=step, write_state=False)
                right = session.run(accuracy, {images: test_pixels, labels: test_digits})
                print(f"checkpoints/model.ckpt-{step}: {right:.2%} of {len(test_digits)} test images read right")
    np.savez_compressed(HERE / "data/images.npz", images=test_pixels[:100])


if __name__ == "__main__":
    main()
