"""Ways to load, one module each: `LOADERS` maps what the parent asks for to who does it. Runs in the child."""

from gate.runtime.loaders.checkpoint import load_checkpoint
from gate.runtime.loaders.interface import Load
from gate.runtime.loaders.keras_model import load_keras_model, load_tf_keras_model
from gate.runtime.loaders.keras_weights import load_keras_weights
from gate.runtime.loaders.project_code import load_by_code
from gate.runtime.loaders.saved_model import load_saved_model
from gate.runtime.loaders.saver import load_saver

LOADERS: dict[str, Load] = {
    "keras": load_keras_model,
    "tf_keras": load_tf_keras_model,
    "weights": load_keras_weights,
    "checkpoint": load_checkpoint,
    "saved_model": load_saved_model,
    "saver": load_saver,
    "code": load_by_code,
}
