"""Manifests, written in every way that people write YAML: what they say, and the text that says it."""

import json
from typing import Any

from hypothesis import strategies as st

from gate.manifest.yaml_scalars import plain

_NAMES = st.sampled_from(
    ["head/**", "**/moving_*", "block_{0..3}/kernel", "a b/kernel", "dense/bias", "é/π", "no: way #1"]
)
_NUMBERS = st.sampled_from([0, 1e-6, 1e-8, 0.5, 3, 1e-12])
_TOLERANCES = st.fixed_dictionaries({"rtol": _NUMBERS, "atol": _NUMBERS})
RULES = st.fixed_dictionaries({"match": _NAMES, "tolerance": _TOLERANCES})
_PREDICTIONS = st.fixed_dictionaries(
    {"inputs": st.just("x.npz"), "expected": st.sampled_from(["reference", "golden outputs.npz"])},
    optional={"tolerance": _TOLERANCES, "outputs": st.just(["a", "b"])},
)
_MODELS = st.fixed_dictionaries(
    {"weights": st.sampled_from(["m.keras", "models/a b.h5", "0x10", "ü.keras"])},
    optional={
        "reference": st.sampled_from(["golden.keras", {"git": "origin/main"}, {"git": "HEAD", "path": "b.keras"}]),
        "tensors": st.lists(RULES, max_size=3),
        "predictions": st.lists(_PREDICTIONS, min_size=1, max_size=2),
        "groups": st.just({"optimizer": "compare"}),
    },
)


def _named(models: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        {"name": f"m{index}", **model, **({} if "reference" in model else {"reference": "golden.keras"})}
        for index, model in enumerate(models)
    ]


MANIFESTS = st.fixed_dictionaries(
    {"version": st.just(1), "models": st.lists(_MODELS, min_size=1, max_size=3).map(_named)},
    optional={"defaults": st.fixed_dictionaries({"tolerance": _TOLERANCES})},
)


class _Writer:
    """Writes data as YAML, with a choice of the test's at every turn."""

    def __init__(self, draw: st.DrawFn) -> None:
        self.draw = draw
        self.step = draw(st.integers(1, 4))
        self.dash = draw(st.integers(0, 4))
        self.gap = draw(st.integers(1, 3))

    def one_of(self, *choices: Any) -> Any:
        return self.draw(st.sampled_from(choices))

    def remark(self) -> str:
        return str(self.one_of("", "", "", "  # a: remark, {odd} [one]", "   "))

    def between(self, indent: int) -> list[str]:
        return list(self.one_of([], [], [], [""], [" " * indent + "# - {match: x}"], ["# at the margin"]))

    def scalar(self, value: Any, flow: bool) -> str:
        if isinstance(value, str):
            quoted = [json.dumps(value, ensure_ascii=False), "'" + value.replace("'", "''") + "'"]
            bare = (
                plain(value) == value
                and not any(char in value for char in (",[]{}" if flow else ""))
                and ": " not in value
            )
            if bare and value[0] not in "*&!|>%@`#{[":
                quoted.append(value)
            return str(self.one_of(*quoted))
        return repr(value)

    def flow(self, value: Any) -> str:
        pad = str(self.one_of("", " "))
        if isinstance(value, dict):
            inside = ", ".join(f"{key}: {self.flow(each)}" for key, each in value.items())
            return "{" + pad + inside + str(self.one_of("", "," if inside else "")) + pad + "}"
        if isinstance(value, list):
            return "[" + pad + ", ".join(self.flow(each) for each in value) + pad + "]"
        return self.scalar(value, True)

    def lines(self, value: Any, indent: int) -> list[str]:
        """A block, from the column `indent`."""
        written: list[str] = []
        if isinstance(value, dict):
            for key, each in value.items():
                written += self.between(indent) if written else []
                written += self.under(f"{' ' * indent}{key}:", each, indent)
            return written
        for each in value:
            written += self.between(indent) if written else []
            dash = " " * indent + "-"
            if isinstance(each, dict) and each and self.one_of(True, False):
                inner = indent + 1 + self.gap
                block = self.lines(each, inner)
                written += [f"{dash}{' ' * self.gap}{block[0].lstrip()}", *block[1:]]
            else:
                written.append(f"{dash} {self.flow(each)}{self.remark()}")
        return written

    def under(self, head: str, value: Any, indent: int) -> list[str]:
        block = isinstance(value, dict | list) and value and self.one_of(True, True, False)
        if not block:
            one = self.flow(value) if isinstance(value, dict | list) else self.scalar(value, False)
            return [f"{head} {one}{self.remark()}"]
        inner = indent + (self.step if isinstance(value, dict) else self.dash)
        return [head + self.remark(), *self.between(inner), *self.lines(value, inner)]


@st.composite
def texts(draw: st.DrawFn) -> tuple[dict[str, Any], str]:
    """A manifest's data, and a text of it."""
    data = draw(MANIFESTS)
    writer = _Writer(draw)
    lines = [*writer.one_of([], ["# A comment"], ["---"], ["", "# é"]), *writer.lines(data, 0)]
    lines += writer.one_of([], ["# the end"], [""], ["..."])
    end = writer.one_of("\n", "\n", "\r\n")
    return data, writer.one_of("", "", "\ufeff") + end.join(lines) + writer.one_of(end, end, "")
