"""The kinds of values that a manifest holds, as annotated types: names, paths, globs, bounds, dates."""

import keyword
import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any, Literal, get_args
from urllib.parse import unquote, urlsplit

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    WithJsonSchema,
)
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from gate.globs import GlobError, glob_pattern
from gate.manifest.text import found, listed, quoted
from gate.manifest.values import checked_values

STATISTICS = ("mean", "std", "min", "max", "norm", "sparsity", "skewness", "kurtosis")

DType = Literal[
    "bool",
    "int4",
    "int8",
    "int16",
    "int32",
    "int64",
    "uint4",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
    "float16",
    "float32",
    "float64",
    "bfloat16",
    "float8_e3m4",
    "float8_e4m3",
    "float8_e4m3b11fnuz",
    "float8_e4m3fn",
    "float8_e4m3fnuz",
    "float8_e5m2",
    "float8_e5m2fnuz",
    "float8_e8m0fnu",
    "complex64",
    "complex128",
    "string",
]
DTYPES: tuple[str, ...] = get_args(DType)

Expectation = Literal["close", "identical", "changed", "any", "new", "removed", "ignored"]
Allowance = Literal["allowed", "forbidden"]
GroupMode = Literal["compare", "list"]
Device = Literal["auto", "cpu", "gpu"]
Loosening = Literal["allow", "warn", "fail"]
RoundtripFormat = Literal["keras", "weights.h5", "h5", "checkpoint", "saved_model"]
Agreement = Literal["argmax", "topk", "sign", "threshold"]

# In place of a path, in `expected`: what the reference, loaded the same way, gives.
REFERENCE_WORD = "reference"


def mistake(reason: str) -> PydanticCustomError:
    """An error in our own words; `reason` goes on after `models[0].name: `."""
    return PydanticCustomError("gate", "{reason}", {"reason": reason})


_CONTROL = re.compile("[\\x00-\\x1f\\x7f-\\x9f\\u2028\\u2029\\ud800-\\udfff]")


def _line(text: str) -> str:
    if not text.strip():
        raise mistake("expected a text, found an empty one")
    if _CONTROL.search(text):
        raise mistake(f"expected one line without control characters, found {quoted(text)}")
    return text


def _sentence(text: str) -> str:
    return _line(" ".join(text.split()))


def _glob(text: str) -> str:
    if not text:
        raise mistake("expected a glob, found an empty text")
    try:
        glob_pattern(text)
    except GlobError as error:
        raise mistake(f"the glob {quoted(text)} makes no sense: {error.msg}") from error
    return text


def _regex(text: str) -> str:
    if not text:
        raise mistake("expected a regular expression, found an empty text")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            re.compile(text)
    except (re.error, RecursionError, OverflowError) as error:
        raise mistake(f"the regular expression {quoted(text)} makes no sense: {error}") from error
    return text


_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def _day(value: Any) -> Any:
    if type(value) is date:
        return value
    if not isinstance(value, str) or not _DAY.fullmatch(value):
        raise mistake(f"expected a day like 2027-03-01, found {found(value)}")
    try:
        return date.fromisoformat(value)
    except ValueError as error:
        raise mistake(f"there is no such day as {quoted(value)}") from error


def _two(value: Any) -> Any:
    if type(value) is not int or value != 2:
        raise mistake(f"expected 2, found {found(value)}: Keras 2 is what tf-keras loads, and 3 is the default")
    return value


def _one(value: Any) -> Any:
    if type(value) is not int or value != 1:
        raise mistake(f"expected 1, found {found(value)}: this weight-gate reads version 1 of the manifest")
    return value


_HEXADECIMAL = re.compile(r"[0-9a-fA-F]{64}")


def _digest(text: str) -> str:
    if not re.fullmatch(r"sha256:[0-9a-fA-F]{64}", text):
        write = f": write sha256:{text}" if _HEXADECIMAL.fullmatch(text) else ""
        raise mistake(f"expected sha256: and 64 hexadecimal digits, found {quoted(text)}{write}")
    return text.lower()


def _dtype(value: Any) -> Any:
    if not isinstance(value, str) or value in DTYPES:
        return value
    meant = _DTYPE_SLIPS.get(value.lower(), "")
    if meant:
        raise mistake(f"no dtype of that name, did you mean {quoted(meant)}?")
    return value


_DTYPE_SLIPS = {
    "half": "float16",
    "float": "float32",
    "single": "float32",
    "double": "float64",
    "int": "int64",
    "long": "int64",
    "boolean": "bool",
    "str": "string",
    "object": "string",
    "bytes": "string",
}


def _values(data: Any) -> Any:
    try:
        return checked_values(data)
    except ValueError as error:
        raise mistake(str(error).removeprefix("values: ")) from error


_PLACEHOLDER = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")
PLACEHOLDERS = ("file", "stem")


_ELSEWHERE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://|git[:+@]|(HEAD|origin)[:/~^]")


