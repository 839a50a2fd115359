"""Child: which device computes, with how many threads, and what else decides the last bits of a prediction."""

import os
from typing import Any

from gate.runtime.loaders.interface import Refused


def prepare(device: str, threads: int | None) -> None:
    """Sets up TensorFlow before anything is computed; raises `Refused` where a GPU is asked for and there is none."""
    import tensorflow as tf

    if threads:
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(threads)
    gpus = tf.config.list_physical_devices("GPU") if device != "cpu" else []
    if device == "gpu" and not gpus:
        raise Refused(
            "`device: gpu` was asked for, and TensorFlow sees none here",
            "run on a machine with a GPU and its drivers, or say `device: auto`",
        )
    for gpu in gpus:
        tf.config.experimental.set_memory_growth(gpu, True)
    if gpus:  # a processor is deterministic as it is
        tf.config.experimental.enable_op_determinism()


def described(device: str) -> dict[str, Any]:
    """What every report says of how was computed."""
    import keras
    import tensorflow as tf

    gpus = tf.config.list_physical_devices("GPU") if device != "cpu" else []
    on_gpu = bool(gpus)
    named = [str(tf.config.experimental.get_device_details(gpu).get("device_name", "GPU")) for gpu in gpus]
    return {
        "tensorflow": str(tf.__version__),
        "keras": str(keras.__version__),
        "device": ", ".join(named) if on_gpu else "cpu",
        "on_gpu": on_gpu,
        "onednn": "off" if os.environ.get("TF_ENABLE_ONEDNN_OPTS") == "0" else "on",
        "tf32": "on" if on_gpu and tf.config.experimental.tensor_float_32_execution_enabled() else "off",
        "threads": tf.config.threading.get_intra_op_parallelism_threads() or len(os.sched_getaffinity(0)),
    }
