"""The digest of a file, or of the files that are one model together."""

import hashlib
from collections.abc import Iterable
from pathlib import Path

from gate.errors import UnreadableError


def digest_of(files: Iterable[Path]) -> str:
    """`sha256:…` of one file's bytes; of several, of the lines that `sha256sum` prints for them, sorted by name."""
    digests = {path.name: _sha256(path) for path in files}
    if not digests:
        raise ValueError("a digest of no files would say nothing")
    if len(digests) == 1:
        return f"sha256:{next(iter(digests.values()))}"
    lines = "".join(f"{digests[name]}  {name}\n" for name in sorted(digests))
    return f"sha256:{hashlib.sha256(lines.encode(errors='surrogateescape')).hexdigest()}"


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise UnreadableError(
            f"{path.name} could not be read: {error.strerror}", "check the file's permissions"
        ) from error