def _reference(text: str) -> str:
    _line(text)
    if _ELSEWHERE.match(text):
        instead = "{url: …, sha256: …}" if "://" in text else "{git: …}, like {git: origin/main}"
        raise mistake(f"{quoted(text)} is no file: write {instead}")
    if "*" in text or "?" in text:
        raise mistake("a reference names one file, not a glob: {file} and {stem} stand for the name of the weight file")
    for place in _PLACEHOLDER.finditer(text):
        if place[0] not in ("{{", "}}") and place[1] not in PLACEHOLDERS:
            known = listed(["{" + name + "}" for name in PLACEHOLDERS], "and")
            raise mistake(f"unknown placeholder {quoted(place[0])}: known are {known}; a brace itself is written twice")
    return text


_GIT_REF = re.compile(r"(?!-)(?!.*(?:\.\.|@\{))[^\s:?*\[\\~^]+(?:[~^][0-9]*)*(?:\^\{(?:commit)?\})?")


def _git_ref(text: str) -> str:
    _line(text)
    if _GIT_REF.fullmatch(text):
        return text
    raise mistake(f"{quoted(text)} names no commit: {_git_advice(text)}")


def _git_advice(text: str) -> str:
    if ":" in text and not text.startswith(":"):
        return "the commit alone, and the file under `path`"
    if ".." in text:
        return "one commit, not a range"
    if "@{" in text:
        return "what a log of this machine alone knows is another one elsewhere"
    return "give a branch, a tag or a commit, like origin/main, v1.2 or HEAD~1"


URL_SCHEMES = ("https", "s3", "gs", "gcs")
_URL = re.compile(r"([a-z][a-z0-9+.-]*)://[!-~]+")
_ONE_OF_SEVERAL = re.compile(
    r"(?:\.index|\.meta|\.data-\d{5,}-of-\d{5,}|saved_model\.pb(?:txt)?|\.weights\.json|_\d{5}\.weights\.h5)$"
)


def _url(text: str) -> str:
    _line(text)
    address = quoted(re.split("[?#]", text)[0])  # what follows may be a signature
    written = _URL.fullmatch(text)
    try:
        parts = urlsplit(text)
        reached = bool(parts.hostname) and parts.port != 0
    except ValueError:
        reached = False
    if not written or not reached:
        raise mistake(f"expected an address like https://host/golden.keras, found {address}")
    if written[1] == "http":
        raise mistake("http is not encrypted: give an https address")
    if written[1] not in URL_SCHEMES:
        raise mistake(f"expected an address of https, s3 or gs, found {address}: fetch it in a step before the gate")
    if "@" in parts.netloc:
        raise mistake("an address with a user's name or password would be shown in reports: leave that out")
    name = unquote(parts.path.rpartition("/")[2])
    if not name:
        raise mistake(f"{address} names no file: a reference from an address is one file")
    if _ONE_OF_SEVERAL.search(name):
        raise mistake(f"{address} is one of several files: fetch all in a step before the gate, and give their path")
    if written[1] != "https" and (parts.query or parts.fragment):
        raise mistake(f"an address of {written[1]} is a bucket and a key, with nothing after it: the digest says which")
    return text


def _sha256(text: str) -> str:
    if not _HEXADECIMAL.fullmatch(text):
        digits = text.partition(":")[2]
        write = f": write the digits alone, {digits}" if _HEXADECIMAL.fullmatch(digits) else ""
        raise mistake(f"expected the 64 hexadecimal digits of the file's SHA-256, found {quoted(text)}{write}")
    return text.lower()


def fill_placeholders(text: str, file: str, stem: str) -> str:
    """`text` with `{file}` and `{stem}` filled in, and `{{` and `}}` as single braces."""
    known = {"{{": "{", "}}": "}", "{file}": file, "{stem}": stem}
    return _PLACEHOLDER.sub(lambda place: known.get(place[0], place[0]), text)


_CODE = re.compile(r"(?P<file>[^:]+\.py):(?P<function>[^:]+)")
_CODE_EXAMPLE = "PATH.py:FUNCTION, like src/models.py:build"


def _code(text: str) -> str:
    _line(text)
    written = _CODE.fullmatch(text)
    if not written or not all(_is_name(part) for part in written["function"].split(".")):
        raise mistake(f"expected {_CODE_EXAMPLE}, found {quoted(text)}{_code_advice(text)}")
    return text


def _is_name(word: str) -> bool:
    return word.isidentifier() and not keyword.iskeyword(word)


def _code_advice(text: str) -> str:
    if "::" in text:
        return ": one colon, not two"
    if text.endswith(")"):
        return ": the function's name alone, without brackets"
    if text.endswith(".py"):
        return ": say which function of the file"
    path, colon, _ = text.rpartition(":")
    if colon and path.isprintable() and path and "/" not in path and not path.endswith(".py"):
        return f": the file itself, {path.replace('.', '/')}.py, not a module's name"
    return ""


def split_code(text: str) -> tuple[str, str]:
    """The file and the function that `PATH.py:FUNCTION` names."""
    file, _, function = text.rpartition(":")
    return file, function


