"""Where in the manifest things stand: by key, which is closer than the line of a whole rule."""

from gate.manifest import LoadedManifest
from gate.plan import ModelPlan
from gate.position import Position
from gate.tensors.rules import Rule


class Lines:
    """The places of one model's keys."""

    def __init__(self, loaded: LoadedManifest, plan: ModelPlan) -> None:
        self._loaded = loaded
        models = range(len(loaded.manifest.models))
        at = plan.positions["weights"]
        self._index = next(index for index in models if loaded.position("models", index, "weights") == at)
        entry = loaded.manifest.models[self._index]
        self._rules = {self.of("tensors", number): number for number in range(len(entry.tensors))}

    def of(self, *keys: str | int) -> Position:
        """A key of the model; where it is left out, what contains it."""
        return self._loaded.position("models", self._index, *keys)

    def top(self, *keys: str) -> Position:
        """A key of the manifest itself."""
        return self._loaded.position(*keys)

    def rule(self, rule: Rule, key: str) -> Position | None:
        """What a rule says under `key`."""
        if rule.position is None or rule.position not in self._rules:
            return rule.position
        return self.of("tensors", self._rules[rule.position], key)
