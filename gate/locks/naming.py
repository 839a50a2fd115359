"""What a lock is called: one rule for all that propose one."""

from gate.manifest.crosscheck import stem

SUFFIX = ".lock.yml"


def lock_name(file: str, by_stem: bool = True) -> str:
    """`cnn.lock.yml` for `cnn.keras`; `cnn.keras.lock.yml` where another file of the folder has the same stem."""
    own = stem(file) if by_stem else file
    return f"{own or file.lstrip('.')}{SUFFIX}"
