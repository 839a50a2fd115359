"""The environment that a child gets: what it needs to find its libraries, threads and devices, and nothing else."""

import os
import re
import site
import sysconfig
from collections.abc import Mapping
from pathlib import Path

_NEEDED = re.compile(
    r"PATH|LANG|LC_\w+|TZ|LD_LIBRARY_PATH"
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


def scrubbed(environment: Mapping[str, str], scratch: Path, device: str) -> dict[str, str]:
    """What of `environment` a child may see, with its homes made below `scratch`, for `device` `auto`, `cpu` or `gpu`.

    Reproducible (no hash seed) and silent but for warnings; nothing is imported from the folder it runs in.
    """
    kept = {name: value for name, value in environment.items() if _NEEDED.fullmatch(name) and not _SECRET.search(name)}
    homes = {name: scratch / below for name, below in _IN_SCRATCH.items()}
    for home in homes.values():
        home.mkdir(parents=True, exist_ok=True)
    hidden = {"CUDA_VISIBLE_DEVICES": "-1"} if device == "cpu" else {}
    return {
        **kept,
        **{name: str(home) for name, home in homes.items()},
        **_imports(environment),
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


def _imports(environment: Mapping[str, str]) -> dict[str, str]:
    """Where this process finds its packages, the child does too: also the user's own, although its home is another."""
    paths = [entry for entry in environment.get("PYTHONPATH", "").split(os.pathsep) if Path(entry).is_absolute()]
    ours = str(Path(__file__).resolve().parents[2])
    if ours not in {*paths, *(sysconfig.get_path(each) for each in ("purelib", "platlib"))}:
        paths.append(ours)
    return {
        **({"PYTHONPATH": os.pathsep.join(paths)} if paths else {}),
        **({"PYTHONUSERBASE": site.getuserbase()} if site.ENABLE_USER_SITE else {}),
    }
