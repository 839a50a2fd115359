"""What reading one file may cost."""

from dataclasses import dataclass
from pathlib import Path

_MIB = 1024**2
_GIB = 1024**3


@dataclass(frozen=True)
class Limits:
    """What reading one file may cost. The defaults fit every model that fits a disk and no bomb.

    Data stored as it is needs no limit: all of it together has to fit the file. What is *expanded* (compressed
    chunks, deflated zip members) may grow to `max_ratio` times the file or to `free_expansion` bytes, whichever is
    more, and never beyond `max_expanded_bytes`.
    """

    max_ratio: int = 200
    free_expansion: int = 256 * _MIB
    max_expanded_bytes: int = 256 * _GIB
    max_chunk_bytes: int = 256 * _MIB
    max_objects: int = 1_000_000
    max_depth: int = 64
    max_members: int = 100_000
    max_directory_bytes: int = 64 * _MIB
    max_config_bytes: int = 64 * _MIB
    max_header_bytes: int = 100_000_000  # the safetensors specification's own
    max_attribute_bytes: int = 64 * _MIB
    max_name_bytes: int = 64 * 1024
    max_text_bytes: int = _GIB
    """What the texts of one tensor may take in memory: they are objects, which cannot be mapped."""
    small_bytes: int = 64 * 1024
    """Decoded tensors up to this size stay in memory; larger ones go to an unlinked temporary file."""
    piece_bytes: int = 8 * _MIB
    """How much is decoded at a time."""
    scratch: Path | None = None
    """Where temporary files lie; None is the system's folder for them (`TMPDIR`)."""

    def may_expand(self, stored: int) -> int:
        """How many bytes may come out of a file of `stored` bytes."""
        return min(self.max_expanded_bytes, max(self.free_expansion, self.max_ratio * stored))
