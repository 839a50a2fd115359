"""Words that every part puts the same way."""


def counted(count: int, noun: str) -> str:
    """`1 tensor`, `12 tensors`, `1,204 tensors`."""
    return f"{count:,} {noun}" + ("" if count == 1 else "s")
