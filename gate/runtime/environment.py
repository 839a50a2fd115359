"""The environment that a child gets: what it needs to find its libraries, threads and devices, and nothing else."""

import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from gate.interpreter import IMPORTS, imports, searched

_NEEDED = re.compile(
    r"LANG|LC_\w+|TZ"
    r"|(OPENBLAS|OMP|GOMP|MKL|KMP|BLIS|GOTO|XLA|CUDA|CUDNN|NVIDIA|NCCL)_\w+"
    # TensorFlow's own: Terraform's names begin with TF_ too, and its TF_VAR_… hold secrets.
    r"|TF_(AUTOTUNE|CPP|CUBLAS|CUDA|CUDNN|DETERMINISTIC|DISABLE|ENABLE|FORCE|GPU|MKL|NUM|ONEDNN|OVERRIDE|USE|XLA)_\w+"
)
_SECRET = re.compile(r"TOKEN|SECRET|PASSW|KEY|CREDENTIAL|AUTH", re.IGNORECASE)
_IN_SCRATCH = {
    "HOME": "home",
    "TMPDIR": "tmp",
    "KERAS_HOME": "home/keras",
    "XDG_CACHE_HOME": "home/cache",
    "MPLCONFIGDIR": "home/matplotlib",
}


def scrubbed(
    environment: Mapping[str, str], scratch: Path, device: str, untrusted: Iterable[Path] = ()
) -> dict[str, str]:
    """What of `environment` a child may see, with its homes made below `scratch`, for `device` `auto`, `cpu` or `gpu`.

    Reproducible (no hash seed) and silent but for warnings; programs, libraries and packages are looked for neither in
    the folder it runs in nor in `untrusted` ones. Packages: by the code that `gate.interpreter.command` runs.
    """
    kept = {name: value for name, value in environment.items() if _NEEDED.fullmatch(name) and not _SECRET.search(name)}
    untrusted = tuple(untrusted)
    kept |= searched(environment, untrusted)
    homes = {name: scratch / below for name, below in _IN_SCRATCH.items()}
    for home in homes.values():
        home.mkdir(parents=True, exist_ok=True)
    hidden = {"CUDA_VISIBLE_DEVICES": "-1"} if device == "cpu" else {}
    return {
        **kept,
        **{name: str(home) for name, home in homes.items()},
        IMPORTS: os.pathsep.join(imports(environment, untrusted)),
        # Semaphores lie in /dev/shm, which is closed to it; joblib would say so on every import.
        "JOBLIB_MULTIPROCESSING": "0",
        "KERAS_BACKEND": "tensorflow",
        "OPENBLAS_NUM_THREADS": "1",  # more of them start with numpy, before the process is confined
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONFAULTHANDLER": "1",  # where it was when it crashed
        "PYTHONHASHSEED": "0",
        "PYTHONSAFEPATH": "1",
        "PYTHONUNBUFFERED": "1",  # what it printed last is out when it crashes
        "PYTHONUTF8": "1",
        "TF_CPP_MIN_LOG_LEVEL": "1",
        **hidden,
    }