def _one_file(text: str) -> str:
    _line(text)
    if "://" in text:
        raise mistake(f"{quoted(text)} is no file: fetch it before the gate runs, and give its path")
    if "*" in text or "?" in text:
        raise mistake(f"expected the path of one file, found the glob {quoted(text)}")
    if any("{" + name + "}" in text for name in PLACEHOLDERS):
        raise mistake(f"{quoted(text)} has a placeholder: only a `reference` has those")
    return text


_DATA = (".npz", ".npy", ".json")


def _data(text: str) -> str:
    _one_file(text)
    if not text.endswith(_DATA):
        raise mistake(f"expected a path that ends in {listed(_DATA)}, found {quoted(text)}")
    return text


def _expected(text: str) -> str:
    if text == REFERENCE_WORD:
        return text
    if not text.endswith(_DATA):
        ends = listed(_DATA)
        raise mistake(f"expected {REFERENCE_WORD}, or a path that ends in {ends}, found {quoted(text)}")
    return _one_file(text)


def _within(least: float, most: float, what: str) -> Callable[[float], float]:
    def check(value: float) -> float:
        if not least <= value <= most:
            raise mistake(f"expected {what} from {least:g} to {most:g}, found the number {value:g}")
        return value

    return check


@dataclass(frozen=True)
class FalseOr:
    """Of a key that is false or what `inner` reads, `kinds` in Python.

    In place of a union, whose errors would tell of each of its members, and not where they stand.
    """

    inner: Any
    kinds: tuple[type, ...]
    expected: str
    default: str  # what true would ask for

    def __get_pydantic_core_schema__(self, _source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """False, or what `inner` reads."""
        return core_schema.no_info_wrap_validator_function(self._read, handler.generate_schema(self.inner))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """The same, for editors."""
        return {"anyOf": [{"const": False}, handler(schema)]}

    def _read(self, value: Any, inner: Callable[[Any], Any]) -> Any:
        if value is False:
            return value
        if value is True or (isinstance(value, str) and value.strip().lower() in ("true", "yes", "on")):
            raise mistake(f"{self.default} is the default: remove it")
        if not isinstance(value, self.kinds):
            raise mistake(f"expected {self.expected}, found {found(value)}")
        return inner(value)


Finite = Annotated[float, Field(allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Text = Annotated[str, AfterValidator(_line), Field(json_schema_extra={"minLength": 1})]
Sentence = Annotated[str, AfterValidator(_sentence), Field(json_schema_extra={"minLength": 1})]
Glob = Annotated[str, AfterValidator(_glob), Field(json_schema_extra={"minLength": 1})]
Regex = Annotated[str, AfterValidator(_regex), Field(json_schema_extra={"minLength": 1, "format": "regex"})]
ReferencePath = Annotated[str, AfterValidator(_reference), Field(json_schema_extra={"minLength": 1})]
GitRef = Annotated[str, AfterValidator(_git_ref), Field(json_schema_extra={"pattern": f"^{_GIT_REF.pattern}$"})]
Url = Annotated[
    str, AfterValidator(_url), Field(json_schema_extra={"pattern": f"^({'|'.join(URL_SCHEMES)})://[^\\s]*[^\\s/]$"})
]
Sha256 = Annotated[str, AfterValidator(_sha256), Field(json_schema_extra={"pattern": "^[0-9a-fA-F]{64}$"})]
Digest = Annotated[str, AfterValidator(_digest), Field(json_schema_extra={"pattern": "^sha256:[0-9a-fA-F]{64}$"})]
Day = Annotated[
    date,
    BeforeValidator(_day),
    WithJsonSchema({"type": "string", "format": "date", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"}),
]
One = Annotated[Literal[1], BeforeValidator(_one)]
Two = Annotated[Literal[2], BeforeValidator(_two)]
KnownDType = Annotated[DType, BeforeValidator(_dtype)]
Shape = Annotated[tuple[Annotated[int, Field(ge=0)], ...], Field(strict=False)]
InlineValues = Annotated[Any, AfterValidator(_values), WithJsonSchema({"title": "Values"})]
OneFile = Annotated[str, AfterValidator(_one_file), Field(json_schema_extra={"minLength": 1})]
DataFile = Annotated[str, AfterValidator(_data), Field(json_schema_extra={"pattern": r"\.(npz|npy|json)$"})]
ExpectedOutputs = Annotated[
    str, AfterValidator(_expected), Field(json_schema_extra={"pattern": rf"^{REFERENCE_WORD}$|\.(npz|npy|json)$"})
]
Code = Annotated[
    str, AfterValidator(_code), Field(json_schema_extra={"pattern": r"^[^:]+\.py:[^\s:().]+(\.[^\s:().]+)*$"})
]
Share = Annotated[
    Finite,
    AfterValidator(_within(0, 1, "a share")),
    Field(json_schema_extra={"minimum": 0, "maximum": 1}),
]
Cosine = Annotated[
    Finite,
    AfterValidator(_within(-1, 1, "a cosine")),
    Field(json_schema_extra={"minimum": -1, "maximum": 1}),
]
Count = Annotated[int, Field(ge=1)]
Seed = Annotated[int, Field(ge=0)]
