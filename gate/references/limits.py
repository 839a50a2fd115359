"""What getting a file from an address may take."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """What one download may take. The time is for all tries together."""

    most_bytes: int = 20 * 1024**3
    seconds: float = 3600.0
    stall_seconds: float = 60.0
    least_bytes: int = 64 * 1024
    """In `stall_seconds`: less than that is no progress."""
    tries: int = 3
    pause_seconds: float = 2.0
    """After the first try; four times that after the second."""
