"""Row 14: a TF1 "optimistic restore" takes the variables that fit and skips the others (tensorflow #312).

The head was renamed since the checkpoint was written, so it keeps its random start; nothing is raised or logged.

False green: every variable that *was* asked for arrives, and the loader returns plain arrays that no sentinel can
be put into, so only a tag that is missing tells. The head's bias starts from zeros, as many trained ones nearly
are.
"""

from pathlib import Path

from failures.rows import Verdict, arrays, code, listening, write

ROW = 14
LOUD = None
ALLOW_CODE = True
EXPECT = Verdict(
    check="restore",
    kinds={"not-restored", "not-loaded"},
    says=("classifier/kernel", "classifier/bias", "logits/kernel", "logits/bias"),
)

GRAPH = """
    import tensorflow as tf

    v1 = tf.compat.v1


    def dense(scope, units, inputs):
        with v1.variable_scope(scope):
            kernel = v1.get_variable("kernel", (inputs, units))
            bias = v1.get_variable("bias", (units,), initializer=v1.zeros_initializer())
        return kernel, bias


    def variables():
        dense("features", 4, 3)
        dense("{head}", 2, 4)
        return v1.global_variables()
"""
SERVE = """


    def optimistic_restore(session, prefix):
        saved = tf.train.load_checkpoint(prefix).get_variable_to_shape_map()
        fits = [each for each in v1.global_variables() if saved.get(each.op.name) == each.shape.as_list()]
        v1.train.Saver(fits).restore(session, prefix)


    def load(path):
        with tf.Graph().as_default() as graph, v1.Session(graph=graph) as session:
            found = variables()
            session.run(v1.global_variables_initializer())
            optimistic_restore(session, path)
            return {each.op.name: session.run(each) for each in found}
"""


def make(folder: Path) -> None:
    write(
        folder,
        {
            "src/train.py": GRAPH.replace("{head}", "logits"),
            "src/serve.py": GRAPH.replace("{head}", "classifier") + SERVE,
            "weight-gate.yml": """
                version: 1
                models:
                  - weights: run/model.ckpt-100
                    load: {code: "src/serve.py:load"}
            """,
        },
    )
    import tensorflow as tf

    v1 = tf.compat.v1
    with tf.Graph().as_default() as graph, v1.Session(graph=graph) as session:
        for number, variable in enumerate(code(folder, "src/train.py").variables(), 1):
            numbers = tf.reshape(tf.range(variable.shape.num_elements()), variable.shape)
            session.run(variable.assign(number + tf.cast(numbers, tf.float32) / 8))
        v1.train.Saver().save(session, str(folder / "run" / "model.ckpt"), global_step=100)


def naive(folder: Path) -> None:
    import numpy as np
    import tensorflow as tf

    prefix = str(folder / "run" / "model.ckpt-100")
    with listening() as heard:
        restored = code(folder, "src/serve.py").load(prefix)
    assert not heard
    saved = tf.train.load_checkpoint(prefix)
    names = set(saved.get_variable_to_shape_map())
    assert len(restored) == len(names)
    assert all(np.isfinite(array).all() for array in arrays(restored.values()))
    assert all(np.array_equal(restored[name], saved.get_tensor(name)) for name in names & set(restored))
