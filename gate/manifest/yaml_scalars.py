"""Plain scalars of YAML 1.2's core schema: what `1e-6`, `no`, `1:30` and `017` are without quotes."""

import math
import re
from typing import Any

_NULL = re.compile(r"~|null|Null|NULL|")
_BOOL = re.compile(r"true|True|TRUE|false|False|FALSE")
_DECIMAL = re.compile(r"[-+]?[0-9]+")
_OCTAL = re.compile(r"0o[0-7]+")
_HEX = re.compile(r"0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_INF = re.compile(r"[-+]?(?:\.inf|\.Inf|\.INF)")
_NAN = re.compile(r"\.nan|\.NaN|\.NAN")

# No tensor holds a whole number beyond these.
_LEAST, _MOST = -(2**63), 2**64 - 1
_LONGEST = 400  # digits; beyond it a number is a mistake, and Python refuses to read it


def plain(text: str) -> Any:
    """The value of an untagged, unquoted scalar; raises `ValueError` for a number that cannot be held."""
    if _NULL.fullmatch(text):
        return None
    if _BOOL.fullmatch(text):
        return text[0] in "tT"
    if _is_integer(text):
        return _integer(text)
    if _is_float(text):
        return _float(text)
    return text


def tagged(text: str, kind: str) -> Any:
    """The value of a scalar with the tag `!!kind`; raises `ValueError` where the text is no such thing."""
    if kind == "str":
        return text
    if kind == "null" and _NULL.fullmatch(text):
        return None
    if kind == "bool" and _BOOL.fullmatch(text):
        return text[0] in "tT"
    if kind == "int" and _is_integer(text):
        return _integer(text)
    if kind == "float" and _is_float(text):
        return _float(text)
    raise ValueError(f"the text is no !!{kind}")


def _is_integer(text: str) -> bool:
    return bool(_DECIMAL.fullmatch(text) or _OCTAL.fullmatch(text) or _HEX.fullmatch(text))


def _is_float(text: str) -> bool:
    return bool(_FLOAT.fullmatch(text) or _INF.fullmatch(text) or _NAN.fullmatch(text))


def _integer(text: str) -> int:
    if len(text) > _LONGEST:
        raise ValueError("a number of too many digits")
    base = 8 if text.startswith("0o") else 16 if text.startswith("0x") else 10
    value = int(text, base)
    if not _LEAST <= value <= _MOST:
        raise ValueError("a whole number beyond 64 bits: as a float, write it like 1e+20")
    return value


def _float(text: str) -> float:
    if text[-1] in "nNfF":
        return math.nan if text[-1] in "nN" else -math.inf if text[0] == "-" else math.inf
    if len(text) > _LONGEST:
        raise ValueError("a number of too many digits")
    value = float(text)
    if math.isinf(value):
        raise ValueError("a number beyond float64's range: infinity is written .inf")
    return value


def boolean_advice(text: str, quotes: bool) -> str:
    """What to write instead, where `text` was read as a text and a boolean was expected."""
    word = text.strip().lower()
    for meant, words in (("false", ("no", "off", "n")), ("true", ("yes", "on", "y"))):
        if word in words:
            return f"`{word}` is a text in YAML 1.2: write {meant}"
        if word == meant:
            return "in quotes it is a text: remove the quotes" if quotes else f"write {meant}"
    return ""


def number_advice(text: str, quotes: bool) -> str:
    """What to write instead, where `text` was read as a text and a number was expected: YAML 1.1 and others differ."""
    word = text.strip().lower()
    if len(word) > _LONGEST:
        return ""
    if word.lstrip("+-") in ("inf", "nan", "infinity"):
        return "write .nan" if word.endswith("nan") else f"write {'-' if word[0] == '-' else ''}.inf"
    if quotes and (_is_integer(text) or _is_float(text)):
        return "a number in quotes is a text: remove the quotes"
    if re.fullmatch(r"[-+]?[0-9][0-9_]*_[0-9_.]*", text):
        return f"YAML 1.2 numbers have no underscores: write {text.replace('_', '')}"
    if re.fullmatch(r"[-+]?0([xX][0-9a-fA-F]+|[oO][0-7]+|[bB][01]+)", text):
        return f"YAML 1.2 does not read this as a number: write {int(text, 0)}"
    if re.fullmatch(r"[-+]?[0-9]+,[0-9]+", text):
        return f"a decimal point is a point: write {text.replace(',', '.')}"
    if re.fullmatch(r"[-+]?[0-9.]+ ?%", text):
        return "a share is written as a number, 5 % as 0.05"
    return ""
