"""The tensors of a bundle under the names of docs/names.md: by its object graph, else by their keys."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace

from gate.errors import UnreadableError
from gate.formats.keras_names import distinct
from gate.formats.limits import Limits
from gate.formats.tensorflow.bundle import Bundle
from gate.formats.tensorflow.graph_names import group_of_keys
from gate.formats.tensorflow.object_graph import KEY, Graph, parse_object_graph
from gate.formats.tensorflow.object_names import Named, ObjectNames
from gate.formats.tensorflow.tensors import Stored
from gate.formats.text import quoted
from gate.tensors.weightset import Group, Layer, Tensor

TABLE = ("-keys", "-values")
"""What follows the key of a lookup table: it is stored as two tensors."""

SETTINGS = ("OBJECT_CONFIG_JSON", "PYTHON_STATE")
"""Attributes that hold settings of an object, no tensors."""


@dataclass
class Contents:
    """The tensors by name, and what the report should say."""

    tensors: dict[str, Tensor]
    notes: list[str] = field(default_factory=list)
    checksums: dict[str, Callable[[], None]] = field(default_factory=dict)
    """Of what is stored and no tensor of the model: settings, second copies of variables."""


def object_graph(bundle: Bundle, limits: Limits) -> Graph | None:
    """The object graph that a TF2 checkpoint carries; None for TF1's, which have names alone."""
    data = bundle.text(KEY)
    return None if data is None else parse_object_graph(data, bundle.shown, limits)


def by_objects(
    bundle: Bundle, graph: Graph, chains: Mapping[int, tuple[str, ...]] | None = None, containers: Collection[int] = ()
) -> Contents:
    """The tensors that the object graph names. `chains` and `containers`: see `ObjectNames`."""
    whole = {key for key, stored in bundle.tensors.items() if stored.shape == () and stored.dtype.kind in "iu"}
    named_objects = ObjectNames(graph, chains, containers, bundle.shown, whole).found
    found, empty = _with_tables(named_objects, bundle)
    twice = next((key for key, count in Counter(each.key for each in found).items() if count > 1), None)
    if twice is not None:
        raise UnreadableError(
            f"{bundle.shown}: the object graph has two variables with one value, {quoted(twice)}",
            "the file is damaged: save the checkpoint again",
        )
    contents = Contents({})
    if empty:
        contents.notes.append(f"lookup tables without entries, left out: {len(empty) // len(TABLE):,}")
    known = [each for each in found if each.key in bundle.tensors]
    lost = [each.key for each in found if each.key not in bundle.tensors]
    if lost:
        raise UnreadableError(
            f"{bundle.shown}: the object graph names {quoted(lost[0])}, which the checkpoint does not hold",
            "the files are of different saves: save or fetch the whole checkpoint again",
        )
    known = [each for each in known if not _is_setting(each.key, bundle)]
    known, doubled = _without_copies(known, bundle)
    if doubled:
        contents.notes.append(f"{doubled:,} variables are stored twice, bit for bit the same: each is listed once")
    named = {each.key for each in found} | empty
    left = [key for key in bundle.tensors if key not in named and key != KEY]
    contents.notes += _opaque(bundle)
    known = [each for each in known if not bundle.tensors[each.key].opaque]
    left = [key for key in left if not bundle.tensors[key].opaque]
    listed = {each.key for each in known}.union(left)
    contents.checksums = {key: stored.verify for key, stored in bundle.tensors.items() if key not in listed}
    names = distinct([*(each.names for each in known), *((key,) for key in left)])
    for name, each in zip(names, _indexed(known), strict=False):
        contents.tensors[name] = _tensor(name, bundle.tensors[each.key], each.group, each)
    for name, key in zip(names[len(known) :], left, strict=True):
        contents.tensors[name] = _tensor(name, bundle.tensors[key], Group.WEIGHTS)
    if left:
        contents.notes.append(f"{len(left):,} tensors are named by no object: they have the names of their keys")
    return contents


