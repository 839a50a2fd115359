"""Values of options: a text in, a number out, or an `ArgumentTypeError` that says what was expected."""

import argparse

_UNITS = {"K": 1024, "M": 1024**2, "G": 1024**3, "T": 1024**4}


def _number(text: str, meant: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not {meant}") from None


def tolerance_part(text: str) -> float:
    value = _number(text, "a number")
    if not 0 <= value < float("inf"):
        raise argparse.ArgumentTypeError("a tolerance is a finite number, 0 or greater")
    return value


def seconds(text: str) -> float:
    value = _number(text, "a number of seconds, like 900")
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError("a number of seconds, greater than 0")
    return value


def size_in_bytes(text: str) -> int:
    number, unit = (text[:-1], text[-1].upper()) if text[-1:].upper() in _UNITS else (text, "")
    value = _number(number, "a size like 500M or 2G") * _UNITS.get(unit, 1)
    if not 0 < value < 1 << 62:
        raise argparse.ArgumentTypeError("a size like 500M or 2G")
    return int(value)


def threads(text: str) -> int:
    value = int(text) if text.isdecimal() else 0
    if not 1 <= value <= 1024:
        raise argparse.ArgumentTypeError("between 1 and 1024 threads")
    return value


def whole_number(text: str) -> int:
    """A seed."""
    if not text.isdecimal() or len(text) > 18:
        raise argparse.ArgumentTypeError("a whole number of up to 18 digits")
    return int(text)


def at_least_one(text: str) -> int:
    value = int(text) if text.isdecimal() and len(text) < 8 else 0
    if not 1 <= value <= 1_000_000:
        raise argparse.ArgumentTypeError("a whole number between 1 and 1,000,000")
    return value


def share_of_one(text: str) -> float:
    value = _number(text, "a share, like 0.95")
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError("a share between 0 and 1")
    return value


def repeats(text: str) -> int:
    value = int(text) if text.isdecimal() and len(text) < 8 else 0
    if not 1 <= value <= 1000:
        raise argparse.ArgumentTypeError("a whole number between 1 and 1,000")
    return value


def margin(text: str) -> float:
    value = _number(text, "a number, like 10")
    if not 1 <= value <= 1_000_000:
        raise argparse.ArgumentTypeError("a number between 1 and 1,000,000: less would not cover what was measured")
    return value
