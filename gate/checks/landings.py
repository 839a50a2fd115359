"""Who landed where, and who should have: what is wrong of each tensor of a file, and of each variable.

A tensor is right where it landed in the variable of its name; copies of it elsewhere are fine, as long as that is no
other tensor's place. A variable is right where it holds such a tensor. Where names leave a choice, tensors are taken as
they landed. Tensors of texts and empty ones carry no tag and go by their names.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

from gate.asked import Loading, Waiver
from gate.checks.evidence import Landing, Restored
from gate.checks.wording import kind_of
from gate.position import Position
from gate.results import Finding
from gate.tensors.weightset import Group

NOT_LOADED, NOT_RESTORED, ELSEWHERE = "not-loaded", "not-restored", "restored-elsewhere"
_NOWHERE = Landing(None)
_MOST_NAMED = 3


@dataclass(frozen=True)
class Trouble:
    """A finding, and all that it is about: a tensor of the file, variables, or both."""

    finding: Finding
    tensor: str | None = None
    variables: tuple[str, ...] = ()
    strangers: tuple[str, ...] = ()
    """Variables of other names that hold the tensor: a waiver may say that they are right."""

    @property
    def names(self) -> tuple[str, ...]:
        """What a waiver may call it by."""
        named = (*self.variables, *self.strangers)
        return named if self.tensor is None else (self.tensor, *named)


def active(loading: Loading) -> Iterator[Waiver]:
    """The waivers whose day has not passed."""
    return (each for each in loading.waivers if not each.expired(loading.today))


def is_waived(names: Iterable[str], loading: Loading) -> bool:
    """Whether restoring is not asked for, of something with these names."""
    waivers = tuple(active(loading))
    return any(each.matches(name) for name in names for each in waivers)


@dataclass(frozen=True)
class Account:
    """What was asked for, and what became of it. `at` is the line of the manifest for findings."""

    restored: Restored
    loading: Loading
    groups: frozenset[Group]
    at: Position | None

    @cached_property
    def home_of(self) -> dict[str, str]:
        """By variable the tensor of its name."""
        return {variable: tensor for tensor, variable in self.restored.home.items()}

    @cached_property
    def landed_in(self) -> dict[str, list[str]]:
        """The variables that a tensor landed in."""
        found: dict[str, list[str]] = {}
        for variable in self.restored.variables:
            if (tensor := self._landing(variable).tensor) is not None:
                found.setdefault(tensor, []).append(variable)
        return found

    @cached_property
    def asked_tensors(self) -> tuple[str, ...]:
        """The file's tensors of the compared groups that have to arrive; `left` ones stay behind by the manifest."""
        return tuple(name for name in self._of_groups if self._wanted(name))

    @cached_property
    def _asked(self) -> frozenset[str]:
        return frozenset(self.asked_tensors)

    @property
    def left(self) -> tuple[str, ...]:
        """Tensors that stay in the file, as the manifest says."""
        return tuple(name for name in self._of_groups if not self._wanted(name))

    @cached_property
    def asked_variables(self) -> tuple[str, ...]:
        """The variables that have to come from the file."""
        return tuple(name for name in self.restored.variables if self._counts(name) and self._from_the_file(name))

    @cached_property
    def kept(self) -> tuple[str, ...]:
        """The variables that have to stay as they were built, as the manifest says."""
        return tuple(name for name in self.restored.variables if self._counts(name) and not self._from_the_file(name))

    @property
    def tables(self) -> tuple[str, ...]:
        """Tensors of lookup tables: nothing shows what became of them."""
        return tuple(name for name in self.restored.tables if name not in self.restored.home)

    def troubles(self) -> Iterator[Trouble]:
        """What did not land, or landed in the wrong place; then the variables that are not the file's, or are."""
        told: set[str] = set()
        for name in self.asked_tensors:
            for trouble in self._of_tensor(name):
                told.update(trouble.variables)
                if not is_waived(trouble.names, self.loading):
                    told.update(self.landed_in.get(name, ()))
                yield trouble
        for name in self.asked_variables:
            if name not in told:
                yield from self._of_variable(name)
        for name in self.kept:
            yield from self._of_kept(name)

    def pairs(self) -> Iterator[tuple[str, str]]:
        """(variable, tensor that it has to be equal to), of all that landed and was asked for."""
        kept = frozenset(self.kept)
        for variable in self.restored.variables:
            tensor = self._landing(variable).tensor
            if tensor is None and self._untagged(self.home_of.get(variable)):
                tensor = self.home_of[variable]
            if tensor in self._asked and variable not in kept:
                yield variable, tensor

    def is_written(self, variable: str) -> bool:
        """Whether the load filled a variable: with one tensor of the file, or, where names alone tell, as they tell."""
        if self._landing(variable).tensor is not None or not self.restored.variables[variable].size:
            return True
        return self._untagged(self.home_of.get(variable))

    # What was asked for.

    @cached_property
    def _of_groups(self) -> tuple[str, ...]:
        tables = frozenset(self.tables)
        tensors = self.restored.tensors.items()
        return tuple(name for name, tensor in tensors if tensor.group in self.groups and name not in tables)

    def _wanted(self, tensor: str) -> bool:
        home = self.restored.home.get(tensor)
        if home is not None:
            return self._from_the_file(home)
        return any(map(self._from_the_file, (tensor, *self.landed_in.get(tensor, ()))))

    def _from_the_file(self, variable: str) -> bool:
        return self.loading.comes_from_the_file(variable)

    def _counts(self, variable: str) -> bool:
        """Whether a variable is of the compared groups; states of generators that no file holds are of none."""
        tensor = self.home_of.get(variable)
        if tensor is not None:
            return self.restored.tensors[tensor].group in self.groups
        group = self.restored.variables[variable].group
        return group is not Group.RNG and group in self.groups

    # What became of it.

    def _landing(self, variable: str) -> Landing:
        return self.restored.landed.get(variable, _NOWHERE)

    def _untagged(self, tensor: str | None) -> bool:
        return tensor is not None and (tensor in self.restored.texts or not self.restored.tensors[tensor].size)

    def _of_tensor(self, name: str) -> Iterator[Trouble]:
        home, found = self.restored.home.get(name), self.landed_in.get(name, [])
        if self._untagged(name):
            if home not in self.restored.variables:
                yield self._lost(name, home)
        elif not found:
            yield self._lost(name, home)
        elif home is not None:
            if home not in found:
                yield self._elsewhere(name, home, found)
        elif strangers := [each for each in found if each not in self.home_of]:
            if name not in self.restored.uncertain:
                yield self._renamed(name, strangers)
        else:
            yield self._elsewhere(name, None, found)

    def _of_variable(self, name: str) -> Iterator[Trouble]:
        tensor = self._landing(name).tensor
        if not self.is_written(name):
            yield self._unwritten(name)
        elif tensor is not None and (tensor not in self._asked or self._is_waived_stranger(name, tensor)):
            yield self._foreign(name, tensor)

    def _is_waived_stranger(self, variable: str, tensor: str) -> bool:
        """Whether a variable holds a tensor of another place, of which a waiver says that it need not be restored."""
        return self.restored.home.get(tensor) != variable and is_waived((tensor,), self.loading)

    @property
    def copies(self) -> tuple[str, ...]:
        """Variables of no tensor's name that hold one which is at home elsewhere; objects with keys are left out."""
        return tuple(
            name
            for name in self.asked_variables
            if name not in self.home_of
            and not self.restored.variables[name].stored_as
            and (tensor := self._landing(name).tensor) is not None
            and self.restored.home.get(tensor) in self.landed_in.get(tensor, ())
        )

    def _of_kept(self, name: str) -> Iterator[Trouble]:
        landing = self._landing(name)
        if landing.tensor is not None or landing.parts:
            yield self._not_new(name)

    # In words.

    def _lost(self, name: str, home: str | None) -> Trouble:
        details = []
        if home is not None:
            details.append(f"the variable {home} {self._holds(home)}")
            details += self._other_kind(name, home)
        elif name in self.restored.uncertain:
            details.append("it could be one of several variables, and its name does not tell which")
        else:
            details.append("no variable of the model has its name")
        parts = [each for each in self.restored.variables if name in self._landing(each).parts]
        if parts:
            details.append(f"parts of it are in {_listed(parts)}")
        finding = Finding(
            NOT_LOADED,
            "the load put it into no variable",
            tensor=name,
            details=tuple(details),
            hint="loading succeeded without it: see that the model and the loader fit the file",
            severity=1.0,
            position=self.at,
        )
        return Trouble(finding, name, (home,) if home is not None else ())

    def _other_kind(self, name: str, home: str) -> Iterator[str]:
        """What tells most often why a loader left a tensor out."""
        if (variable := self.restored.variables.get(home)) is not None:
            ours, theirs = kind_of(variable), kind_of(self.restored.tensors[name])
            if ours != theirs:
                yield f"the variable is {ours}, the file has {theirs}"

    def _elsewhere(self, name: str, home: str | None, found: list[str]) -> Trouble:
        there = found[0]
        details = []
        if home is not None:
            other = self._landing(home).tensor
            if other is not None and self.restored.home.get(other) == there:
                details.append(f"swapped: {home} holds what the file has as {other}")
            else:
                details.append(f"{home} {self._holds(home)}")
        else:
            details.append(f"no variable has its name, and {there} has that of the file's {self.home_of[there]}")
        finding = Finding(
            ELSEWHERE,
            f"it landed in {there}" + (f", not in {home}" if home is not None else ""),
            tensor=name,
            details=tuple(details),
            hint="the loader goes by order, class or path where it should go by name: "
            "build the layers in the order of the file, or save the file from this model",
            severity=2.0,
            position=self.at,
        )
        return Trouble(finding, name, (home,) if home is not None else ())

    def _renamed(self, name: str, found: list[str]) -> Trouble:
        finding = Finding(
            ELSEWHERE,
            f"it landed in {found[0]}, a variable of another name, of which the file has no tensor",
            tensor=name,
            hint="give the layer the name that it has in the file, or waive the variable under `restore`",
            severity=1.0,
            position=self.at,
        )
        return Trouble(finding, name, strangers=tuple(found))

    def _unwritten(self, name: str) -> Trouble:
        tensor, parts = self.home_of.get(name), self._landing(name).parts
        finding = Finding(
            NOT_RESTORED,
            "the load wrote parts of it, and not the whole" if parts else "the load did not write it",
            tensor=name,
            details=(
                f"it {self._holds(name)}",
                *(("the file has no tensor of its name",) if tensor is None else ()),
            ),
            hint="save the file with this variable, or waive it under `restore`",
            severity=1.0,
            position=self.at,
        )
        return Trouble(finding, None, (name,))

    def _foreign(self, name: str, tensor: str) -> Trouble:
        left = self.restored.tensors[tensor].group in self.groups
        why = "which `partial` leaves in the file" if left else "which is of a group that is not compared"
        if is_waived((tensor,), self.loading):
            why = "which is waived, and is no tensor of its name"
        finding = Finding(
            ELSEWHERE,
            f"it holds what the file has as {tensor}, {why}",
            tensor=name,
            hint="the loader goes by order, class or path where it should go by name: see how it finds this variable",
            severity=1.0,
            position=self.at,
        )
        return Trouble(finding, None, (name,))

    def _not_new(self, name: str) -> Trouble:
        finding = Finding(
            ELSEWHERE,
            f"`partial` leaves it as it was built, and the load wrote it: it {self._holds(name)}",
            tensor=name,
            hint="name it under `partial`, or give its layer a name of its own",
            severity=1.0,
            position=self.at,
        )
        return Trouble(finding, None, (name,))

    def _holds(self, variable: str) -> str:
        landing = self._landing(variable)
        if landing.tensor is not None:
            return f"holds what the file has as {landing.tensor}"
        if landing.parts:
            return f"holds parts of the file's {_listed(landing.parts)}"
        return "holds nothing of the file: what it was built with"


def _listed(names: list[str] | tuple[str, ...]) -> str:
    return ", ".join(names[:_MOST_NAMED]) + (", …" if len(names) > _MOST_NAMED else "")