def by_keys(bundle: Bundle) -> Contents:
    """The tensors of a checkpoint without an object graph, as TF1 and Estimators write it: a key is the name."""
    contents = Contents({})
    groups = group_of_keys({key: stored.shape for key, stored in bundle.tensors.items()})
    contents.notes += _opaque(bundle)
    listed = {key: stored for key, stored in bundle.tensors.items() if not stored.opaque}
    choices = [(f"{groups[key].value}/{key}" if groups[key] is not Group.WEIGHTS else key,) for key in listed]
    for name, (key, stored) in zip(distinct(choices), listed.items(), strict=True):
        contents.tensors[name] = _tensor(name, stored, groups[key])
    return contents


def _opaque(bundle: Bundle) -> list[str]:
    """A word on what holds no numbers and no texts, such as the place of an iterator over a dataset."""
    names = [stored.key for stored in bundle if stored.opaque]
    if not names:
        return []
    what = "entry that only TensorFlow can read" if len(names) == 1 else "entries that only TensorFlow can read"
    return [f"{len(names):,} {what}, left out: {quoted(names[0])}{', …' if len(names) > 1 else ''}"]


def _is_setting(key: str, bundle: Bundle) -> bool:
    """Whether what an object holds is its configuration: one text, under a name that only those have."""
    stored = bundle.tensors[key]
    return key.rpartition("/.ATTRIBUTES/")[2] in SETTINGS and stored.dtype == object and stored.shape == ()


def _with_tables(found: list[Named], bundle: Bundle) -> tuple[list[Named], set[str]]:
    """Each lookup table as its two tensors; the keys of tables that are empty apart, since they hold nothing.

    Keras' layers of text have one beside their words, empty once they are adapted, and only checkpoints store it.
    """
    kept: list[Named] = []
    empty: set[str] = set()
    for each in found:
        keys = [each.key + end for end in TABLE]
        if each.key in bundle.tensors or not all(key in bundle.tensors for key in keys):
            kept.append(each)
        elif all(bundle.tensors[key].shape == (0,) for key in keys):
            empty |= set(keys)
        else:
            table = each.names[1].rpartition("/")[2]
            around = each.names[0].rpartition("/")[0]
            for end, key in zip(TABLE, keys, strict=True):
                names = (f"{around}/{table}{end}" if around else table + end, *(name + end for name in each.names[1:]))
                kept.append(replace(each, key=key, names=names, variable=table + end))
    return kept, empty


def _without_copies(found: list[Named], bundle: Bundle) -> tuple[list[Named], int]:
    """Without the second copies of variables. A copy that is like no variable of its name stays and is listed."""

    def content(each: Named) -> tuple[object, ...]:
        stored = bundle.tensors[each.key]
        return (each.variable, stored.type, stored.shape, stored.checksum)

    own = Counter(content(each) for each in found if not each.copy)
    kept, doubled = [], 0
    for each in found:
        if each.copy and own[content(each)] > 0 and bundle.tensors[each.key].checksum is not None:
            own[content(each)] -= 1
            doubled += 1
        else:
            kept.append(each)
    return kept, doubled


def _indexed(found: Iterable[Named]) -> list[Named]:
    """With the number of each variable in its layer where a list of all variables tells it.

    Such a list has a layer's trainable variables first, then the others; see `Layer.variables` of Keras 3.
    """
    counts: Counter[tuple[str, ...]] = Counter()
    layers: dict[tuple[str, ...], Layer] = {}
    indexed = []
    for each in found:
        listed = (
            each.group is Group.WEIGHTS and len(each.layer.order or ()) == 1 and each.names[1].startswith("variables/")
        )
        if listed:
            nodes = tuple(step.node for step in each.layer.steps)
            layer = layers.setdefault(nodes, each.layer)
            indexed.append(replace(each, index=counts[nodes], layer=layer))
            counts[nodes] += 1
        else:
            indexed.append(each)
    return indexed


def _tensor(name: str, stored: Stored, group: Group, named: Named | None = None) -> Tensor:
    return Tensor(
        name,
        stored.dtype,
        stored.shape,
        stored.read,
        group,
        stored.key,
        layer=named.layer if named else None,
        variable=named.variable if named else "",
        index=named.index if named else None,
        verify=stored.verify,
    )
